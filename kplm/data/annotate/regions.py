"""Pictures beside texts: the regions of each, and the words that name them (VL-BERT: Su et al., 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from kg.shuffle import one_cycle
from kplm.data.annotate.base import Annotator
from kplm.data.example import Example, Picture
from kplm.data.looks.base import Looks, Seen
from kplm.errors import DataError
from kplm.fields import IGNORE
from kplm.text import Tokens
from vision.boxes import iou
from vision.errors import VisionError

ABOUT = "about"
"""What a row keeps of its picture until it is asked for: the picture, and the place of its example for messages."""
SAME = 0.5
"""A region is one that is meant if it overlaps that much with it."""
EDGE = 1.0
"""Boxes are a pixel wider and higher than their corners tell, as in the authors' code."""


class Regions(Annotator):
    """Gives each row the regions of its picture, read when the row is asked for, so that pictures are never all in memory.

    'off' leaves the pictures out, and the model answers by the text alone; 'shuffled' gives each picture's rows another
    picture, and no row keeps its own.

    Args:
        looks: a store, files of features, or pixels.
        most: regions of a picture at most, the whole picture and the first boxes.
    """

    def __init__(self, looks: Looks, most: int = 101) -> None:
        super().__init__()
        self.looks, self.most = looks, most
        self.init_args = {"looks": looks, "most": most}
        fields = {"regions", "region_boxes", "token_regions", "region_targets"}
        self.writes = frozenset(fields | looks.writes)  # type: ignore[misc]

    @property
    def sizes(self) -> dict[str, int]:
        """Of the features and of their classes."""
        return self.looks.sizes

    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """Take the pictures away or exchange them, if so switched.

        Raises:
            DataError: they are to be exchanged, and there is only one.
        """
        if self.knowledge == "off":
            return [replace(example, picture=None) for example in examples]
        return _exchanged(examples) if self.knowledge == "shuffled" else list(examples)

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """The picture's name for later, and ``token_regions``: which region each token names, 0 for the whole picture."""
        named = np.zeros(len(tokens), np.int64)
        for one in example.references:
            starts, ends = tokens.offsets.T
            named[(tokens.parts == one.part) & (starts < one.end) & (ends > one.start)] = one.box + 1
        return {ABOUT: (example.picture, example.where), "token_regions": named}

    def beside(self, row: dict[str, Any]) -> int:
        """Regions count as tokens do.

        Raises:
            DataError: the boxes of the picture are wrong.
        """
        picture, where = row[ABOUT]
        with _told(where):
            return 0 if picture is None else min(self.looks.count(picture), self.most)

    def fetch(self, row: dict[str, Any]) -> dict[str, Any]:
        """Open the picture.

        Raises:
            DataError: it cannot be read.
        """
        row = dict(row)
        picture, where = row.pop(ABOUT)
        with _told(where):
            seen = self.looks.nothing() if picture is None else self.looks.read(picture)
            return row | self._fields(seen, picture, row["token_regions"])

    def _fields(self, seen: Seen, picture: Picture | None, named: np.ndarray) -> dict[str, Any]:
        boxes = seen.boxes[: self.most]
        return {
            "regions": np.ones(len(boxes), np.int64),
            "region_boxes": boxes,
            "region_targets": _targets(boxes, seen, picture),
            "token_regions": np.where(named < len(boxes), named, 0),
            **{name: values[: self.most] for name, values in seen.by_region.items()},
            **seen.whole,
        }


@contextmanager
def _told(where: str) -> Iterator[None]:
    """What is wrong with a picture, with the example that names it."""
    try:
        yield
    except VisionError as error:
        raise DataError(f"{where}: {error}" if where else str(error)) from error


def _exchanged(examples: Sequence[Example]) -> list[Example]:
    distinct = list(dict.fromkeys(example.picture.name for example in examples if example.picture))
    if len(distinct) == 1:
        raise DataError(f"knowledge='shuffled' gives each text another picture, but '{distinct[0]}' is the only one.")
    shift = one_cycle(len(distinct), seed=0).tolist()
    other = {name: distinct[to] for name, to in zip(distinct, shift)}
    by_name = {example.picture.name: example.picture for example in examples if example.picture}
    return [
        example
        if example.picture is None
        else replace(example, picture=replace(by_name[other[example.picture.name]], meant=example.picture.meant))
        for example in examples
    ]


def _targets(boxes: np.ndarray, seen: Seen, picture: Picture | None) -> np.ndarray:
    """``[R]``: 1 for the regions that are meant, 0 for the others; the ignore index where nobody says."""
    if picture is None or picture.meant is None:
        return np.full(len(boxes), IGNORE, np.float32)
    if not min(seen.size):
        raise VisionError(
            f"'{picture.name}': the size of the picture is not stored, so boxes in pixels cannot be compared."
        )
    found = torch.from_numpy(boxes * np.tile(np.array(seen.size, np.float32), 2))
    overlap = iou(found, torch.tensor(picture.meant, dtype=torch.float32).view(-1, 4), EDGE)
    return (overlap > SAME).any(1).float().numpy()
