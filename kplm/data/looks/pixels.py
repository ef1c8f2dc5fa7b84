"""Looks from the pixels themselves, for networks that run with the model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kplm.data.annotate.linked import from_anywhere
from kplm.data.example import Picture
from kplm.data.looks.base import Looks, Seen, with_folder
from kplm.data.looks.regions_of import CLASSES
from vision.errors import VisionError
from vision.found import Boxes, checked, whole_box
from vision.pictures import CAFFE, CENTRED, IMAGENET, opened, pixels, resized, squared
from vision.proposals.file import BoxFile
from vision.proposals.grid import Grid
from vision.sources import class_names

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = {"imagenet": IMAGENET, "caffe": CAFFE, "centred": CENTRED}
EMPTY = 32
"""Side in pixels of the black picture that stands in for none."""


class Pixels(Looks):
    """Pictures and boxes. The boxes are those of the example, else those of a file, else tiles, else the whole picture alone.

    ``short``, ``long``, ``colours`` and ``square`` prepare a picture as the network of the encoder wants it: by default as
    ``vision.regions.Caffe`` with torchvision's weights does; 'centred' and equal sides are for ``vision.regions.Small``.

    Args:
        images: folder or zip archive that pictures are relative to; by default the folder of the data file.
        boxes: a file of boxes, a picture a line.
        grid: rows and columns of tiles of pictures without boxes; 0: none.
        short: pixels of the short side.
        long: the most pixels of the long side.
        colours: how pixels are normalised: 'imagenet', 'caffe' or 'centred'.
        square: press pictures into a square of ``short`` pixels, as vision transformers want it.
        classes: a file of class names; with it the labels of boxes are given too, for masked regions.
    """

    def __init__(
        self,
        images: str | None = None,
        boxes: str | None = None,
        grid: int = 0,
        short: int = 600,
        long: int = 1000,
        colours: Literal["imagenet", "caffe", "centred"] = "imagenet",
        square: bool = False,
        classes: str | None = None,
    ) -> None:
        files = {"images": images, "boxes": boxes, "classes": classes}
        places = {name: place and from_anywhere(place) for name, place in files.items()}
        how = {"grid": grid, "short": short, "long": long, "colours": colours, "square": square}
        self.init_args: dict[str, Any] = {**places, **how}
        self.images, self.tiles = images, Grid(grid, grid) if grid else None
        self.short, self.long, self.normalisation, self.square = short, long, COLOURS[colours], square
        self.boxes_path, self.classes = boxes, classes
        self.writes = frozenset({"picture", "picture_size"} | ({CLASSES} if classes else set()))

    @property
    def sizes(self) -> dict[str, int]:  # type: ignore[override]
        """See :class:`Looks`."""
        return {"region_classes": len(self.names)} if self.classes else {}

    @cached_property
    def names(self) -> list[str]:
        """The classes of labelled boxes.

        Raises:
            VisionError: the file has none.
        """
        found = class_names(Path(self.classes)) if self.classes else []
        if self.classes and not found:
            raise VisionError(f"There are no class names in {self.classes}. Give a file with one a line.")
        return found

    @cached_property
    def file(self) -> BoxFile | None:
        """Read on first use: a model that was trained with it also answers where it is not."""
        path = self.boxes_path
        return BoxFile(path, self.names) if path and Path(path).exists() else None

    @cached_property
    def listed(self) -> frozenset[str]:
        """The pictures that the file has boxes of."""
        return frozenset(self.file.images() if self.file else ())

    def count(self, picture: Picture) -> int:
        """See :meth:`Looks.count`."""
        if picture.boxes is not None:
            return 1 + len(picture.boxes)
        if self.file is not None and picture.name in self.listed:
            return 1 + len(self.file.boxes(picture.name, (1, 1)))
        return 1 + (len(self.tiles(picture.name)) if self.tiles else 0)

    def read(self, picture: Picture) -> Seen:
        """See :meth:`Looks.read`."""
        image = opened(with_folder(self.images or picture.folder, picture.name))
        found = self._boxes(picture, image)
        boxes = np.concatenate([whole_box(image.size)[None], found.corners])
        by_region = {CLASSES: self._soft(found)} if self.classes else {}
        values, size = pixels(self.prepared(image), self.normalisation)
        return Seen(boxes, image.size, by_region, {"picture": values.numpy(), "picture_size": size.numpy()})

    def nothing(self) -> Seen:
        """See :meth:`Looks.nothing`; a picture without regions, which nobody reads."""
        side = self.short if self.square else EMPTY
        whole = {"picture": np.zeros((3, side, side), np.float32), "picture_size": np.array([side, side])}
        by_region = {CLASSES: np.zeros((0, len(self.names)), np.float32)} if self.classes else {}
        return Seen(np.zeros((0, 4), np.float32), (0, 0), by_region, whole)

    def prepared(self, image: Image) -> Image:
        """The picture in the size in which the network sees it."""
        return squared(image, self.short) if self.square else resized(image, self.short, self.long)

    def _boxes(self, picture: Picture, image: Image) -> Boxes:
        if picture.boxes is not None:
            corners = checked(np.array(picture.boxes), image.size, picture.name)
            return Boxes(corners, classes=self._classes(picture))
        if self.file is not None and picture.name in self.listed:
            return self.file(picture.name, image)
        return self.tiles(picture.name) if self.tiles else Boxes(np.zeros((0, 4), np.float32))

    def _classes(self, picture: Picture) -> np.ndarray | None:
        """The classes of the labels an example gives its boxes, ``[R, K]``."""
        if not self.classes or picture.labels is None:
            return None
        unknown = sorted(set(picture.labels) - set(self.names))
        if unknown:
            raise VisionError(
                f"'{picture.name}' has a box labelled '{unknown[0]}', which is not among the {len(self.names)} classes of {self.classes}."
            )
        return np.eye(len(self.names), dtype=np.float32)[[self.names.index(label) for label in picture.labels]]

    def _soft(self, found: Boxes) -> np.ndarray:
        """``[R, K]``, nothing for the whole picture."""
        classes: Sequence[Any] | np.ndarray = np.zeros((len(found), len(self.names)))
        if found.classes is not None:
            classes = found.classes
        return np.concatenate([np.zeros((1, len(self.names))), classes]).astype(np.float32)
