"""One scene: which shapes lie where, and its picture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (50, 80, 220),
    "yellow": (240, 210, 40),
    "purple": (150, 60, 180),
    "black": (30, 30, 30),
}
KINDS = ("circle", "square", "triangle")
SIZES = {"small": (0.14, 0.20), "large": (0.28, 0.38)}
"""Sides of a shape as parts of the picture's, from and to."""
CLASSES = tuple(f"{colour} {kind}" for colour, kind in product(COLOURS, KINDS))
MOST, TRIES = 4, 50


@dataclass(frozen=True)
class Shape:
    """A shape and where it lies.

    Attributes:
        kind: one of `KINDS`.
        colour: one of `COLOURS`.
        size: small or large.
        box: left, top, right, bottom in pixels; right and bottom are the first pixels outside.
    """

    kind: str
    colour: str
    size: str
    box: tuple[int, int, int, int]

    @property
    def name(self) -> str:
        """Colour and kind, which is its class."""
        return f"{self.colour} {self.kind}"

    @property
    def centre(self) -> tuple[float, float]:
        """x and y of its middle in pixels."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


@dataclass(frozen=True)
class Scene:
    """Up to four shapes that do not touch, no two of the same colour and kind.

    Attributes:
        side: of the square picture in pixels.
        background: its grey, 0 to 255.
        shapes: from left to right.
    """

    side: int
    background: int
    shapes: tuple[Shape, ...]

    def picture(self) -> Image:
        """The picture, RGB."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", (self.side, self.side), (self.background,) * 3)
        draw = ImageDraw.Draw(image)
        for shape in self.shapes:
            left, top, right, bottom = shape.box
            inner, colour = (left, top, right - 1, bottom - 1), COLOURS[shape.colour]
            if shape.kind == "circle":
                draw.ellipse(inner, fill=colour)
            elif shape.kind == "square":
                draw.rectangle(inner, fill=colour)
            else:
                draw.polygon([((left + right - 1) / 2, top), (right - 1, bottom - 1), (left, bottom - 1)], fill=colour)
        return image


def scene(draw: Random, side: int = 64) -> Scene:
    """A scene by chance; the same state of ``draw`` gives the same scene.

    Args:
        draw: the randomness.
        side: of the picture in pixels, at least 32.
    """
    names = draw.sample([(colour, kind) for colour in COLOURS for kind in KINDS], draw.randint(1, MOST))
    shapes: list[Shape] = []
    for colour, kind in names:
        size = draw.choice(tuple(SIZES))
        box = _free(draw, side, size, shapes)
        if box is not None:
            shapes.append(Shape(kind, colour, size, box))
    return Scene(side, draw.randint(190, 250), tuple(sorted(shapes, key=lambda shape: shape.centre)))


def _free(draw: Random, side: int, size: str, shapes: list[Shape]) -> tuple[int, int, int, int] | None:
    """A place that no shape touches; None where none is found, which cannot happen to the first."""
    for _ in range(TRIES):
        length = round(side * draw.uniform(*SIZES[size]))
        left, top = draw.randint(1, side - length - 1), draw.randint(1, side - length - 1)
        box = left, top, left + length, top + length
        if not any(_touch(box, shape.box) for shape in shapes):
            return box
    return None


def _touch(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether two boxes overlap or lie less than two pixels apart."""
    return all(one[axis] < other[axis + 2] + 2 and other[axis] < one[axis + 2] + 2 for axis in (0, 1))
