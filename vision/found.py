"""What was found in one picture: boxes, and regions with their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vision.errors import VisionError


@dataclass(frozen=True)
class Boxes:
    """Boxes of one picture, without features.

    Attributes:
        corners: ``[R, 4] float32``, x1, y1, x2, y2 as parts of the picture's width and height.
        labels: what is in each, or empty.
        classes: ``[R, K] float32``, how likely each class is, or None.
    """

    corners: np.ndarray
    labels: tuple[str, ...] = ()
    classes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.corners)


@dataclass(frozen=True)
class Regions:
    """Regions of one picture.

    Attributes:
        boxes: ``[R, 4] float32``, x1, y1, x2, y2 as parts of the picture's width and height.
        features: ``[R, V]`` float16 or float32.
        classes: ``[R, K]`` float, how likely each class is, or None.
        size: width and height of the picture in pixels; zeros where they are not known.
        whole: ``[V]`` float, the feature of the whole picture, where a file has one.
        mean: the first region is the whole picture, and its feature is the mean of the others.
    """

    boxes: np.ndarray
    features: np.ndarray
    classes: np.ndarray | None
    size: tuple[int, int]
    whole: np.ndarray | None = None
    mean: bool = False

    def __len__(self) -> int:
        return len(self.boxes)

    def with_whole(self) -> Regions:
        """The same with the whole picture as the first region.

        Its feature is ``whole``, else the mean of all features, as VL-BERT's code does; it has no class.
        """
        feature = self.features.mean(axis=0, dtype=np.float32) if self.whole is None and len(self) else self.whole
        first = np.zeros(self.features.shape[1], np.float32) if feature is None else feature
        features = np.concatenate([first[None].astype(self.features.dtype), self.features])
        classes = self.classes
        if classes is not None:
            classes = np.concatenate([np.zeros_like(classes, shape=(1, classes.shape[1])), classes])
        boxes = np.concatenate([whole_box(self.size)[None], self.boxes])
        mean = self.whole is None
        return replace(self, boxes=boxes, features=features, classes=classes, whole=None, mean=mean)


def whole_box(size: Sequence[int]) -> np.ndarray:
    """The whole picture in parts, ``[4] float32``: as published it ends at the last pixel, (w - 1) / w."""
    return np.array([0, 0, *(1 - 1 / side if side else 1 for side in size)], np.float32)


def numbers(values: Any, what: str, name: str, dtype: type[np.floating[Any]] = np.float32) -> np.ndarray:
    """Values of a file as an array of ``dtype``.

    Args:
        values: numbers, or lists of them.
        what: they are, for messages.
        name: the picture's, for messages.
        dtype: of the array; what is too large for it becomes infinite.

    Raises:
        VisionError: there is something else among them, or the lists have different lengths.
    """
    try:
        with np.errstate(over="ignore"):
            found = np.asarray(values)
            if found.dtype.kind == "c":
                raise TypeError("these are complex")
            return found.astype(dtype, copy=False)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise VisionError(f"{name}: {what} must be numbers, in lists of one length: {error}.") from error


def checked(boxes: np.ndarray, size: Sequence[float], name: str) -> np.ndarray:
    """Boxes in pixels as parts of the picture, cut at its edges.

    Args:
        boxes: ``[R, 4]`` numbers, or what should be.
        size: width and height of the picture in pixels; ones for boxes that are parts already.
        name: the picture's, for messages.

    Returns: ``[R, 4] float32``.

    Raises:
        VisionError: the shape is another, a number is not finite, or a box ends before it begins.
    """
    corners = numbers(boxes, "boxes", name, np.float64)
    if corners.size == 0:
        return np.zeros((0, 4), np.float32)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise VisionError(f"{name}: boxes of shape {list(corners.shape)}; expected [R, 4], a box as x1, y1, x2, y2.")
    if min(size) <= 0:
        raise VisionError(f"{name}: a picture of {size[0]} x {size[1]} pixels has no boxes. Correct the sizes.")
    bad = np.flatnonzero(~np.isfinite(corners).all(axis=1) | (corners[:, 2:] < corners[:, :2]).any(axis=1))
    if len(bad):
        told = ", ".join(f"{number:g}" for number in corners[bad[0]])
        fix = "A box is x1, y1, x2, y2 with x1 <= x2 and y1 <= y2."
        raise VisionError(f"{name}: box {bad[0]} is ({told}). {fix} Is it x, y, width, height?")
    return np.clip(corners / np.tile(np.asarray(size, np.float64), 2), 0, 1).astype(np.float32)
