"""Looks from the pixels themselves, for networks that run with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from kplm.data.annotate.linked import from_anywhere
from kplm.data.example import Picture
from kplm.data.looks.base import Looks, Seen, with_folder
from kplm.data.looks.objects import KINDS, MASKS, kinds, masks
from kplm.data.looks.preparation import Colours, Preparation
from kplm.data.looks.regions_of import CLASSES
from kplm.masking.shares import check_shares
from vision.boxes import flip, to_parts, to_pixels
from vision.errors import VisionError
from vision.found import Boxes, checked, whole_box
from vision.pictures import mirrored, opened
from vision.proposals.base import BoxSource
from vision.proposals.file import BoxFile
from vision.proposals.grid import Grid
from vision.sources import BOXES, box_source, class_names

if TYPE_CHECKING:
    from PIL.Image import Image

FINDERS = ("detector", "search", "grid")
"""Sources of boxes that look at the picture, and need no file."""
USUAL = 37
"""Regions that a picture has more or less whose boxes are still to be found."""
EMPTY = 32
"""Side in pixels of the black picture that stands in for none."""


class Pixels(Looks):
    """Pictures and boxes. The boxes are those of the example, else those of a file, else tiles, else the whole picture alone.

    ``short``, ``long``, ``colours`` and ``square`` prepare a picture; what is left out is as the encoder's network expects it.

    Args:
        images: folder or zip archive that pictures are relative to; by default the folder of the data file.
        boxes: a file of boxes, a picture a line; or what finds them: 'detector', 'detector:NAME', 'search' or 'grid:3x4', as
            for ``kplm vision extract``.
        grid: rows and columns of tiles of pictures without boxes; 0: none.
        short: pixels of the short side.
        long: the most pixels of the long side.
        colours: how pixels are normalised: 'imagenet', 'caffe' or 'centred'.
        square: press pictures into a square of ``short`` pixels, as vision transformers want it.
        flip: share of training rows whose picture is mirrored, drawn anew in every epoch; in their texts and answers the words
            left and right change places.
        classes: a file of class names; with it the labels of boxes are given too, for masked regions.
        masks: rows and columns of the mask of each object, drawn from the outlines that examples name; 0: none. The network
            must know what to do with them: ``vision.regions.Caffe`` takes 14.
    """

    def __init__(
        self,
        images: str | None = None,
        boxes: str | None = None,
        grid: int = 0,
        short: int | None = None,
        long: int | None = None,
        colours: Colours | None = None,
        square: bool | None = None,
        flip: float = 0.0,
        classes: str | None = None,
        masks: int = 0,
    ) -> None:
        check_shares(flip=flip)
        self.images, self.boxes_from, self.classes = images, boxes, classes
        self.grid, self.tiles, self.flip = grid, Grid(grid, grid) if grid else None, flip
        how = {"short": short, "long": long, "colours": colours, "square": square}
        self.told = {name: value for name, value in how.items() if value is not None}
        self.prepare = Preparation.of(self.told, {})
        self.masks = masks
        optional = {CLASSES: classes, MASKS: masks}
        self.writes = frozenset({"picture", "picture_size", KINDS, *(name for name, on in optional.items() if on)})

    @property
    def init_args(self) -> dict[str, Any]:  # type: ignore[override]
        """See :class:`Looks`; with what the network expects."""
        places = {"images": self.images, "classes": self.classes}
        found = {name: place and from_anywhere(place) for name, place in places.items()}
        boxes = self.boxes_from if self._finds else self.boxes_from and from_anywhere(self.boxes_from)
        how = {"grid": self.grid, **asdict(self.prepare), "flip": self.flip, "masks": self.masks}
        return {**found, "boxes": boxes, **how}

    def suit(self, expects: Mapping[str, Any]) -> None:
        """See :meth:`Looks.suit`."""
        self.prepare = Preparation.of(self.told, expects)

    def with_boxes(self, boxes: str) -> Pixels:
        """See :meth:`Looks.with_boxes`.

        Raises:
            VisionError: there is no such source.
        """
        found = Pixels(**{**self.init_args, "boxes": boxes, "grid": 0})
        if not found._finds and found.file is None:
            raise VisionError(f"There is no box source '{boxes}'. Possible: {BOXES}.")
        return found

    @property
    def sizes(self) -> dict[str, int]:  # type: ignore[override]
        """See :class:`Looks`."""
        return {"region_classes": len(self.names)} if self.classes else {}

    @cached_property
    def names(self) -> list[str]:
        """The classes of labelled boxes.

        Raises:
            VisionError: the file is not there, or has none.
        """
        found = class_names(Path(self.classes)) if self.classes else []
        if self.classes and not found:
            what = "are no class names in" if Path(self.classes).exists() else "is no file"
            raise VisionError(f"There {what} {self.classes}. Give a file of class names, one a line.")
        return found

    @cached_property
    def file(self) -> BoxFile | None:
        """Read on first use: a model that was trained with it also answers where it is not."""
        path = self.boxes_from
        return BoxFile(path, self.names) if path and not self._finds and Path(path).exists() else None

    @cached_property
    def finder(self) -> BoxSource | None:
        """What finds boxes; built on first use, once in each data worker."""
        return box_source(self.boxes_from) if self.boxes_from and self._finds else None

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
        if self._finds:
            return USUAL
        return 1 + (len(self.tiles(picture.name)) if self.tiles else 0)

    def lacks_boxes(self, picture: Picture) -> bool:
        """See :meth:`Looks.lacks_boxes`; an example that says there are none lacks none."""
        return picture.boxes is None and not self._finds and not self.tiles and picture.name not in self.listed

    def read(self, picture: Picture) -> Seen:
        """See :meth:`Looks.read`."""
        image = opened(with_folder(self.images or picture.folder, picture.name))
        found = self._boxes(picture, image)
        boxes = np.concatenate([whole_box(image.size)[None], found.corners])
        by_region = self._by_region(picture, found, boxes * np.tile(np.array(image.size), 2))
        if picture.mirrored:
            image, boxes = mirrored(image), _mirrored(boxes, image.size)
        values, size = self.prepare(image)
        return Seen(boxes, image.size, by_region, {"picture": values.numpy(), "picture_size": size.numpy()})

    def nothing(self) -> Seen:
        """See :meth:`Looks.nothing`; a picture without regions, which nobody reads."""
        side = self.prepare.short if self.prepare.square else EMPTY
        whole = {"picture": np.zeros((3, side, side), np.float32), "picture_size": np.array([side, side])}
        boxes = np.zeros((0, 4), np.float32)
        by_region = self._by_region(Picture(""), Boxes(boxes), boxes)
        return Seen(boxes, (0, 0), {name: values[:0] for name, values in by_region.items()}, whole)

    def _by_region(self, picture: Picture, found: Boxes, boxes: np.ndarray) -> dict[str, np.ndarray]:
        """Fields with a row a region; ``boxes`` are those of all regions in pixels of the file."""
        fields = {KINDS: kinds(picture, len(boxes))}
        if self.classes:
            fields[CLASSES] = self._soft(found)
        if self.masks:
            drawn = masks(picture, boxes, self.masks)
            fields[MASKS] = drawn[..., ::-1] if picture.mirrored else drawn
        return fields

    @property
    def _finds(self) -> bool:
        return (self.boxes_from or "").partition(":")[0] in FINDERS

    def _boxes(self, picture: Picture, image: Image) -> Boxes:
        if picture.boxes is not None:
            corners = checked(np.array(picture.boxes), image.size, picture.name)
            return Boxes(corners, classes=self._classes(picture))
        if self.file is not None and picture.name in self.listed:
            return self.file(picture.name, image)
        if self.finder is not None:
            return self.finder(picture.name, image)
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

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "finder"}


def _mirrored(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Boxes ``[R, 4]`` in parts of the mirrored picture."""
    sides = torch.tensor(size, dtype=torch.float32)
    found = flip(to_pixels(torch.from_numpy(boxes), sides), sides[0])
    return to_parts(found, sides).clamp(min=0).numpy()
