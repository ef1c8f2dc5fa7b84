"""Looks from a file of features a picture, in the layouts of bottom-up attention."""

from __future__ import annotations

from pathlib import PurePosixPath

from kplm.data.annotate.linked import from_anywhere
from kplm.data.example import Picture
from kplm.data.looks.base import Looks, Seen, with_folder
from kplm.data.looks.regions_of import CLASSES, MEAN, seen, unseen
from vision.errors import VisionError
from vision.stored.opened import read_stored


class FeatureFiles(Looks):
    """A JSON, NPZ or NPY file for each picture, in a folder or zip archive; a .tsv table belongs into a store first.

    The file is the one the example names as ``features``, else the one called like the picture.

    Args:
        folder: the folder, or ``archive.zip``.
        width: of the features.
        classes: also give this many class probabilities a region, for masked regions; 0: none.
        ending: of the files' names.
        usual: regions that a picture has more or less, by which batches are planned.
    """

    def __init__(
        self, folder: str, width: int = 2048, classes: int = 0, ending: str = ".json", usual: int = 37
    ) -> None:
        if folder.endswith(".tsv"):
            raise VisionError(
                f"{folder} holds all pictures in one table. Make a store of it: kplm vision import {folder} STORE."
            )
        self.init_args = {
            "folder": from_anywhere(folder),
            "width": width,
            "classes": classes,
            "ending": ending,
            "usual": usual,
        }
        self.folder, self.width, self.classes = folder, width, classes
        self.ending, self.usual = ending, usual
        self.writes = frozenset({"region_features", MEAN} | ({CLASSES} if classes else set()))
        self.sizes = {"feature_width": width} | ({"region_classes": classes} if classes else {})

    def count(self, picture: Picture) -> int:
        """See :meth:`Looks.count`."""
        return self.usual

    def read(self, picture: Picture) -> Seen:
        """See :meth:`Looks.read`."""
        address = self.address(picture)
        found = read_stored(address, self.width).with_whole()
        got = None if found.classes is None else found.classes.shape[1]
        if self.classes and got != self.classes:
            raise VisionError(f"{address}: {got or 'no'} classes a region, but {self.classes} are expected.")
        return seen(found, self.classes > 0)

    def nothing(self) -> Seen:
        """See :meth:`Looks.nothing`."""
        return unseen(self.width, self.classes or None)

    def address(self, picture: Picture) -> str:
        """Where the features of a picture lie."""
        if picture.features is not None:
            return with_folder(self.folder, picture.features)
        name = f"{PurePosixPath(picture.name).with_suffix('')}{self.ending}"
        return f"{self.folder}@/{name}" if self.folder.endswith(".zip") else with_folder(self.folder, name)
