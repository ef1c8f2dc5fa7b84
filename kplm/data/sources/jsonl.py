"""kplm's own format, for data and for prediction: one JSON object a line, all offsets in characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kplm.data.example import Example, Link, Mark, join_words
from kplm.data.sources.base import Source, describe, json_lines, position
from kplm.data.sources.row import NUMBER, Row
from kplm.errors import DataError, did_you_mean

_MARKS = ("head", "tail", "mention")
_FIELDS = ("text", "tokens", "pair", "marks", *_MARKS, "links", "label", "labels", "words", "tags", "id")
_FORM = "A row needs text, or tokens; offsets count characters from 0, and the end is exclusive."


class JsonLines(Source):
    """One JSON object a line. Only ``text`` (or ``tokens``) is required; null means absent.

    ====================  =====================================================================================
    ``text``              string
    ``tokens``            list of strings, instead of ``text`` and ``words``: they are joined by single spaces
    ``pair``              string, the second text of a pair task
    ``marks``             ``[[start, end, role], ...]``, roles such as head, tail and mention
    ``head`` and so on    ``[start, end]``: ``head``, ``tail`` and ``mention`` are short forms of a mark
    ``links``             ``[[start, end, entity, score?, part?], ...]``; ``[]`` says linked, nothing found
    ``label``             string or whole number
    ``labels``            list of strings, for tasks with several labels
    ``words``             ``[[start, end], ...]``, the words that are tagged
    ``tags``              list of strings, one a word
    ``id``                string or whole number; the line number where absent
    ====================  =====================================================================================
    """

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a line; blank lines are skipped."""
        for where, fields in json_lines(path):
            example = example_from_json(fields, where)
            yield example if example.id else replace(example, id=position(where))


def example_from_json(row: Mapping[str, Any], where: str) -> Example:
    """Read one object in the format of ``JsonLines``.

    Args:
        row: the parsed object.
        where: file and line, for messages.

    Raises:
        DataError: a field is missing, unknown, or not what the format says; or a span lies outside its text.
    """
    fields = Row({name: value for name, value in row.items() if value is not None}, where, _FORM)
    _refuse_unknown(fields)
    text, words = _text(fields)
    return Example(
        text=text,
        pair=fields.get("pair", str) if fields.has("pair") else None,
        marks=tuple(_marks(fields)),
        links=tuple(_links(fields)) if fields.has("links") else None,
        label=fields.name("label") if fields.has("label") else None,
        labels=tuple(fields.strings("labels")) if fields.has("labels") else None,
        words=words,
        tags=tuple(fields.strings("tags")) if fields.has("tags") else None,
        id=fields.name("id") if fields.has("id") else "",
        where=where,
    )


def example_to_json(example: Example) -> dict[str, Any]:
    """Write an example as an object that ``example_from_json`` reads back as an equal one; ``where`` is left out."""
    fields = {
        "id": example.id or None,
        "text": example.text,
        "pair": example.pair,
        "marks": [[mark.start, mark.end, mark.role] for mark in example.marks] or None,
        "links": None if example.links is None else [_link_to_json(link) for link in example.links],
        "label": example.label,
        "labels": None if example.labels is None else list(example.labels),
        "words": [list(span) for span in example.words] or None,
        "tags": None if example.tags is None else list(example.tags),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _refuse_unknown(row: Row) -> None:
    for name in row.fields:
        if name not in _FIELDS:
            hint = did_you_mean(name, _FIELDS)
            raise DataError(f"{row.where}: field '{name}' is not known.{hint} Known fields: {', '.join(_FIELDS)}.")


def _text(row: Row) -> tuple[str, tuple[tuple[int, int], ...]]:
    if not row.has("tokens"):
        text = row.get("text", str)
        return text, _words(row, len(text)) if row.has("words") else ()
    for name in ("text", "words"):
        if row.has(name):
            raise row.error(f"fields 'tokens' and '{name}' exclude each other; drop one.")
    return join_words(row.strings("tokens"))


def _words(row: Row, length: int) -> tuple[tuple[int, int], ...]:
    spans = tuple((start, end) for start, end, *_ in row.entries("words", "[start, end]", int, int))
    for start, end in spans:
        if not 0 <= start <= end <= length:
            raise row.error(f"words has the span {start}..{end}, but the text has {length} characters.")
    return spans


def _marks(row: Row) -> Iterator[Mark]:
    if row.has("marks"):
        for start, end, role, *_ in row.entries("marks", "[start, end, role]", int, int, str):
            yield Mark(start, end, role)
    for role in _MARKS:
        if row.has(role):
            span = row.entry(role, row.fields[role], "[start, end]", int, int)
            yield Mark(span[0], span[1], role)


def _links(row: Row) -> Iterator[Link]:
    form = "[start, end, entity, score?, part?]"
    for start, end, entity, *rest in row.entries("links", form, int, int, str, NUMBER, int, least=3):
        score, part = (*rest, 1.0, 0)[0], rest[1] if len(rest) > 1 else 0
        if part not in (0, 1):
            raise row.error(f"a link has part {describe(part)}; 0 is the text, 1 is the pair.")
        yield Link(start, end, entity, float(score), part)


def _link_to_json(link: Link) -> list[Any]:
    return [link.start, link.end, link.entity, link.score, link.part]
