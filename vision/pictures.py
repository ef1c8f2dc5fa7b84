"""Pictures from files, upright and in colour, and as the numbers a network expects."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vision.addresses import read_bytes
from vision.errors import VisionError

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".png", ".jpg", ".jpeg")
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
"""What a file may be, whatever its name says; Pillow hands some of the others to programs that it finds on the machine."""


@dataclass(frozen=True)
class Normalisation:
    """What pixels become: ``(scale * value - mean) / std`` for value from 0 to 1, a number a channel.

    Attributes:
        mean: of the channels, in the order in which they come out.
        std: the same.
        scale: the value of white.
        bgr: blue, green, red instead of red, green, blue.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale: float = 1.0
    bgr: bool = False


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What the weights of torchvision expect."""
CAFFE = Normalisation((102.9801, 115.9465, 122.7717), (1.0, 1.0, 1.0), 255.0, bgr=True)
"""What VL-BERT's and the bottom-up-attention weights expect."""
CENTRED = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""From -1 to 1, for networks trained from scratch."""
COLOURS = {"imagenet": IMAGENET, "caffe": CAFFE, "centred": CENTRED}
"""By the names that settings have."""


def opened(address: str | Path) -> Image:
    """A picture as RGB, turned as its EXIF entry says; what is transparent is white.

    Args:
        address: a PNG or JPEG file, or ``archive.zip@/inner/path``.

    Raises:
        VisionError: the file is missing, no picture, or damaged.
    """
    return decoded(read_bytes(address), str(address))


def decoded(content: bytes, name: str) -> Image:
    """The picture in the content of a file; ``name`` is told when it is none."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ModuleNotFoundError as error:
        raise VisionError("Pictures need Pillow: pip install pillow") from error
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            image.load()
            return _rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise VisionError(f"{name} is no picture that can be read, or a damaged one: its format is unknown.") from error
    except Exception as error:  # a damaged file may raise anything, and so may one that would fill the memory
        raise VisionError(f"{name} is no picture that can be read, or a damaged one: {error}.") from error


def _rgb(image: Image) -> Image:
    from PIL import Image as images

    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # 16 bits of grey
        high = np.asarray(image).astype(np.int64).clip(0, 65535) >> 8
        return images.fromarray(high.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        return images.alpha_composite(images.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return image.convert("RGB")


def resized(image: Image, short: int, long: int) -> Image:
    """The picture with a short side of ``short`` pixels, or less where its long side would pass ``long``; bilinear."""
    width, height = image.size
    factor = min(short / min(width, height), long / max(width, height))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return image if size == image.size else image.resize(size, _bilinear())


def squared(image: Image, side: int) -> Image:
    """The picture pressed into a square of ``side`` pixels; bilinear."""
    return image if image.size == (side, side) else image.resize((side, side), _bilinear())


def mirrored(image: Image) -> Image:
    """The picture with left and right exchanged."""
    from PIL import ImageOps

    return ImageOps.mirror(image)


def _bilinear() -> int:
    from PIL.Image import Resampling

    return Resampling.BILINEAR


def pixels(image: Image, normalisation: Normalisation = IMAGENET) -> tuple[Tensor, Tensor]:
    """A picture as a network reads it.

    Returns: ``[3, H, W] float32``, and width and height ``[2] int64``.
    """
    values = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
    if normalisation.bgr:
        values = values.flip(0)
    mean, std = torch.tensor(normalisation.mean), torch.tensor(normalisation.std)
    values = (values * (normalisation.scale / 255) - mean[:, None, None]) / std[:, None, None]
    return values.contiguous(), torch.tensor(image.size)
