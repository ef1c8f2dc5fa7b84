"""Features from a vision transformer: its patches are the regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vision.pictures import pixels, squared
from vision.regions.base import Settled, with_rows
from vision.regions.weights import load, network
from vision.tv import torchvision

if TYPE_CHECKING:
    from PIL.Image import Image

NAMES = ("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14")


class Patches(Settled):
    """The last states of a vision transformer (Dosovitskiy et al., 2021), averaged over the patches inside a box.

    With the boxes of ``Grid(patches.grid, patches.grid)`` each region is one patch, unmixed.

    Attributes:
        grid: patches in a row and in a column.
    """

    def __init__(self, name: str = "vit_b_16", weights: str | None = "DEFAULT", frozen: bool = True) -> None:
        """Build the network and load its weights.

        Args:
            name: a vision transformer of torchvision.
            weights: a name of torchvision, a file, or None for random ones.
            frozen: do not train it.

        Raises:
            VisionError: name or weights are not known or cannot be had.
        """
        super().__init__()
        model = network(name, NAMES)
        self.random = load(model, name, weights, optional="heads.")
        self.conv_proj, self.class_token, self.encoder = model.conv_proj, model.class_token, model.encoder
        self.width, self.side = int(model.hidden_dim), int(model.image_size)
        self.grid = self.side // int(model.patch_size)
        self.settle(frozen)

    @property
    def expects(self) -> dict[str, Any]:
        """A square of the size that the network knows; see `RegionSource.expects`."""
        found = super().expects | {"short": self.side, "square": True}
        return {name: value for name, value in found.items() if name != "long"}

    def prepare(self, image: Image) -> tuple[Tensor, Tensor]:
        """One picture as a square of the size that the network knows; see `RegionSource.prepare`."""
        return pixels(squared(image, self.side), self.normalisation)

    def look(self, pictures: Tensor, boxes: Tensor, rows: Tensor, sizes: Tensor) -> Tensor:
        """See `RegionSource.look`."""
        patches = self.conv_proj(pictures)  # [B, V, grid, grid]
        tokens = patches.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1)
        states = self.encoder(tokens)[:, 1:].transpose(1, 2).unflatten(2, patches.shape[2:])
        pooled = torchvision().ops.roi_align(
            states, with_rows(boxes, rows), 1, spatial_scale=self.grid / self.side, sampling_ratio=-1, aligned=True
        )
        return pooled.flatten(1)
