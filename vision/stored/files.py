"""A file a picture: JSON of bottom-up attention, or numpy's arrays."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from vision.addresses import read_bytes
from vision.errors import VisionError
from vision.found import Regions, checked
from vision.proposals.grid import Grid
from vision.stored.encoded import regions_of

ENDINGS = (".json", ".npz", ".npy")
FEATURES, BOXES = ("features", "x"), ("boxes", "bbox")


def read_file(address: str) -> Regions:
    """The regions of one picture.

    Args:
        address: a file, or ``archive.zip@/inner/path``. ``.json`` is the record of `regions_of`; ``.npz`` has the arrays
            boxes (or bbox) in pixels, features (or x), image_w, image_h, and perhaps classes; ``.npy`` is a grid of
            features, ``[rows, columns, V]``.

    Raises:
        VisionError: the file is missing, of another layout or damaged.
    """
    content = read_bytes(address)
    if address.endswith(".json"):
        try:
            record = json.loads(content)
        except ValueError as error:
            raise VisionError(f"{address}: no JSON ({error}).") from error
        if not isinstance(record, dict):
            raise VisionError(f"{address}: a JSON object is expected, got {str(record)[:80]!r}.")
        return regions_of(record, address)
    loaded = _numpy(content, address)
    return _grid(loaded, address) if isinstance(loaded, np.ndarray) else _named(loaded, address)


def _numpy(content: bytes, address: str) -> Any:
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except Exception as error:  # numpy and zipfile have many
        raise VisionError(f"{address}: no arrays of numpy, or pickled ones, which are not read: {error}.") from error


def _grid(features: np.ndarray, address: str) -> Regions:
    if features.ndim != 3:
        fix = "For other boxes write an .npz with boxes, features, image_w and image_h."
        raise VisionError(f"{address}: expected a grid [rows, columns, V], got shape {list(features.shape)}. {fix}")
    rows, columns, width = features.shape
    return Regions(Grid(rows, columns)("").corners, features.reshape(-1, width).astype(np.float32), None, (0, 0))


def _named(arrays: dict[str, np.ndarray], address: str) -> Regions:
    features, boxes = (next((arrays[key] for key in keys if key in arrays), None) for keys in (FEATURES, BOXES))
    if features is None or boxes is None or not {"image_w", "image_h"} <= set(arrays):
        wanted = "boxes (or bbox), features (or x), image_w, image_h"
        raise VisionError(f"{address}: has {', '.join(arrays) or 'nothing'}; expected {wanted}.")
    size = int(arrays["image_w"]), int(arrays["image_h"])
    corners = checked(boxes, size, address)
    if features.ndim != 2 or len(features) != len(corners):
        raise VisionError(f"{address}: features of shape {list(features.shape)} for {len(corners)} boxes.")
    return Regions(corners, features.astype(np.float32), arrays.get("classes"), size)
