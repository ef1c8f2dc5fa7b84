"""How a picture is made ready for the network that looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kplm.errors import KplmError
from vision.pictures import COLOURS, pixels, resized, squared

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

Colours = Literal["imagenet", "caffe", "centred"]


@dataclass(frozen=True)
class Preparation:
    """Size and colours. The defaults are those of ``vision.regions.Caffe`` with torchvision's weights."""

    short: int = 600
    """Pixels of the short side."""
    long: int = 1000
    """The most pixels of the long side."""
    square: bool = False
    """Press the picture into a square of ``short`` pixels."""
    colours: Colours = "imagenet"
    """How pixels are normalised."""

    @classmethod
    def of(cls, told: Mapping[str, Any], expects: Mapping[str, Any]) -> Preparation:
        """What the settings say, and what the network expects where they say nothing.

        Raises:
            KplmError: the two contradict each other.
        """
        for name, value in expects.items():
            if told.get(name, value) != value:
                raise KplmError(
                    f"pictures are prepared with {name}={told[name]}, but the network that looks at them expects "
                    f"{name}={value}. Leave '{name}' of Pixels out, or build the network with {name}={told[name]}."
                )
        return cls(**{**expects, **told})

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        """Pixels ``[3, H, W] float32``, width and height ``[2] int64``."""
        sized = squared(image, self.short) if self.square else resized(image, self.short, self.long)
        return pixels(sized, COLOURS[self.colours])
