"""Every reader of pictures, boxes and region features answers any file, or says with an error of ours why it does not."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.fuzz.hostile import QUICK, Case, answers, changed_json, changed_lines, contents
from tests.fuzz.test_graphs import changed_headers, files_of
from vision.addresses import files, read_bytes
from vision.blocks import read_summary
from vision.found import Regions
from vision.listing import listed
from vision.pictures import opened
from vision.proposals import BoxFile
from vision.store import RegionStore
from vision.stored import open_stored, read_stored


def drawn(kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.effect_noise((9, 7), 60).convert(mode).save(file, kind)
    return file.getvalue()


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def spelled(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


def grid() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((2, 2, 3), np.float32))
    return file.getvalue()


RECORD = {
    "image_w": 9,
    "image_h": 7,
    "num_boxes": 1,
    "boxes": spelled(1, 2, 3, 4),
    "features": spelled(5, 6),
    "classes": spelled(0.5, 0.5),
}
LISTS = {
    "image_w": 9,
    "image_h": 7,
    "num_boxes": 1,
    "boxes": [[1, 2, 3, 4]],
    "features": [[5, 6]],
    "image_box_feature": [[1, 2]],
}
ARRAYS = {
    "boxes": np.array([[1, 2, 3, 4.0]]),
    "features": np.ones((1, 2)),
    "image_w": 9,
    "image_h": 7,
    "classes": np.ones((1, 3)),
}
ROW = {"image": "a.png", "boxes": [[1, 2, 3, 4]], "labels": ["red circle"], "classes": [[0.5, 0.5]]}
TSV = "\t".join(["a", "9", "7", "1", spelled(1, 2, 3, 4), spelled(5, 6)]).encode() + b"\n"
MEMBERS = {"a.png": drawn("PNG"), "b.json": json.dumps(RECORD).encode()}


def boxes(folder: Path) -> object:
    found = BoxFile(folder / "a.jsonl")
    return [found.boxes(name, (9, 7)) for name in found.images()]


def in_archive(folder: Path) -> object:
    names = [name for name, _ in files(folder / "a.zip", (".png", ".json"))]
    return [read_bytes(f"{folder}/a.zip@/{name}") for name in names], opened(f"{folder}/a.zip@/a.png")


def stored(name: str) -> Callable[[Path], object]:
    return lambda folder: read_stored(folder / name).with_whole()


BYTES = (
    *(
        Case(kind, {"a.png": drawn(kind)}, lambda folder: opened(folder / "a.png"))
        for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP")
    ),
    Case("grey", {"a.png": drawn("PNG", "L")}, lambda folder: opened(folder / "a.png")),
    Case("palette", {"a.gif": drawn("GIF", "P")}, lambda folder: opened(folder / "a.gif")),
    Case("zip", {"a.zip": zipped(MEMBERS)}, in_archive),
    Case("zip-stored", {"a.zip": zipped(MEMBERS, zipfile.ZIP_STORED)}, in_archive),
    Case("npz", {"a.npz": saved(**ARRAYS)}, stored("a.npz")),
    Case("npy", {"a.npy": grid()}, stored("a.npy")),
    Case("tsv", {"a.tsv": TSV}, lambda folder: list(open_stored(folder / "a.tsv"))),
)
JSON = (
    Case("json", {"a.json": json.dumps(RECORD).encode()}, stored("a.json")),
    Case("json-lists", {"a.json": json.dumps(LISTS).encode()}, stored("a.json")),
    Case("boxes", {"a.jsonl": json.dumps(ROW).encode()}, boxes),
    Case("list", {"a.jsonl": json.dumps(ROW).encode()}, lambda folder: listed(folder / "a.jsonl")),
)


@pytest.mark.parametrize("case", [*BYTES, *JSON], ids=str)
def test_what_the_cases_begin_with_is_read(case: Case) -> None:
    assert answers(case, {})


@pytest.mark.parametrize("case", [*BYTES, *JSON], ids=str)
@QUICK
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(case: Case, data: st.DataObject) -> None:
    ((name, content),) = case.files.items()
    answers(case, {name: data.draw(contents(content))})


@pytest.mark.parametrize("case", JSON, ids=str)
def test_any_value_in_any_place_is_read_or_refused(case: Case) -> None:
    ((name, content),) = case.files.items()
    for one in (changed_lines if name.endswith("l") else changed_json)(content):
        answers(case, {name: one})


SHAPES: tuple[Any, ...] = (
    *(
        np.zeros(0),
        np.zeros((0, 4)),
        np.float32(3),
        np.array("x"),
        np.array(["1", "2"]),
        np.array([1 + 2j]),
        np.zeros((2, 2, 2)),
    ),
    *(
        np.full((1, 4), np.nan),
        np.array([[4, 3, 2, 1.0]]),
        np.array([[1e300] * 4]),
        np.zeros((1, 4), np.int8),
        np.array([True]),
    ),
)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_any_shape_and_type_are_read_or_refused(name: str) -> None:
    case = Case("npz", {}, stored("a.npz"))
    for array in SHAPES:
        answers(case, {"a.npz": saved(**{**ARRAYS, name: array})})
    answers(case, {"a.npz": saved(**{other: array for other, array in ARRAYS.items() if other != name})})


@pytest.mark.parametrize("array", SHAPES, ids=str)
def test_a_grid_of_any_shape_and_type_is_read_or_refused(array: Any) -> None:
    file = io.BytesIO()
    np.save(file, array)
    answers(Case("npy", {"a.npy": file.getvalue()}, stored("a.npy")), {})


def region_store(folder: Path) -> None:
    one = Regions(
        np.array([[0, 0, 0.5, 0.5]], np.float32), np.ones((1, 3), np.float32), np.ones((1, 2), np.float32), (9, 7)
    )
    RegionStore.write(folder, [("a", one), ("b", one)])


STORE = files_of(region_store)


def fetched(folder: Path) -> object:
    found = RegionStore.open(folder / "it")
    return found.batch(["a", "b"]), found["a"], list(found.ids()), read_summary(folder / "it", 0)


def test_a_store_is_read() -> None:
    assert answers(Case("store", STORE, fetched), {})


def test_a_store_with_a_changed_file_is_read_or_refused() -> None:
    for name, content in STORE.items():
        changed: Iterator[bytes] = changed_json(content) if name.endswith(".json") else changed_headers(content)
        for one in changed:
            answers(Case("store", STORE, fetched), {name: one})


@QUICK
@given(data=st.data())
def test_a_store_with_changed_numbers_is_read_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in STORE if name.endswith(".safetensors")]))
    content = bytearray(STORE[name])
    at = data.draw(st.integers(8 + int.from_bytes(content[:8], "little"), len(content) - 1))
    new = data.draw(st.binary(min_size=1, max_size=8))
    content[at : at + len(new)] = new[: len(content) - at]
    answers(Case("store", STORE, fetched), {name: bytes(content)})
