"""Where a region lies in its image, as numbers a transformer can add."""

from __future__ import annotations

import torch
from torch import Tensor

BASE, SCALE = 1000.0, 100.0


def geometry(boxes: Tensor, size: Tensor, width: int = 2048) -> Tensor:
    """Sinusoidal embedding of box centre, width and height (VL-BERT: Su et al., 2020, section 3.2).

    Args:
        boxes: ``[..., R, 4]`` float, corners x1, y1, x2, y2 in pixels.
        size: ``[..., 2]`` float, width and height of the image in pixels.
        width: numbers a box; a multiple of 8.

    Returns: ``[..., R, width]`` float: for centre x, centre y, width and height in turn, all sines, then all cosines.

    Raises:
        ValueError: ``width`` is not a multiple of 8.
    """
    if width % 8:
        raise ValueError(f"width={width} is not a multiple of 8: four numbers a box, each as sines and cosines.")
    corners = boxes / torch.cat([size, size], dim=-1)[..., None, :]  # [..., R, 4] in image sizes
    low, high = corners[..., :2], corners[..., 2:]
    place = SCALE * torch.cat([(low + high) / 2, high - low], dim=-1)  # [..., R, 4]
    steps = torch.arange(width // 8, dtype=boxes.dtype, device=boxes.device) / (width // 8)
    angles = place[..., None] / BASE**steps  # [..., R, 4, width / 8]
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)
