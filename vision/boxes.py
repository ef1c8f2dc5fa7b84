"""Where a region lies in its image: corners in pixels or in parts of the image, and as numbers a transformer can add.

A box is x1, y1, x2, y2: left, top, right, bottom. In parts, x is divided by the width of the image and y by its height.
"""

from __future__ import annotations

import torch
from torch import Tensor

BASE, SCALE = 1000.0, 100.0


def geometry(boxes: Tensor, size: Tensor, width: int = 2048) -> Tensor:
    """Sinusoidal embedding of box centre, width and height (VL-BERT: Su et al., 2020, section 3.2).

    Args:
        boxes: ``[..., R, 4]`` float, corners x1, y1, x2, y2 in pixels.
        size: ``[..., 2]`` float, width and height of the image in pixels; for boxes in parts, ones.
        width: numbers a box; a multiple of 8.

    Returns: ``[..., R, width]`` float: for centre x, centre y, width and height in turn, all sines, then all cosines.

    Raises:
        ValueError: ``width`` is not a multiple of 8.
    """
    if width % 8:
        raise ValueError(f"width={width} is not a multiple of 8: four numbers a box, each as sines and cosines.")
    corners = boxes / _corners(size)  # [..., R, 4] in image sizes
    low, high = corners[..., :2], corners[..., 2:]
    place = SCALE * torch.cat([(low + high) / 2, high - low], dim=-1)  # [..., R, 4]
    steps = torch.arange(width // 8, dtype=boxes.dtype, device=boxes.device) / (width // 8)
    angles = place[..., None] / BASE**steps  # [..., R, 4, width / 8]
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def to_parts(boxes: Tensor, size: Tensor) -> Tensor:
    """Boxes ``[..., R, 4]`` float in pixels as parts of images of size ``[..., 2]``, width and height."""
    return boxes / _corners(size)


def to_pixels(boxes: Tensor, size: Tensor) -> Tensor:
    """Boxes ``[..., R, 4]`` float in parts as pixels of images of size ``[..., 2]``, width and height."""
    return boxes * _corners(size)


def scale(boxes: Tensor, factor: Tensor) -> Tensor:
    """Boxes ``[..., R, 4]`` in pixels of an image that was resized by ``factor`` ``[..., 2]``, in x and in y."""
    return boxes * _corners(factor)


def clip(boxes: Tensor, size: Tensor) -> Tensor:
    """Boxes ``[..., R, 4]`` in pixels, cut at the edges of images of size ``[..., 2]``; one outside becomes empty."""
    return boxes.clamp(min=0).minimum(_corners(size).to(boxes))


def flip(boxes: Tensor, width: Tensor) -> Tensor:
    """Boxes in pixels of the mirrored image; as published, pixel x comes to lie at width - 1 - x.

    Args:
        boxes: ``[..., R, 4]`` float.
        width: ``[...]`` float, of the image in pixels.
    """
    left, top, right, bottom = boxes.unbind(-1)
    last = width[..., None] - 1
    return torch.stack([last - right, top, last - left, bottom], dim=-1)


def whole(size: Tensor) -> Tensor:
    """The box of the whole image in pixels, ``[..., 4]``: as published, from 0 to the last pixel; size ``[..., 2]``."""
    return torch.cat([torch.zeros_like(size), size - 1], dim=-1)


def iou(first: Tensor, second: Tensor, edge: float = 0.0) -> Tensor:
    """Intersection over union of every box of one set with every box of another.

    Args:
        first: ``[..., R, 4]`` float, in pixels or in parts.
        second: ``[..., S, 4]`` float, in the same.
        edge: what a box is wider and higher than its corners tell; 1 for pixels that are counted, as in VL-BERT's code.

    Returns: ``[..., R, S]`` float; 0 where both boxes are empty.
    """
    one, other = first[..., :, None, :], second[..., None, :, :]
    low, high = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    shared = (high - low + edge).clamp(min=0).prod(-1)
    union = _area(one, edge) + _area(other, edge) - shared
    return torch.where(union > 0, shared / union.clamp(min=torch.finfo(union.dtype).tiny), 0.0)


def _area(boxes: Tensor, edge: float) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2] + edge).clamp(min=0).prod(-1)


def _corners(size: Tensor) -> Tensor:
    """Width and height ``[..., 2]`` as what the four corners are measured in, ``[..., 1, 4]``."""
    return torch.cat([size, size], dim=-1)[..., None, :]
