"""The shape of an object inside its box, as a small mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Polygon = np.ndarray
"""``[P, 2]``, x and y of its corners in pixels; the last is joined to the first."""


def box_mask(polygons: Sequence[Polygon], box: Sequence[float], side: int) -> np.ndarray:
    """Which places of a box lie inside an object.

    The box is cut into ``side`` rows and columns, and the middle of each place is asked for, where RoIAlign reads too.

    Args:
        polygons: outlines of the object's parts; what lies in an odd number of turns of one is inside of it.
        box: x1, y1, x2, y2 in pixels.
        side: S, rows and columns.

    Returns: ``[S, S] float32``, 1 inside and 0 outside, row by row from the top left.
    """
    steps = (np.arange(side) + 0.5) / side
    x, y = box[0] + steps * (box[2] - box[0]), box[1] + steps * (box[3] - box[1])
    inside = np.zeros((side, side), bool)
    for polygon in polygons:
        inside |= _inside(np.asarray(polygon, np.float64), x, y)
    return inside.astype(np.float32)


def _inside(polygon: Polygon, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``[Y, X]`` bool: a ray from the point to the right crosses the outline an odd number of times."""
    (x1, y1), (x2, y2) = polygon.T, np.roll(polygon, -1, axis=0).T
    rows = y[:, None]
    met = (y1 > rows) != (y2 > rows)  # [Y, P]
    rise = np.where(y1 == y2, 1.0, y2 - y1)  # level edges are never met
    at = x1 + (rows - y1) * (x2 - x1) / rise  # [Y, P]
    crossed = met[:, None] & (x[:, None] < at[:, None])  # [Y, X, P]
    return np.logical_xor.reduce(crossed, axis=-1)
