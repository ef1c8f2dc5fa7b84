"""Boxes by selective search, without any training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vision.errors import VisionError
from vision.found import Boxes, checked

if TYPE_CHECKING:
    from PIL.Image import Image


class SelectiveSearch:
    """Selective search (Uijlings et al., 2013) by OpenCV: segments of similar colour, merged step by step.

    Args:
        most: so many boxes at most.
        least: the smallest side of a box in pixels.

    Raises:
        VisionError: OpenCV with its contributed modules is not installed.
    """

    def __init__(self, most: int = 36, least: int = 8) -> None:
        try:
            import cv2

            self._create = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation
        except (ImportError, AttributeError) as error:
            fix = "pip install opencv-contrib-python-headless"
            raise VisionError(f"Selective search needs OpenCV with its contributed modules ({error}): {fix}") from error
        self._most, self._least = most, least

    def __call__(self, name: str, image: Image) -> Boxes:
        """The boxes of one picture; see `BoxSource`. None for a picture smaller than the smallest box."""
        if min(image.size) < self._least:
            return Boxes(np.zeros((0, 4), np.float32))
        search = self._create()
        search.setBaseImage(np.ascontiguousarray(np.array(image)[..., ::-1]))
        search.switchToSelectiveSearchFast()
        found = np.asarray(search.process()).reshape(-1, 4)  # x, y, width, height
        big = _ranked(found[(found[:, 2:] >= self._least).all(axis=1)])[: self._most]
        return Boxes(checked(np.concatenate([big[:, :2], big[:, :2] + big[:, 2:]], axis=1), image.size, name))


def _ranked(found: np.ndarray) -> np.ndarray:
    """Each box once, in an order that mixes large and small as the paper does: rank times chance.

    OpenCV's own order comes from a generator that cannot be seeded; ours is the same for the same picture.
    """
    once = np.unique(found, axis=0)
    once = once[np.argsort(-once[:, 2] * once[:, 3], kind="stable")]
    return once[np.argsort(np.arange(1, len(once) + 1) * np.random.default_rng(0).random(len(once)), kind="stable")]
