"""What every region source is."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vision.boxes import to_pixels
from vision.errors import VisionError
from vision.pictures import COLOURS, IMAGENET, Normalisation, pixels, resized
from vision.regions.weights import LATER

if TYPE_CHECKING:
    from PIL.Image import Image


class RegionSource(nn.Module):
    """Looks at boxes in pictures; a subclass gives `look`.

    Attributes:
        width: V, numbers a region.
        random: its weights are random and say nothing about pictures until they are trained.
        normalisation: what it expects of pixels.
        short: pixels of a prepared picture's short side.
        long: the most pixels of its long side.
        masked: rows and columns of the masks that can be laid over what it sees in a box; 0: none can.
        init_args: of the constructor, for a model that keeps this source: its weights come with the model's.
    """

    width: int
    random: bool
    init_args: dict[str, Any]
    normalisation: Normalisation = IMAGENET
    short: int = 600
    long: int = 1000
    masked: int = 0

    def __new__(cls, *args: Any, **kwargs: Any) -> RegionSource:
        """Note what the constructor is called with."""
        found = super().__new__(cls)
        given = signature(cls).bind(*args, **kwargs)
        given.apply_defaults()
        arguments = given.arguments
        found.__dict__["init_args"] = arguments | ({"weights": LATER} if "weights" in arguments else {})
        return found

    @property
    def expects(self) -> dict[str, Any]:
        """How `prepare` makes a picture ready, in the words of settings; colours without a name are left out."""
        named = [name for name, known in COLOURS.items() if known == self.normalisation]
        found = {"short": self.short, "long": self.long, "square": False}
        return found | ({"colours": named[0]} if named else {})

    def prepare(self, image: Image) -> tuple[Tensor, Tensor]:
        """One picture as it is expected: pixels ``[3, H, W] float32``, width and height ``[2] int64``."""
        return pixels(resized(image, self.short, self.long), self.normalisation)

    def forward(
        self, pictures: Tensor, boxes: Tensor, mask: Tensor, sizes: Tensor, masks: Tensor | None = None
    ) -> Tensor:
        """The features of regions.

        Args:
            pictures: ``[B, 3, H, W]`` float, prepared pictures, filled up with zeros at the right and at the bottom.
            boxes: ``[B, R, 4]`` float, as parts of each picture.
            mask: ``[B, R]``, true or 1 where there is a region.
            sizes: ``[B, 2]``, width and height of each picture inside ``pictures``.
            masks: ``[B, R, S, S]`` float, 1 where a place in a box belongs to the object; None: all of it does.

        Returns: ``[B, R, V]`` float, zeros where there is no region.

        Raises:
            VisionError: this source has no place for such masks.
        """
        there = mask.bool()
        corners = to_pixels(boxes, sizes.to(boxes))[there]  # [n, 4]
        shapes = () if masks is None else (self._fitting(masks)[there],)
        features = self.look(pictures, corners, there.nonzero()[:, 0], sizes, *shapes)
        filled = features.new_zeros(*mask.shape, self.width)
        return filled.masked_scatter(there[..., None], features)

    def look(self, pictures: Tensor, boxes: Tensor, rows: Tensor, sizes: Tensor) -> Tensor:
        """The features of n boxes.

        Args:
            pictures: as in `forward`.
            boxes: ``[n, 4]`` float, in pixels.
            rows: ``[n] int64``, in which picture each is, ascending.
            sizes: as in `forward`.

        Returns: ``[n, V]`` float.
        """
        raise NotImplementedError

    def _fitting(self, masks: Tensor) -> Tensor:
        if masks.shape[-1] == self.masked:
            return masks
        takes = f"takes {self.masked} x {self.masked}" if self.masked else "has no map that masks could be laid over"
        raise VisionError(
            f"the masks of objects are {masks.shape[-1]} x {masks.shape[-1]}, but {type(self).__name__} {takes}. "
            f"Set masks={self.masked} of Pixels."
        )

    def class_scores(self, features: Tensor) -> Tensor | None:
        """How likely each class is for features ``[..., V]``: ``[..., K]`` float; None where the source knows no classes."""
        return None


class Settled(RegionSource):
    """A source whose batch norms and dropout stay as in use, and whose weights are trained only if asked."""

    def settle(self, frozen: bool) -> None:
        """Call at the end of the constructor."""
        self.requires_grad_(not frozen)
        self.eval()

    def train(self, mode: bool = True) -> Settled:
        """Stays in evaluation mode."""
        return super().train(False)


def with_rows(boxes: Tensor, rows: Tensor) -> Tensor:
    """Boxes as RoIAlign takes them: the picture's number before the corners, ``[n, 5]``."""
    return torch.cat([rows[:, None].to(boxes), boxes], dim=1)
