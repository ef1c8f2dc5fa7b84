"""Markers written into the text around the spans a task is about."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from kplm.data.example import Example, Link, Mark, Reference, Structures

Moved = TypeVar("Moved", Mark, Link, Reference)

ERNIE_MARKERS = {"head": "#", "tail": "$", "mention": "。"}
"""The published markers: ordinary vocabulary entries, so no new embeddings are needed (Zhang et al., 2019, section 3.4)."""


@dataclass(frozen=True)
class Insertions:
    """Strings inserted into a text, and where every old offset went."""

    at: tuple[int, ...]
    pieces: tuple[str, ...]

    @classmethod
    def around(cls, marks: Iterable[Mark], markers: Mapping[str, str]) -> Insertions:
        """One marker before and one behind each mark whose role has one; closing markers come before opening ones."""
        found = []
        for mark in marks:
            if mark.role in markers:
                found.append((mark.start, 1, f"{markers[mark.role]} "))
                found.append((mark.end, 0, f" {markers[mark.role]}"))
        found.sort(key=lambda item: item[:2])
        return cls(tuple(item[0] for item in found), tuple(item[2] for item in found))

    def apply(self, text: str) -> str:
        """The text with all pieces inserted."""
        cuts = (0, *self.at, len(text))
        kept = [text[start:end] for start, end in pairwise(cuts)]
        return "".join(part for pair in zip(kept, (*self.pieces, "")) for part in pair)

    def start(self, offset: int) -> int:
        """Where a span that starts at ``offset`` starts now."""
        return offset + self._shift(bisect_right(self.at, offset))

    def end(self, offset: int) -> int:
        """Where a span that ends at ``offset`` ends now."""
        return offset + self._shift(bisect_left(self.at, offset))

    def _shift(self, count: int) -> int:
        return sum(len(piece) for piece in self.pieces[:count])


def mark_text(example: Example, markers: Mapping[str, str]) -> Example:
    """Write the markers into the text and move marks, links, roles and words along; returns a new example."""
    if not any(mark.role in markers for mark in example.marks):
        return example
    put, beside = (Insertions.around((m for m in example.marks if m.part == part), markers) for part in (0, 1))

    def move(span: Moved) -> Moved:
        by = beside if span.part else put
        return replace(span, start=by.start(span.start), end=by.end(span.end))

    def move_roles(found: Structures) -> Structures:
        by = beside if found.part else put
        return replace(found, words=tuple((by.start(start), by.end(end)) for start, end in found.words))

    return replace(
        example,
        text=put.apply(example.text),
        pair=None if example.pair is None else beside.apply(example.pair),
        marks=tuple(map(move, example.marks)),
        links=None if example.links is None else tuple(map(move, example.links)),
        references=tuple(map(move, example.references)),
        roles=None if example.roles is None else tuple(map(move_roles, example.roles)),
        words=tuple((put.start(start), put.end(end)) for start, end in example.words),
    )
