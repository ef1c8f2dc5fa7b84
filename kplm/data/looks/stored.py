"""Looks from a store that ``kplm vision extract`` or ``kplm vision import`` made."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kplm.data.annotate.linked import from_anywhere
from kplm.data.example import Picture
from kplm.data.looks.base import Looks, Seen, with_folder
from kplm.data.looks.regions_of import CLASSES, MEAN, seen, unseen
from vision.errors import VisionError
from vision.store import RegionStore

if TYPE_CHECKING:
    from vision.extract import Extractor
    from vision.found import Regions

log = logging.getLogger(__name__)


class StoredRegions(Looks):
    """Features from a memory-mapped store; a picture that is not in it is looked at in the way the store was made.

    Args:
        store: the folder.
        classes: also give what the detector took each region for, for masked regions.
    """

    def __init__(self, store: str, classes: bool = False) -> None:
        self.init_args = {"store": from_anywhere(store), "classes": classes}
        self.store, self.classes = RegionStore.open(store), classes
        if classes and not self.store.classes:
            raise VisionError(
                f"{store} holds no classes of its regions. Extract with a detector, or with labelled boxes."
            )
        self.writes = frozenset({"region_features", MEAN} | ({CLASSES} if classes else set()))
        self.sizes = {"feature_width": self.store.width} | ({"region_classes": self.store.classes} if classes else {})

    def count(self, picture: Picture) -> int:
        """As many as the store has."""
        name = self._name(picture)
        return 1 if name is None else len(self.store[name])

    def read(self, picture: Picture) -> Seen:
        """See :meth:`Looks.read`."""
        name = self._name(picture)
        return seen(self._extracted(picture) if name is None else self.store[name], self.classes)

    def nothing(self) -> Seen:
        """See :meth:`Looks.nothing`."""
        return unseen(self.store.width, self.store.classes if self.classes else None)

    def _name(self, picture: Picture) -> str | None:
        """The picture's id, which may lack the ending of its file."""
        names = [picture.name, str(PurePosixPath(picture.name).with_suffix("")), PurePosixPath(picture.name).stem]
        return next((name for name, row in zip(names, self.store.rows(names)) if row >= 0), None)

    def _extracted(self, picture: Picture) -> Regions:
        address = with_folder(picture.folder, picture.name)
        if not Path(address).is_file():
            example = next(self.store.ids())
            raise VisionError(
                f"{self.store.path} has no picture '{picture.name}', and there is no file {address}. Its ids look like '{example}'."
            )
        found, bad = self._extractor([(picture.name, address)])
        if bad:
            raise VisionError(bad[0][1])
        return found[0][1]

    @cached_property
    def _extractor(self) -> Extractor:
        from vision.extract import Extractor
        from vision.work import Settings

        made = self.store.meta
        if "source" not in made or "boxes_from" not in made:
            raise VisionError(
                f"{self.store.path} was imported and does not say how its features were made, so no other picture can be "
                f"looked at. Import the features of this picture too."
            )
        settings = Settings(made["source"], made["boxes_from"], made["weights"], made["box_weights"])
        extractor = Extractor(settings)
        if extractor.source.random or getattr(extractor.boxes, "random", False):
            log.warning(
                "The weights that look at pictures are random, as they were for %s: features say little about a picture, and "
                "answers are worth little too.",
                self.store.path,
            )
        return extractor

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_extractor"}
