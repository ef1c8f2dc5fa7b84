"""What every source of looks can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kplm.data.example import Picture
from kplm.errors import KplmError


@dataclass(frozen=True)
class Seen:
    """A picture as it was read."""

    boxes: np.ndarray
    """``[R, 4] float32``, parts of the picture's width and height; the whole picture first."""
    size: tuple[int, int]
    """Width and height in pixels, in which boxes of data files are given."""
    by_region: dict[str, np.ndarray]
    """Batch fields with a row a region."""
    whole: dict[str, Any]
    """Batch fields of the picture as a whole."""


class Looks(ABC):
    """Reads a picture when its row is asked for; it is handed to data workers, which do so side by side."""

    writes: frozenset[str]
    """Batch fields it provides."""
    init_args: dict[str, Any]
    """Constructor arguments, kept so that a checkpoint can read pictures the same way."""
    sizes: dict[str, int]
    """Sizes of the encoder that its fields need, under the names of its config."""

    flip: float = 0.0
    """Share of training rows whose picture is mirrored; only pixels can be."""

    def suit(self, expects: Mapping[str, Any]) -> None:  # noqa: B027 (optional)
        """Prepare pictures as the network in the encoder expects them; nothing to do for features that are stored.

        Args:
            expects: see :attr:`kplm.models.BaseEncoder.pictures`.

        Raises:
            KplmError: they were to be prepared in another way.
        """

    def with_boxes(self, boxes: str) -> Looks:
        """The same with another source of boxes for the pictures that come without.

        Raises:
            KplmError: the regions are stored, and so are their boxes.
        """
        raise KplmError(f"{type(self).__name__} reads stored regions, so their boxes cannot be exchanged for {boxes}.")

    def lacks_boxes(self, picture: Picture) -> bool:
        """Whether of this picture nothing but the whole will be seen, since nobody says where boxes are."""
        return False

    @abstractmethod
    def count(self, picture: Picture) -> int:
        """How many regions the picture will have, the whole picture among them, without reading it; may be a guess."""

    @abstractmethod
    def read(self, picture: Picture) -> Seen:
        """The regions of one picture.

        Raises:
            VisionError: it cannot be read.
        """

    @abstractmethod
    def nothing(self) -> Seen:
        """The same for a text without a picture."""


def with_folder(folder: str, name: str) -> str:
    """The address of a picture: relative names are looked for in ``folder``."""
    return name if name.startswith("/") or not folder else f"{folder.rstrip('/')}/{name}"
