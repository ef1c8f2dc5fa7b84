"""FewRel (Han et al., 2018) and data sets written like it, such as SemEval-2010 task 8 with empty entity ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kplm.data.example import Example, Link, Mark, join_words
from kplm.data.sources.base import Source, describe, json_file, json_lines
from kplm.data.sources.row import Row
from kplm.errors import DataError

_FORM = "FewRel rows need tokens, h, t and relation; h and t are [name, entity or null, [[token number, ...], ...]]."


class FewRel(Source):
    """Sentences with a head, a tail and their relation. The first span of each becomes the mark.

    A file whose name ends in ``.json`` is read as the official release: one object
    ``{relation: [{tokens, h, t}, ...]}``. Any other name is read as JSON Lines of
    ``{id?, tokens, h, t, relation}``. In both, ``h`` and ``t`` are ``[name, entity or null, spans]``, and a span is
    a list of token numbers. The text is the tokens joined by single spaces.

    Args:
        gold_links: link head and tail to the entities that the row names. A row that names none stays unlinked, so
            that a linker may run. False: every row stays unlinked.
    """

    def __init__(self, gold_links: bool = True) -> None:
        self.gold_links = gold_links

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a row."""
        rows = _official(Path(path)) if Path(path).suffix == ".json" else json_lines(path)
        for where, fields in rows:
            yield self._example(Row(fields, where, _FORM))

    def _example(self, row: Row) -> Example:
        text, words = join_words(row.strings("tokens"))
        named = [(role, *_mention(row, field, words)) for role, field in (("head", "h"), ("tail", "t"))]
        links = tuple(Link(start, end, entity) for _, start, end, entity in named if entity)
        return Example(
            text=text,
            marks=tuple(Mark(start, end, role) for role, start, end, _ in named),
            links=links if links and self.gold_links else None,
            label=row.name("relation"),
            id=row.id(),
            where=row.where,
        )


def _mention(row: Row, field: str, words: tuple[tuple[int, int], ...]) -> tuple[int, int, str | None]:
    """Characters of the first span, and the entity if there is one."""
    form = "[name, entity or null, [[token number, ...], ...]]"
    value = row.get(field, list)
    _, entity, spans, *_ = row.entry(field, value, form, str, (str, type(None)), list)
    tokens = row.entry(field, spans[0] if spans else None, form, int, least=1)
    if not all(isinstance(token, int) and 0 <= token < len(words) for token in tokens):
        raise row.error(f"field '{field}' names the tokens {describe(tokens)}, but the row has {len(words)} tokens.")
    return words[min(tokens)][0], words[max(tokens)][1], entity or None


def _official(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    relations = json_file(path)
    if not isinstance(relations, dict) or not all(isinstance(rows, list) for rows in relations.values()):
        raise DataError(
            f"{path.name}: a FewRel file that ends in .json must be one object {{relation: [rows]}}, "
            f"got {describe(relations)}. Name a file of one object a line .jsonl."
        )
    for relation, rows in relations.items():
        for index, row in enumerate(rows):
            where = f"{path.name}:{relation} row {index}"
            if not isinstance(row, dict):
                raise DataError(f"{where}: expected an object, got {describe(row)}. {_FORM}")
            yield where, {"id": f"{relation}-{index}", **row, "relation": relation}
