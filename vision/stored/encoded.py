"""The record of bottom-up attention (Anderson et al., 2018): sizes as text, arrays as base64 of little-endian float32."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np

from vision.errors import VisionError
from vision.found import Regions, checked, numbers

MOST = 1 << 31
"""Pixels of a side, and boxes, are fewer."""
NEEDED = ("image_w", "image_h", "num_boxes", "boxes", "features")


def regions_of(record: Mapping[str, Any], place: str) -> Regions:
    """The regions of one record.

    Args:
        record: image_w, image_h, num_boxes, boxes, features, and perhaps classes and image_box_feature. The arrays are
            base64 or lists.
        place: file and line, for messages.

    Raises:
        VisionError: something is missing, cut or no number.
    """
    missing = [name for name in NEEDED if name not in record]
    if missing:
        raise VisionError(f"{place}: {', '.join(missing)} missing; expected {', '.join(NEEDED)}.")
    try:
        width, height, count = int(record["image_w"]), int(record["image_h"]), int(record["num_boxes"])
    except (TypeError, ValueError, OverflowError) as error:
        raise VisionError(f"{place}: image_w, image_h and num_boxes must be whole numbers: {error}.") from error
    if not (max(width, height, count) < MOST and count >= 0):
        raise VisionError(
            f"{place}: a picture of {width} x {height} pixels with {count} boxes is none. Correct the numbers."
        )
    boxes = _array(record["boxes"], count, "boxes", place)
    features = _array(record["features"], count, "features", place)
    classes = _array(record["classes"], count, "classes", place) if record.get("classes") else None
    whole = _array(record["image_box_feature"], 1, "image_box_feature", place) if _has_whole(record) else None
    if whole is not None and not count:
        features = np.zeros((0, whole.shape[1]), np.float32)
    if whole is not None and whole.shape[1] != features.shape[1]:
        told = f"{whole.shape[1]} numbers, and features {features.shape[1]} a box"
        raise VisionError(f"{place}: image_box_feature has {told}. They must be equally many.")
    corners = checked(boxes, (width, height), place)
    return Regions(corners, features, classes, (width, height), None if whole is None else whole[0])


def _has_whole(record: Mapping[str, Any]) -> bool:
    return record.get("image_box_feature") is not None


def _array(value: Any, count: int, name: str, place: str) -> np.ndarray:
    """``[count, ...] float32``."""
    if isinstance(value, (str, bytes)):
        try:
            found = np.frombuffer(base64.b64decode(value, validate=True), "<f4")
        except (binascii.Error, ValueError) as error:
            raise VisionError(f"{place}: {name} is no base64 of float32: {error}.") from error
    else:
        found = numbers(value, name, place)
    if count == 0 or found.size % count:
        if count or found.size:
            raise VisionError(f"{place}: {name} has {found.size} numbers, which {count} boxes cannot share. Is it cut?")
        return np.zeros((0, 4 if name == "boxes" else 0), np.float32)
    return found.reshape(count, -1)
