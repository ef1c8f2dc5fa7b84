"""Sentences with their predicates, from files of the kinds that are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from kplm.data.roles.base import VERB, Predicate, Words
from kplm.data.roles.bio import checked
from kplm.data.roles.columns import column_blocks, predicates_of
from kplm.data.sources.base import json_lines, json_value, lines, position
from kplm.data.sources.row import Row, is_a
from kplm.errors import DataError

FORM = 'Rows are {"words": [...], "predicates": [{"index", "tags", "roleset"?}]}, or "verbs": [{"verb", "tags"}] as AllenNLP.'


@dataclass(frozen=True, slots=True)
class RoleSentence:
    """A sentence as a file has it."""

    words: tuple[str, ...]
    predicates: tuple[Predicate, ...]
    """In the order of the words."""
    id: str
    where: str
    """File and line, for messages."""


def role_sentences(path: str | Path, repair: bool = False) -> Iterator[RoleSentence]:
    """Yield the sentences of one file, in its order. Its content tells which kind it is.

    - JSON lines with ``words`` and ``predicates``, or with ``words`` and ``verbs`` as AllenNLP and ``kplm predict`` write.
    - Tables of SemBERT's authors (``*.tsv_tag_label``, ``*.tsv_tag``): tab-separated, each cell that holds AllenNLP's JSON is a
      sentence. Headers, which they tagged too, do no harm.
    - The columns of CoNLL-2012, of CoNLL-2005, and any whose first is the word and whose last are the predicate ("-" or its
      lemma or roleset) and the bracketed spans of each predicate.

    Args:
        path: the file, perhaps ``.gz``.
        repair: read an I- that continues nothing as a B-, instead of refusing it.

    Raises:
        DataError: the file cannot be read or is of no such kind; tags and words are not equally many; a tag is none; or a
            predicate has no word.
    """
    first = next((line for _, line in lines(path) if line.strip()), "")
    if first.startswith("{"):
        for where, fields in json_lines(path):
            yield _sentence(fields, where, repair)
    elif any(_cells(line) for _, line in islice(lines(path), 2)):  # the first may be a header
        yield from _table(path, repair)
    else:
        for where, rows in column_blocks(path):
            words = tuple(rows.words)
            yield RoleSentence(words, _ordered(predicates_of(rows)), position(where), where)


def _table(path: str | Path, repair: bool) -> Iterator[RoleSentence]:
    for number, (where, line) in enumerate(lines(path)):
        cells = _cells(line)
        if not cells and line.strip() and number:
            raise DataError(f"{where}: no cell holds AllenNLP's JSON with its 'verbs': {line[:80]!r}.")
        for cell in cells:
            yield _sentence(json_value(cell, where, "Cells that begin with '{' are AllenNLP's."), where, repair)


def _cells(line: str) -> list[str]:
    """The cells in which SemBERT's authors wrote what AllenNLP found."""
    return [cell for cell in line.split("\t") if cell.startswith("{") and '"verbs"' in cell]


def _sentence(fields: dict[str, Any], where: str, repair: bool) -> RoleSentence:
    row = Row(fields, where, FORM)
    words = row.strings("words")
    name = "verbs" if row.has("verbs") and not row.has("predicates") else "predicates"
    given = row.get(name, list)
    if not all(is_a(one, dict) for one in given):
        raise row.wrong(name, "a list of objects", given)
    found = [_predicate(Row(one, f"{where}: {name}[{i}]", FORM), words, repair) for i, one in enumerate(given)]
    names = [row.name(field) for field in ("id", "sent_id") if row.has(field)]
    return RoleSentence(tuple(words), _ordered(found), next(iter(names), position(where)), where)


def _predicate(row: Row, words: Words, repair: bool) -> Predicate:
    tags = checked(row.strings("tags"), words, row.where, repair)
    roleset = row.get("roleset", str) if row.has("roleset") else None
    return Predicate(_index(row, words, tags), tags, roleset)


def _index(row: Row, words: Words, tags: Sequence[str]) -> int:
    """The word of a predicate: as given, else where V begins, else the first that is written like the verb."""
    if row.has("index"):
        index = row.get("index", int)
    elif f"B-{VERB}" in tags:
        index = tags.index(f"B-{VERB}")
    else:
        verb = row.get("verb", str) if row.has("verb") else None
        index = words.index(verb) if verb in words else -1
    if not 0 <= index < len(words):
        given = f"its index {index} is none of {len(words)} words" if row.has("index") else f"no tag is B-{VERB}"
        raise row.error(f"{given}, so its word is not known.")
    return index


def _ordered(found: Sequence[Predicate]) -> tuple[Predicate, ...]:
    return tuple(sorted(found, key=lambda one: one.index))
