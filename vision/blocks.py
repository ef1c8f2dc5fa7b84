"""The files of a region store: blocks of pictures, each written whole or not at all, and an index over them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kg.arrays import map_arrays, write_arrays
from kg.ids import IdIndex
from kg.json_text import from_json
from kg.places import META, whole_path
from vision.errors import VisionError, as_vision_error
from vision.found import Regions

KIND = "vision.regions"
INDEX, BLOCKS = "index.safetensors", "blocks"


@dataclass(frozen=True)
class Summary:
    """What a block holds.

    Attributes:
        pictures: id, number of regions, width and height of each picture, and whether the feature of its first region is the
            mean of the others.
        bad: id of each picture that could not be read, and why.
    """

    pictures: list[tuple[str, int, int, int, bool]]
    bad: list[tuple[str, str]]


def block_path(folder: Path, number: int) -> Path:
    """Where block ``number`` lies."""
    return folder / BLOCKS / f"{number:06d}.safetensors"


def write_block(
    folder: Path,
    number: int,
    pictures: Sequence[tuple[str, Regions]],
    bad: Sequence[tuple[str, str]] = (),
    dtype: str = "float16",
    width: int = 0,
) -> Summary:
    """Write one block; its arrays come last and make it whole.

    Args:
        folder: of the store.
        number: of the block.
        pictures: id and regions of each, the whole picture as the first region.
        bad: id of each picture that could not be read, and why.
        dtype: of features and classes.
        width: V, in case there is no picture.

    Raises:
        VisionError: widths differ, only some have classes, or the disk is full.
    """
    regions = [one for _, one in pictures]
    arrays = {"boxes": _joined([one.boxes for one in regions], 4, "float32", "boxes")}
    width = regions[0].features.shape[1] if regions else width
    arrays["features"] = _joined([one.features for one in regions], width, dtype, "features")
    if any(one.classes is not None for one in regions):
        arrays["classes"] = _classes(regions, dtype)
    summary = Summary([(name, len(one), *one.size, one.mean) for name, one in pictures], list(bad))
    path = block_path(folder, number)
    write_json(path.with_suffix(".json"), vars(summary))
    with whole(path) as temporary:
        write_arrays(temporary, arrays)
    return summary


def read_summary(folder: Path, number: int) -> Summary:
    """What block ``number`` holds."""
    path = block_path(folder, number).with_suffix(".json")
    try:
        content = from_json(path.read_text(encoding="utf-8"))
        pictures = [(*row, False)[:5] for row in content["pictures"]]  # older stores do not say what is a mean
        return Summary(pictures, [(row[0], row[1]) for row in content["bad"]])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise VisionError(f"{path} is damaged: {error}. Remove {path.with_suffix('.*')} and go on.") from error


def finish(folder: Path, blocks: int, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Write the index and ``meta.json``, which make the store whole; returns the content of the latter.
    Raises:
        VisionError: an id occurs twice, or the disk is full.
    """
    summaries = [read_summary(folder, number) for number in range(blocks)]
    counts = [[row[1] for row in summary.pictures] for summary in summaries]
    index = {
        "blocks": np.repeat(np.arange(blocks), [len(row) for row in counts]),
        "counts": np.array([count for row in counts for count in row], np.int64),
        "firsts": np.concatenate(
            [np.zeros(0, np.int64), *(np.cumsum(row, dtype=np.int64) - row for row in counts if row)]
        ),
        "sizes": np.array([row[2:4] for one in summaries for row in one.pictures], np.int64).reshape(-1, 2),
        "means": np.array([row[4] for one in summaries for row in one.pictures], np.uint8),
    }
    with as_vision_error():
        index |= IdIndex.build(row[0] for summary in summaries for row in summary.pictures)
    with whole(folder / INDEX) as temporary:
        write_arrays(temporary, index)
    numbers = {"pictures": len(index["counts"]), "regions": int(index["counts"].sum()), "blocks": blocks}
    bad = sum(len(summary.bad) for summary in summaries)
    content = {"kind": KIND, "version": 1, **numbers, "bad": bad, **_widths(folder, blocks), **meta}
    write_json(folder / META, content)
    return content


def _widths(folder: Path, blocks: int) -> dict[str, Any]:
    """Width, number of classes and type, which all blocks share; reads their headers, which also shows what is cut."""
    found: dict[tuple[int, int, str], int] = {}
    for number in range(blocks):
        with as_vision_error():
            arrays = map_arrays(block_path(folder, number))
        features = arrays["features"]
        classes = arrays["classes"].shape[1] if "classes" in arrays else 0
        if len(features) or number == blocks - 1:
            found.setdefault((features.shape[1], classes, str(features.dtype)), number)
    if len(found) > 1:
        told = ", ".join(
            f"{block_path(folder, number).name} has features of width {width} and {classes} classes"
            for (width, classes, _), number in found.items()
        )
        raise VisionError(f"Blocks differ: {told}. Width and classes must be the same for all.")
    shared = next(iter(found))
    return dict(zip(("width", "classes", "dtype"), shared))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """A JSON file that appears only when all of it is written."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """See :func:`kg.places.whole_path`, with errors of this package."""
    with as_vision_error(), whole_path(path) as temporary:
        yield temporary


def _classes(regions: Sequence[Regions], dtype: str) -> np.ndarray:
    """``[n, K]``; a picture without boxes may lack them, since its only region is the whole picture."""
    count = max(one.classes.shape[1] for one in regions if one.classes is not None)
    parts = []
    for one in regions:
        if len(one) > 1 and one.classes is None:
            raise VisionError("Some of these pictures have classes and some do not. Give them to all, or to none.")
        parts.append(np.zeros((len(one), count)) if len(one) == 1 or one.classes is None else one.classes)
    return _joined(parts, count, dtype, "classes")


def _joined(parts: list[np.ndarray], width: int, dtype: str, name: str) -> np.ndarray:
    """``[n, width]`` of ``dtype``."""
    widths = sorted({part.shape[1] for part in parts})
    if widths not in ([], [width]):
        raise VisionError(
            f"The {name} of these pictures have widths {', '.join(map(str, widths))}. One width is needed."
        )
    return np.concatenate([np.zeros((0, width), dtype), *parts]).astype(dtype)
