"""Extraction: the same store however it was made, and what becomes of bad pictures and killed runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vision.extract
from tests.processes import Job
from vision import RegionStore, VisionError
from vision.blocks import write_block
from vision.commands import extract, import_features, info, scenes
from vision.listing import listed
from vision.proposals import BoxFile
from vision.sources import class_names, region_source

SMALL: dict[str, Any] = {"regions": "small", "weights": "random", "device": "cpu", "block": 4}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "scenes"
    scenes(str(folder), count=14, side=32)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "blocks").iterdir())} | {
        "index": (folder / "index.safetensors").read_bytes(),
        "meta": (folder / "meta.json").read_bytes(),
    }


@pytest.fixture(scope="module")
def whole(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "store"
    extract(str(world), str(out), boxes=f"{world}/boxes.jsonl", **SMALL)
    return out


def test_regions_are_the_whole_picture_and_the_boxes_of_the_file(world: Path, whole: Path) -> None:
    store, boxes = RegionStore.open(whole), BoxFile(world / "boxes.jsonl", class_names(world / "classes.txt"))
    assert len(store) == 14
    assert store.classes == 18
    assert store.meta["random"] is True
    torch.manual_seed(0)
    source = region_source("small", "random").eval()
    for name in store.ids():
        image, found = Image.open(world / name), store[name]
        expected = boxes(name, image)
        assert found.size == (32, 32)
        assert np.array_equal(found.boxes[1:], expected.corners)
        assert found.boxes[0].tolist() == pytest.approx([0, 0, 31 / 32, 31 / 32])
        assert found.classes is not None
        assert np.array_equal(found.classes[1:], expected.classes)
        values, size = source.prepare(image)
        mask = torch.ones(1, len(found))
        with torch.inference_mode():
            features = source(values[None], torch.from_numpy(found.boxes.copy())[None], mask, size[None])[0]
        np.testing.assert_allclose(found.features, features.numpy(), atol=2e-3)


def test_parts_and_their_order_do_not_matter(
    world: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "store"
    for part in ("3/3", "1/3", "2/3"):
        with pytest.raises(VisionError, match="no region store"):
            RegionStore.open(out.parent if not out.exists() else out)
        extract(str(world), str(out), boxes=f"{world}/boxes.jsonl", part=part, **{**SMALL, "batch_size": 2})
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first == {"out": str(out), "part": "3/3", "blocks": "1 of 4", "next": "--part join/3"}
    assert content(out) == content(whole)


def test_ranks_of_torchrun_are_parts(world: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        extract(str(world), str(tmp_path / "store"), boxes=f"{world}/boxes.jsonl", **SMALL)
    assert content(tmp_path / "store") == content(whole)


def test_two_processes_give_the_same(world: Path, whole: Path, tmp_path: Path) -> None:
    extract(str(world), str(tmp_path / "store"), boxes=f"{world}/boxes.jsonl", processes=2, **SMALL)
    assert content(tmp_path / "store") == content(whole)


def killed_before_block_2(*arguments: str, **named: Any) -> None:
    """An extraction that dies when two blocks are whole."""
    write = vision.extract.write_block

    def dies(*args: Any, **options: Any) -> Any:
        if args[1] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(*args, **options)

    vision.extract.write_block = dies
    extract(*arguments, **named)


def test_a_killed_run_goes_on_where_it_was(world: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    second = out / "blocks" / "000001.stamp"
    code, printed = Job(killed_before_block_2, str(world), str(out), boxes=f"{world}/boxes.jsonl", **SMALL).wait()
    assert code == -signal.SIGKILL, printed
    begun = second.with_suffix(".safetensors").stat().st_mtime_ns
    assert len(list((out / "blocks").glob("*.safetensors"))) == 2
    with pytest.raises(VisionError, match="only been begun: run the same command again"):
        RegionStore.open(out)
    extract(str(world), str(out), boxes=f"{world}/boxes.jsonl", **SMALL)
    assert second.with_suffix(".safetensors").stat().st_mtime_ns == begun
    assert content(out) == content(whole)


def test_eight_parts_are_joined_and_what_is_missing_is_named(world: Path, whole: Path, tmp_path: Path) -> None:
    settings = {"images": str(world), "out": str(tmp_path / "store"), "boxes": f"{world}/boxes.jsonl", **SMALL}
    for turn in (8, 1, 3, 4, 5, 6, 7):
        extract(**settings, part=f"{turn}/8")
    with pytest.raises(VisionError, match="1 of 4 blocks are not finished in .*: 1. Run --part 2/8 with the same"):
        extract(**settings, part="join/8")
    extract(**settings, part="2/8")
    extract(**settings, part="join/8")
    assert content(tmp_path / "store") == content(whole)


def test_blocks_of_other_settings_and_other_pictures_are_made_again(world: Path, whole: Path, tmp_path: Path) -> None:
    out, images = tmp_path / "store", tmp_path / "world"
    shutil.copytree(world, images)
    Image.new("RGB", (32, 32)).save(images / "images" / "000000.png")
    settings = {"images": str(images), "out": str(out), "boxes": f"{images}/boxes.jsonl", **SMALL}
    extract(**{**settings, "block": 2, "dtype": "float32"}, part="1/2")
    assert len(list((out / "blocks").glob("*.stamp"))) == 4
    extract(**settings, part="1/2")
    shutil.copy(world / "images" / "000000.png", images / "images")
    extract(**settings)
    made, expected = (content(store) for store in (out, whole))
    assert json.loads(made.pop("meta")) == json.loads(expected.pop("meta")) | {"boxes_from": settings["boxes"]}
    assert made == expected


def test_the_number_of_threads_is_that_of_the_settings_and_back_afterwards(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        "vision.extract.write_block", lambda *made: (seen.append(torch.get_num_threads()), write_block(*made))[1]
    )
    torch.set_num_threads(3)
    try:
        for threads in (1, 2):
            extract(str(world), str(tmp_path / str(threads)), boxes="grid:1x1", **SMALL, threads=threads)
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)
    assert seen == [1] * 4 + [2] * 4


def test_the_same_again_changes_nothing_and_something_else_is_refused(world: Path, whole: Path, tmp_path: Path) -> None:
    before = content(whole)
    extract(str(world), str(whole), boxes=f"{world}/boxes.jsonl", **SMALL)
    assert content(whole) == before
    with pytest.raises(VisionError, match="was made with boxes '.*boxes.jsonl', now 'grid:2x2'"):
        extract(str(world), str(whole), boxes="grid:2x2", **SMALL)
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(VisionError, match="holds no extraction that was begun"):
        extract(str(world), str(tmp_path), boxes="grid:2x2", **SMALL)


def test_bad_pictures_are_passed_over_up_to_a_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        Image.new("L", (1 + 30 * number, 9)).save(tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "in" / "notes.txt").write_bytes(b"no picture either")
    where = str(tmp_path / "in"), str(tmp_path / "out")
    with pytest.raises(
        VisionError, match=r"1 pictures are bad, max_bad=0 tolerated. The first: .*broken.jpg is no picture"
    ):
        extract(*where, boxes="grid:2x2", max_bad=0, **SMALL)
    extract(*where, boxes="grid:2x2", **SMALL)
    assert "passed over: " in caplog.text
    assert json.loads(capsys.readouterr().out)["bad"] == 1
    store = RegionStore.open(where[1])
    assert list(store.ids()) == [f"{number}.png" for number in range(4)]
    assert store.counts.tolist() == [5, 5, 5, 5]


def test_only_bad_pictures_give_an_empty_store(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no picture")
    extract(str(tmp_path / "in"), str(tmp_path / "out"), boxes="grid:2x2", **SMALL)
    assert len(RegionStore.open(tmp_path / "out", width=256)) == 0
    info(str(tmp_path / "out"))


def test_detectors_give_the_classes_of_their_own_head(world: Path, tmp_path: Path) -> None:
    picture, name = str(world / "images" / "000000.png"), "detector:fasterrcnn_mobilenet_v3_large_320_fpn"
    extract(picture, str(tmp_path / "out"), boxes="grid:1x2", regions=name, weights="random", device="cpu")
    soft = RegionStore.open(tmp_path / "out")["000000.png"].classes
    assert soft is not None
    assert soft.sum(1).tolist() == pytest.approx([0, 1, 1], abs=0.02)


def test_pictures_are_listed_from_folders_lists_and_one_file(world: Path, tmp_path: Path) -> None:
    assert [name for name, _ in listed(world)] == [name for name, _ in listed(world / "boxes.jsonl")]
    assert listed(world / "images" / "000003.png")[0][0] == "000003.png"
    with pytest.raises(VisionError, match="holds no pictures"):
        listed(tmp_path)
    (tmp_path / "bad.jsonl").write_text('{"picture": 1}\n')
    with pytest.raises(VisionError, match=r"bad.jsonl:1: got .*expected"):
        listed(tmp_path / "bad.jsonl")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"part": "0/2"}, "part is '0/2'"),
        ({"part": "two"}, "write K/N"),
        ({"block": 0}, "block=0 must be at least 1"),
        ({"threads": 0}, "threads=0 must be at least 1"),
    ],
)
def test_impossible_settings_are_refused(world: Path, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(VisionError, match=told):
        extract(str(world), str(tmp_path / "out"), boxes="grid:2x2", **{**SMALL, **changes})


def test_features_of_others_become_a_store_and_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    boxes, features = np.array([[0, 0, 5, 5]]), np.ones((1, 4))
    np.savez(tmp_path / "in" / "7.npz", boxes=boxes, features=features, image_w=10, image_h=10)
    import_features(str(tmp_path / "in"), str(tmp_path / "out"))
    info(str(tmp_path / "out"))
    imported, told = capsys.readouterr().out.split("\n", 1)
    assert json.loads(imported)["own_feature_of_whole_picture"] == 0
    assert json.loads(told)["first_ids"] == ["7"]
    assert json.loads(told)["regions_of_a_picture"] == {"mean": 2.0, "min": 2, "max": 2}
    with pytest.raises(VisionError, match="features of width 4, but 2048 is expected"):
        import_features(str(tmp_path / "in"), str(tmp_path / "other"), width=2048)
