"""Boxes from a file of JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kg.errors import did_you_mean
from kg.json_text import from_json
from kg.lines import numbered_lines
from kg.places import locate
from vision.errors import VisionError, as_vision_error
from vision.found import Boxes, checked, numbers

if TYPE_CHECKING:
    from PIL.Image import Image

EXAMPLE = '{"image": "a.png", "boxes": [[x1, y1, x2, y2], ...], "labels": ["red circle", ...]}'


class BoxFile:
    """Boxes in pixels, a picture a line: image, boxes, and perhaps labels or classes.

    ``labels`` names what is in each box, ``classes`` gives the probability of each class, a list a box.
    """

    def __init__(self, path: str | Path, classes: Sequence[str] = ()) -> None:
        """Read the file.

        Args:
            path: the JSON lines.
            classes: the names of all classes; with them, labels become classes of probability 1.

        Raises:
            VisionError: the file cannot be read, or a line is wrong.
        """
        with as_vision_error():
            self.path = locate(path)
            lines = list(numbered_lines(self.path))
        self._classes = {name: number for number, name in enumerate(classes)}
        self._rows: dict[str, tuple[int, dict[str, Any]]] = {}
        for number, line in lines:
            row = self._row(number, line)
            if row["image"] in self._rows:
                first = self._rows[row["image"]][0]
                raise VisionError(
                    f"{self.path}:{number}: '{row['image']}' has boxes in line {first} already. Drop one."
                )
            self._rows[row["image"]] = number, row

    def __len__(self) -> int:
        return len(self._rows)

    def images(self) -> list[str]:
        """The names of the pictures, in the order of the file."""
        return list(self._rows)

    def __call__(self, name: str, image: Image) -> Boxes:
        """The boxes of one picture; see `BoxSource`.

        Raises:
            VisionError: the file has none for it, or they are wrong.
        """
        return self.boxes(name, image.size)

    def boxes(self, name: str, size: Sequence[int]) -> Boxes:
        """The same for a picture of known size, width and height."""
        if name not in self._rows:
            raise VisionError(f"{self.path} has no boxes for '{name}'. {did_you_mean(name, list(self._rows)[:10_000])}")
        number, row = self._rows[name]
        place = f"{self.path}:{number} ({name})"
        corners = checked(row["boxes"], size, place)
        given = row.get("labels") or ()
        if not isinstance(given, (list, tuple)):
            raise VisionError(f"{place}: labels must be a list of texts, got {str(given)[:80]!r}.")
        labels = tuple(map(str, given))
        classes = self._soft(row.get("classes"), labels, place)
        for what, count in (("labels", len(labels)), ("classes", 0 if classes is None else len(classes))):
            if count not in (0, len(corners)):
                raise VisionError(f"{place}: {len(corners)} boxes but {count} {what}. Give one a box, or none.")
        return Boxes(corners, labels, classes)

    def _row(self, number: int, line: str) -> dict[str, Any]:
        try:
            row = from_json(line)
        except ValueError as error:
            raise VisionError(f"{self.path}:{number}: no JSON ({error}). Expected {EXAMPLE}") from error
        if not isinstance(row, dict) or not isinstance(row.get("image"), str) or not isinstance(row.get("boxes"), list):
            raise VisionError(f"{self.path}:{number}: got {line[:80]!r}, expected {EXAMPLE}")
        return row

    def _soft(self, classes: list[list[float]] | None, labels: Sequence[str], place: str) -> np.ndarray | None:
        if classes is not None:
            found = numbers(classes, "classes", place)
            if found.size and found.ndim != 2:
                raise VisionError(f"{place}: classes must be a list of numbers a box, got shape {list(found.shape)}.")
            return found
        if not self._classes:
            return None
        unknown = sorted(set(labels) - set(self._classes))
        if unknown:
            raise VisionError(f"{place}: there is no class '{unknown[0]}'. {did_you_mean(unknown[0], self._classes)}")
        return np.eye(len(self._classes), dtype=np.float32)[[self._classes[label] for label in labels]]
