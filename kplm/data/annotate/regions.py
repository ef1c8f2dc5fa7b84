"""Pictures beside texts: the regions of each, and the words that name them (VL-BERT: Su et al., 2020)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from kg.shuffle import one_cycle
from kplm.data.annotate.base import Annotator
from kplm.data.example import Example, Picture
from kplm.data.looks.base import Looks, Seen
from kplm.data.looks.regions_of import CLASSES
from kplm.errors import DataError
from kplm.fields import IGNORE
from kplm.text import Tokens
from vision.boxes import flip, iou
from vision.errors import VisionError

log = logging.getLogger(__name__)
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

    The whole picture is the first region. Where the others come with classes, those that the detector is surest of come first
    (Su et al., 2020), and are kept when there are too many.

    Args:
        looks: a store, files of features, or pixels.
        most: regions of a picture at most, the whole picture among them.
        boxed: pictures should have boxes, and one without is told; set when examples with boxes are read.
    """

    def __init__(self, looks: Looks, most: int = 101, boxed: bool = False) -> None:
        super().__init__()
        self.looks, self.most, self.boxed = looks, most, boxed
        self._warned = False
        fields = {"regions", "region_boxes", "token_regions", "region_targets"}
        self.writes = frozenset(fields | looks.writes)  # type: ignore[misc]

    @property
    def init_args(self) -> dict[str, Any]:
        """Constructor arguments, with what was learnt since."""
        return {"looks": self.looks, "most": self.most, "boxed": self.boxed}

    @property
    def flip(self) -> float:  # type: ignore[override]
        """See :class:`Annotator`."""
        return self.looks.flip

    def suit(self, expects: Mapping[str, Any]) -> None:
        """See :meth:`Annotator.suit`."""
        self.looks.suit(expects)

    @property
    def sizes(self) -> dict[str, int]:
        """Of the features and of their classes."""
        return self.looks.sizes

    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """Take the pictures away or exchange them, if so switched.

        Raises:
            DataError: they are to be exchanged, and there is only one.
        """
        self._tell_without_boxes([example.picture for example in examples if example.picture is not None])
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
        kept = _ranked(seen)[: self.most]
        boxes = seen.boxes[kept]
        place = np.zeros(1 + max(len(seen.boxes), int(named.max(initial=0))), np.int64)
        place[kept] = np.arange(len(kept))
        return {
            "regions": np.ones(len(boxes), np.int64),
            "region_boxes": boxes,
            "region_targets": _targets(boxes, seen, picture),
            "token_regions": place[named],
            **{name: values[kept] for name, values in seen.by_region.items()},
            **seen.whole,
        }

    def _tell_without_boxes(self, pictures: Sequence[Picture]) -> None:
        """Say once which pictures lack the boxes that others have; the model sees less of them than it could."""
        self.boxed |= any(picture.boxes or not self.looks.lacks_boxes(picture) for picture in pictures)
        if not self.boxed or self._warned or self.knowledge == "off":
            return
        lacking = [picture.name for picture in pictures if self.looks.lacks_boxes(picture)]
        if lacking:
            self._warned = True
            log.warning(
                f"{len(lacking)} of {len(pictures)} pictures come without boxes, '{lacking[0]}' first: only the whole is seen of "
                f"them, though others came with boxes, here or in training. Give each its boxes, [[x1, y1, x2, y2], ...] in "
                f"pixels, or set what finds them: boxes of kplm.load or of Pixels, such as 'detector', 'search' or 'grid:3x3'."
            )


@contextmanager
def _told(where: str) -> Iterator[None]:
    """What is wrong with a picture, with the example that names it."""
    try:
        yield
    except VisionError as error:
        raise DataError(f"{where}: {error}" if where else str(error)) from error


def _ranked(seen: Seen) -> np.ndarray:
    """The regions by the score of their best class, the whole picture before all; as they are where classes are not known."""
    classes = seen.by_region.get(CLASSES)
    if classes is None or not len(classes):
        return np.arange(len(seen.boxes))
    scores = np.asarray(classes[1:], np.float32).max(axis=1, initial=0)
    return np.concatenate([[0], 1 + np.argsort(-scores, kind="stable")])


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
    meant = torch.tensor(picture.meant, dtype=torch.float32).view(-1, 4)
    if picture.mirrored:
        meant = flip(meant, torch.tensor(float(seen.size[0])))
    return (iou(found, meant, EDGE) > SAME).any(1).float().numpy()
