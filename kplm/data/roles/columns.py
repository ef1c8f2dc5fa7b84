"""Roles in columns: a word a line, and for each predicate a column of spans written ``(ARG0*``, ``*``, ``*)``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kplm.data.roles.base import VERB, Predicate, Span, written
from kplm.data.sources.base import lines
from kplm.errors import DataError

FORM = (
    "Columns are those of CoNLL-2012, or: word, other columns, predicate ('-' for none), and for each predicate a column such as "
    "'(ARG0*'. Other files of roles are JSON lines, or tables with AllenNLP's JSON."
)
NONE = {"-", "_"}
DOCUMENT = ("#begin document", "#end document")
WORD, LEMMA, SENSE, FIRST = 3, 6, 7, 11
"""Columns of CoNLL-2012 (Pradhan et al., 2012, section 4): word, lemma, frameset, first predicate; the last is coreference."""
CELL = re.compile(r"(?:\((?P<label>[^()*]+))?\*(?P<end>[^()*]*\))?")
SHORT = re.compile(r"\bA(?=[0-9A]$|M-)")
"""Labels of CoNLL-2005 (Carreras and Màrquez, 2005): A0, AM-TMP, R-A0, AA."""


@dataclass(frozen=True)
class Block:
    """The lines of one sentence."""

    rows: list[list[str]]
    places: list[str]
    """File and line of each."""
    word: int
    """The column of the words."""
    first: int
    """The column of the first predicate."""
    end: int
    """The column behind the last."""

    @property
    def words(self) -> list[str]:
        """Its words."""
        return [row[self.word] for row in self.rows]

    def roleset(self, at: int) -> str | None:
        """The roleset in a line, if it is told: "give.01", or "give" and "01" in two columns."""
        if self.word == WORD:
            lemma, sense = self.rows[at][LEMMA], self.rows[at][SENSE]
        else:
            lemma, sense = self.rows[at][self.first - 1], self.rows[at][self.first - 2]
        if re.fullmatch(r".+\.\d+", lemma):
            return lemma
        return f"{lemma}.{sense}" if sense.isdecimal() and lemma not in NONE else None


def column_blocks(path: str | Path) -> Iterator[tuple[str, Block]]:
    """The sentences of a file, each with the place of its first line.

    Raises:
        DataError: the lines of a sentence differ in their number of columns, or have none for the roles.
    """
    for numbered in _sentences(path):
        width = len(numbered[-1][1])
        kept = [(where, row) for where, row in numbered if len(row) == width or not row[0].startswith("#")]
        for where, row in kept:
            if len(row) != width:
                raise DataError(f"{where}: {len(row)} columns, but the last line of this sentence has {width}. {FORM}")
        yield kept[0][0], _block([row for _, row in kept], [where for where, _ in kept])


def predicates_of(block: Block) -> list[Predicate]:
    """The predicates of a sentence, in the order of their columns.

    Raises:
        DataError: spans are opened or closed wrongly, or a column has no V.
    """
    return [_predicate(block, column) for column in range(block.first, block.end)]


def _sentences(path: str | Path) -> Iterator[list[tuple[str, list[str]]]]:
    some: list[tuple[str, list[str]]] = []
    for where, line in lines(path):
        if line.strip() and not line.startswith(DOCUMENT):
            some.append((where, line.split()))
        elif some:
            yield some
            some = []
    if some:
        yield some


def _block(rows: list[list[str]], places: list[str]) -> Block:
    width = len(rows[0])
    if width > FIRST and all(row[1].isdecimal() and row[2].isdecimal() for row in rows):
        return Block(rows, places, WORD, FIRST, width - 1)
    for target in range(1, width):
        targets = [row[target] for row in rows if row[target] not in NONE]
        spans = (row[column] for row in rows for column in range(target + 1, width))
        if len(targets) == width - 1 - target and all(map(CELL.fullmatch, spans)):
            return Block(rows, places, 0, target + 1, width)
    raise DataError(
        f"{places[0]}: none of {width} columns names as many predicates as columns of spans follow it in this sentence. {FORM}"
    )


def _predicate(block: Block, column: int) -> Predicate:
    found: list[Span] = []
    label, begin = "", 0
    for at, row in enumerate(block.rows):
        cell = CELL.fullmatch(row[column])
        if cell is None or bool(cell["label"] and label) or bool(cell["end"] and not (cell["label"] or label)):
            raise DataError(
                f"{block.places[at]}: column {column + 1} of the word '{row[block.word]}' is '{row[column]}', "
                f"which opens or closes no span here. Spans are written (ARG0* to *), and do not overlap."
            )
        if cell["label"]:
            label, begin = SHORT.sub("ARG", cell["label"]), at
        if cell["end"]:
            found.append((label, begin, at + 1))
            label = ""
    verbs = [begin for name, begin, _ in found if name == VERB]
    if label or not verbs:
        told = f"does not close the span '{label}'" if label else f"has no span '{VERB}'"
        raise DataError(f"{block.places[0]}: column {column + 1} {told} in this sentence.")
    return Predicate(verbs[0], written(len(block.rows), found), block.roleset(verbs[0]))
