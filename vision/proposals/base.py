"""What every source of boxes is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vision.found import Boxes

if TYPE_CHECKING:
    from PIL.Image import Image


class BoxSource(Protocol):
    """Finds boxes in one picture."""

    def __call__(self, name: str, image: Image) -> Boxes:
        """The boxes of the picture that is called ``name``."""
        ...
