"""What an example says of the objects in its boxes, as batch fields with a row a region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kplm.data.example import Picture
from kplm.data.sources.base import json_file
from kplm.errors import DataError
from kplm.fields import IGNORE
from vision.masks import Polygon, box_mask

MASKS, KINDS = "region_masks", "region_kinds"
WHOLE = 0
"""The class of the whole picture: background."""
_FORM = 'It holds {"segms": [...]}: for each box a list of polygons, [[x, y], ...] in pixels.'


def kinds(picture: Picture, regions: int) -> np.ndarray:
    """``region_kinds``, ``[R] int64``: the class of each object, 0 for the whole picture; the ignore index where nobody says.

    Args:
        picture: whose regions are the whole and the boxes it comes with.
        regions: R, how many regions it has.
    """
    if picture.kinds is None or picture.boxes is None:
        return np.full(regions, IGNORE, np.int64)
    return np.array([WHOLE, *picture.kinds], np.int64)


def masks(picture: Picture, boxes: np.ndarray, side: int) -> np.ndarray:
    """``region_masks``, ``[R, S, S] float32``: 1 where a place in a box lies inside the object's outline.

    The whole picture, and boxes without an outline, are all ones.

    Args:
        picture: names the file of its outlines.
        boxes: ``[R, 4]``, in pixels of the picture as it is in its file; the whole picture first.
        side: S.

    Raises:
        DataError: the file cannot be read, or does not have an outline for each box.
    """
    found = np.ones((len(boxes), side, side), np.float32)
    if picture.outlines is None or picture.boxes is None:
        return found
    for number, polygons in enumerate(_outlines(picture.outlines, len(boxes) - 1), start=1):
        if polygons:
            found[number] = box_mask(polygons, boxes[number], side)
    return found


def _outlines(path: str, boxes: int) -> list[list[Polygon]]:
    content = json_file(path)
    found = content.get("segms") if isinstance(content, dict) else None
    if not isinstance(found, list) or len(found) != boxes:
        got = f"{len(found)} outlines" if isinstance(found, list) else "no list 'segms'"
        raise DataError(f"{path} has {got} for {boxes} boxes. {_FORM}")
    return [[_polygon(corners, path, number) for corners in one or ()] for number, one in enumerate(found)]


def _polygon(corners: Sequence[Any], path: str, number: int) -> Polygon:
    try:
        polygon = np.array(corners, np.float64)
    except (TypeError, ValueError):
        polygon = np.zeros(0)
    if polygon.ndim != 2 or polygon.shape[1] != 2 or not np.isfinite(polygon).all():
        raise DataError(f"{path}: the outline of box {number} is no list of [x, y]. {_FORM}")
    return polygon
