"""The fine-tuning files of ERNIE (Zhang et al., 2019): one JSON list a file, character offsets, entities by TAGME.

The authors release ``train.json``, ``dev.json`` and ``test.json`` of each task at github.com/thunlp/ERNIE.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kplm.data.example import Example, Link, Mark
from kplm.data.sources.base import Source, json_list
from kplm.data.sources.row import NUMBER, Row


class ErnieTyping(Source):
    """FIGER and OpenEntity: ``{sent, start, end, ents: [[entity, start, end, score], ...], labels}``.

    Args:
        threshold: keep the links whose score is strictly greater. The paper's 0.3 is the default.
    """

    form = "ERNIE typing rows need sent, start, end, ents and labels."

    def __init__(self, threshold: float = 0.3) -> None:
        self.threshold = threshold

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example an element of the list."""
        for where, fields in json_list(path):
            row = Row(fields, where, self.form)
            yield Example(
                text=row.get("sent", str),
                marks=(Mark(row.get("start", int), row.get("end", int), "mention"),),
                links=_scored_links(row, "ents", self.threshold),
                labels=tuple(row.strings("labels")),
                id=row.id(),
                where=where,
            )


class ErnieRelation(Source):
    """TACRED: ``{text, ents: [head, tail], ann: [[entity, start, end, score], ...], label}``.

    ``head`` and ``tail`` are ``[name, start, end, ...]``; a start of 1 means 0, as in the authors' code. The class for
    "no relation" is called NA.

    Args:
        threshold: keep the links whose score is strictly greater. The authors' 0.4 for TACRED is the default.
    """

    form = "ERNIE relation rows need text, ents (head and tail), ann and label."

    def __init__(self, threshold: float = 0.4) -> None:
        self.threshold = threshold

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example an element of the list."""
        for where, fields in json_list(path):
            row = Row(fields, where, self.form)
            yield _relation(row, _head_and_tail(row), _scored_links(row, "ann", self.threshold))


class ErnieFewRel(Source):
    """FewRel as the authors release it: ``{text, ents: [head, tail], label}``.

    ``head`` and ``tail`` are ``[entity, start, end, score?]``; a start of 1 means 0, as in the authors' code. Both are
    gold links, so no threshold applies.
    """

    form = "ERNIE FewRel rows need text, ents (head and tail) and label."

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example an element of the list."""
        for where, fields in json_list(path):
            row = Row(fields, where, self.form)
            ents = _head_and_tail(row)
            row.entries("ents", "[entity, start, end, score?]", str, int, int, NUMBER, least=3)
            links = tuple(Link(start, end, entity, float((*rest, 1.0)[0])) for entity, start, end, *rest in ents)
            yield _relation(row, ents, links)


def _relation(row: Row, ents: list[list[Any]], links: tuple[Link, ...]) -> Example:
    return Example(
        text=row.get("text", str),
        marks=tuple(Mark(start, end, role) for role, (_, start, end, *_) in zip(("head", "tail"), ents)),
        links=links,
        label=row.name("label"),
        id=row.id(),
        where=row.where,
    )


def _head_and_tail(row: Row) -> list[list[Any]]:
    """Both entities of ``ents``, with a start of 1 turned into 0; the row itself is left as it is."""
    ents = row.entries("ents", "[entity, start, end, ...]", str, int, int)
    if len(ents) != 2:
        raise row.error(f"field 'ents' must hold the head and the tail, got {len(ents)} entries.")
    return [[name, 0 if start == 1 else start, end, *rest] for name, start, end, *rest in ents]


def _scored_links(row: Row, field: str, threshold: float) -> tuple[Link, ...]:
    entries = row.entries(field, "[entity, start, end, score]", str, int, int, NUMBER)
    return tuple(
        Link(start, end, entity, float(score)) for entity, start, end, score, *_ in entries if score > threshold
    )
