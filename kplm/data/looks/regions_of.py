"""Stored regions as batch fields."""

from __future__ import annotations

import numpy as np

from kplm.data.looks.base import Seen
from vision.found import Regions

CLASSES, MEAN = "region_labels", "mean_region"


def seen(regions: Regions, classes: bool) -> Seen:
    """Regions whose first is the whole picture, as fields.

    Args:
        regions: of one picture.
        classes: give ``region_labels`` too.
    """
    fields = {"region_features": regions.features}
    if classes:
        none = np.zeros((len(regions), 0), np.float32)
        fields[CLASSES] = none if regions.classes is None else regions.classes
    return Seen(regions.boxes, regions.size, fields, {MEAN: int(regions.mean)})


def unseen(width: int, classes: int | None) -> Seen:
    """No region at all.

    Args:
        width: of the features.
        classes: of the regions; None where they are not asked for.
    """
    fields = {"region_features": np.zeros((0, width), np.float32)}
    if classes is not None:
        fields[CLASSES] = np.zeros((0, classes), np.float32)
    return Seen(np.zeros((0, 4), np.float32), (0, 0), fields, {MEAN: 0})
