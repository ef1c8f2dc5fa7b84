"""A file a picture: JSON of bottom-up attention, or numpy's arrays."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np

from kg.json_text import from_json
from vision.addresses import LARGEST, read_bytes
from vision.errors import VisionError
from vision.found import Regions, checked, numbers
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
            record = from_json(content)
        except ValueError as error:
            raise VisionError(f"{address}: no JSON ({error}).") from error
        if not isinstance(record, dict):
            raise VisionError(f"{address}: a JSON object is expected, got {str(record)[:80]!r}.")
        return regions_of(record, address)
    loaded = _numpy(content, address)
    return _grid(loaded, address) if isinstance(loaded, np.ndarray) else _named(loaded, address)


def _numpy(content: bytes, address: str) -> Any:
    try:
        _refuse_bomb(content)
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except Exception as error:  # numpy and zipfile have many
        why = f"no arrays of numpy, or pickled ones, which are not read: {error}"
        raise VisionError(f"{address}: {why}. Save arrays of numbers with numpy.savez or numpy.save.") from error


def _refuse_bomb(content: bytes) -> None:
    file = io.BytesIO(content)
    if zipfile.is_zipfile(file):
        size = sum(member.file_size for member in zipfile.ZipFile(file).infolist())
        if size > LARGEST:
            raise ValueError(f"they unpack to {size:,} bytes, and {LARGEST:,} is the most")


def _grid(features: np.ndarray, address: str) -> Regions:
    if features.ndim != 3:
        fix = "For other boxes write an .npz with boxes, features, image_w and image_h."
        raise VisionError(f"{address}: expected a grid [rows, columns, V], got shape {list(features.shape)}. {fix}")
    rows, columns, width = features.shape
    found = numbers(features, "features", address).reshape(rows * columns, width)
    return Regions(Grid(rows, columns)("").corners, found, None, (0, 0))


def _named(arrays: dict[str, np.ndarray], address: str) -> Regions:
    features, boxes = (next((arrays[key] for key in keys if key in arrays), None) for keys in (FEATURES, BOXES))
    if features is None or boxes is None or not {"image_w", "image_h"} <= set(arrays):
        wanted = "boxes (or bbox), features (or x), image_w, image_h"
        raise VisionError(f"{address}: has {', '.join(arrays) or 'nothing'}; expected {wanted}.")
    try:
        size = int(arrays["image_w"]), int(arrays["image_h"])
    except (TypeError, ValueError, OverflowError) as error:
        raise VisionError(f"{address}: image_w and image_h must be whole numbers: {error}.") from error
    corners = checked(boxes, size, address)
    found = {"features": features} | ({"classes": arrays["classes"]} if "classes" in arrays else {})
    for what, array in found.items():
        if array.ndim != 2 or len(array) != len(corners):
            raise VisionError(f"{address}: {what} of shape {list(array.shape)} for {len(corners)} boxes.")
        found[what] = numbers(array, what, address)
    return Regions(corners, found["features"], found.get("classes"), size)
