"""Mirrored pictures in training, with texts and answers that stay true: left and right change places in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from kplm.data.annotate.regions import ABOUT
from kplm.data.encode import Row, TextEncoder
from kplm.data.example import Example, Link, Mark, Reference
from kplm.text.sides import exchanged

DRAW = 1
"""Sets these draws apart from others of the same seed, epoch and row."""
Span = TypeVar("Span", Mark, Link, Reference)


class Mirror:
    """Mirrors a share of the rows that have a picture, drawn anew in every epoch.

    Args:
        changed: by the number of their row, the fields of texts that are others when mirrored.
        groups: of each row the number of the first that stands for the same question; they are mirrored together.
        share: of the rows.
        seed: with the epoch and the group of a row it says whether the row is mirrored.
    """

    def __init__(self, changed: Mapping[int, Row], groups: Sequence[int], share: float, seed: int) -> None:
        self.changed, self.groups, self.share, self.seed = changed, groups, share, seed

    @classmethod
    def of(cls, examples: Sequence[Example], text: TextEncoder, seed: int) -> Mirror | None:
        """Encode the texts that change; None where nothing is to be mirrored."""
        if not text.flip:
            return None
        both = ((i, example, mirrored(example, text)) for i, example in enumerate(examples) if example.picture)
        others = {i: replace(other, picture=None) for i, example, other in both if other != example}
        rows = zip(others, text(list(others.values())))
        kept = {i: {name: row[name] for name in row.keys() - {"row", ABOUT}} for i, row in rows}
        firsts: dict[str, int] = {}
        groups = [firsts.setdefault(example.group, i) if example.group else i for i, example in enumerate(examples)]
        return cls(kept, groups, text.flip, seed)

    def __call__(self, row: Row, number: int, epoch: int) -> Row:
        """The row, or its mirror image."""
        picture, where = row[ABOUT]
        if picture is None:
            return row
        draw = np.random.default_rng((self.seed, epoch, self.groups[number], DRAW))
        if draw.random() >= self.share:
            return row
        return {**row, **self.changed.get(number, {}), ABOUT: (replace(picture, mirrored=True), where)}


def mirrored(example: Example, text: TextEncoder) -> Example:
    """The example with left and right exchanged in its texts, and in its gold labels where those are words of the language."""
    one, pair = exchanged(example.text), exchanged(example.pair or "")
    parts = one, pair

    def moved(spans: Sequence[Span]) -> tuple[Span, ...]:
        places = [parts[getattr(span, "part", 0)].at for span in spans]
        return tuple(replace(span, start=at(span.start), end=at(span.end)) for span, at in zip(spans, places))

    other = replace(
        example,
        text=one.text,
        pair=None if example.pair is None else pair.text,
        marks=moved(example.marks),
        links=None if example.links is None else moved(example.links),
        words=tuple((one.at(start), one.at(end)) for start, end in example.words),
        references=moved(example.references),
    )
    return other if text.targets is None else text.targets.mirrored(other)
