"""Stored features, whatever their layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from kg.places import locate
from vision.addresses import files
from vision.errors import VisionError, as_vision_error
from vision.found import Regions
from vision.stored.files import ENDINGS, read_file
from vision.stored.tsv import read_tsv


def read_stored(address: str | Path, width: int | None = None) -> Regions:
    """The features of one picture from a file of its own.

    Args:
        address: a .json, .npz or .npy file (see `read_file`), or ``archive.zip@/inner/path``.
        width: V that is expected; None for any.

    Raises:
        VisionError: the file is missing or wrong, or its features have another width.
    """
    text = str(address)
    if not text.endswith(ENDINGS):
        raise VisionError(f"{text}: stored features of one picture end in {', '.join(ENDINGS)}.")
    return _of_width(read_file(text), width, text)


def open_stored(source: str | Path, width: int | None = None) -> Iterator[tuple[str, Regions]]:
    """The id and the features of every picture, one after another.

    Args:
        source: a .tsv file of bottom-up attention, or a folder or zip archive of .json, .npz or .npy files, whose ids
            are their paths without the ending.
        width: V that is expected; left out, that of the first picture.

    Raises:
        VisionError: the source is missing, holds none, or a picture is wrong or of another width.
    """
    with as_vision_error():
        place = locate(source)
    told = width
    for name, regions in read_tsv(place) if place.suffix == ".tsv" else _each_file(place):
        yield name, _of_width(regions, told, f"{place} ({name})")
        if told is None and len(regions):
            told = regions.features.shape[1]


def _each_file(place: Path) -> Iterator[tuple[str, Regions]]:
    found = False
    for name, address in files(place, ENDINGS):
        found = True
        yield str(PurePosixPath(name).with_suffix("")), read_file(address)
    if not found:
        raise VisionError(f"{place} holds no files that end in {', '.join(ENDINGS)}.")


def _of_width(regions: Regions, width: int | None, place: str) -> Regions:
    got = regions.features.shape[1]
    if width is None or got == width:
        return regions
    if not len(regions):
        return replace(regions, features=np.zeros((0, width), np.float32))
    fix = "Set feature_width to the width of the file, or give features of the width that the model has."
    raise VisionError(f"{place}: features of width {got}, but {width} is expected. {fix}")
