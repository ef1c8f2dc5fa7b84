"""A small network for small pictures, trained from scratch with the model."""

from __future__ import annotations

from torch import Tensor, nn

from vision.pictures import CENTRED
from vision.regions.base import RegionSource, with_rows
from vision.regions.weights import load
from vision.tv import torchvision

POOLED, STRIDE = 4, 4


class Small(RegionSource):
    """Four convolutions at a quarter of the picture's resolution, RoIAlign on 4 x 4 places, one projection, LayerNorm.

    Group norms, so that neither the batch nor padding beside a picture changes what is learnt from another.
    """

    def __init__(
        self, width: int = 256, channels: int = 64, side: int = 64, weights: str | None = None, frozen: bool = False
    ) -> None:
        """Build the network.

        Args:
            width: V, numbers a region.
            channels: of the last convolution; a multiple of 16.
            side: the longest side of a picture in pixels.
            weights: a file written from its ``state_dict``; None for random ones.
            frozen: do not train it.
        """
        super().__init__()
        self.width, self.short, self.long, self.normalisation = width, side, side, CENTRED
        self.layers = nn.Sequential(
            *_layer(3, channels // 2, stride=2),
            *_layer(channels // 2, channels, stride=2),
            *_layer(channels, channels),
            *_layer(channels, channels),
        )
        self.project, self.norm = nn.Linear(channels * POOLED**2, width), nn.LayerNorm(width)
        self.random = load(self, "the small network", weights)
        self.requires_grad_(not frozen)

    def look(self, pictures: Tensor, boxes: Tensor, rows: Tensor, sizes: Tensor) -> Tensor:
        """See `RegionSource.look`."""
        seen = self.layers(pictures)  # [B, C, H / 4, W / 4]
        pooled = torchvision().ops.roi_align(
            seen, with_rows(boxes, rows), POOLED, spatial_scale=1 / STRIDE, sampling_ratio=2, aligned=True
        )
        return self.norm(self.project(pooled.flatten(1)))


def _layer(inside: int, outside: int, stride: int = 1) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Conv2d(inside, outside, 3, stride, padding=1), nn.GroupNorm(8, outside), nn.ReLU()
