"""A small network for small pictures, trained from scratch with the model."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vision.pictures import CENTRED
from vision.regions.base import RegionSource, with_rows
from vision.regions.weights import load
from vision.tv import torchvision

POOLED, STRIDE = 4, 8


class Small(RegionSource):
    """Four convolutions, three of them halving the picture, RoIAlign on 4 x 4 places, one projection.

    Maximum pooling and batch norms keep what is small and rare in a picture as loud as its colours. The norms take the statistics of
    the batch while the network is trained, and what they have gathered afterwards.
    """

    def __init__(
        self, width: int = 256, channels: int = 64, side: int = 64, weights: str | None = None, frozen: bool = False
    ) -> None:
        """Build the network.

        Args:
            width: V, numbers a region.
            channels: of the last convolution; a multiple of 4.
            side: the longest side of a picture in pixels.
            weights: a file written from its ``state_dict``; None for random ones.
            frozen: do not train it.
        """
        super().__init__()
        self.width, self.short, self.long, self.normalisation = width, side, side, CENTRED
        self.layers = nn.Sequential(
            *_layer(3, channels // 4, nn.MaxPool2d(2, ceil_mode=True)),
            *_layer(channels // 4, channels // 2, nn.MaxPool2d(2, ceil_mode=True)),
            *_layer(channels // 2, channels, nn.MaxPool2d(2, ceil_mode=True)),
            *_layer(channels, channels),
        )
        places = channels * POOLED**2
        self.norm, self.project = nn.BatchNorm1d(places), nn.Linear(places, width)
        self.random = load(self, "the small network", weights)
        self.frozen = frozen
        self.requires_grad_(not frozen).train()

    def look(self, pictures: Tensor, boxes: Tensor, rows: Tensor, sizes: Tensor) -> Tensor:
        """See `RegionSource.look`."""
        seen = self.layers(pictures)  # [B, C, H / 8, W / 8]
        pooled = torchvision().ops.roi_align(
            seen, with_rows(boxes, rows), POOLED, spatial_scale=1 / STRIDE, sampling_ratio=2, aligned=True
        )
        return self.project(self._normed(pooled.flatten(1)))

    def train(self, mode: bool = True) -> Small:
        """A frozen network keeps its statistics."""
        return super().train(mode and not self.frozen)

    def _normed(self, pooled: Tensor) -> Tensor:
        if len(pooled) > 1:
            return self.norm(pooled)
        mean, var = self.norm.running_mean, self.norm.running_var  # one region alone has no statistics
        return F.batch_norm(pooled, mean, var, self.norm.weight, self.norm.bias)


def _layer(inside: int, outside: int, *then: nn.Module) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(), *then
