"""Files of triples, each format a function ``(path, bad) -> iterator of Triple``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from kg.errors import KgError
from kg.lines import BadLines, numbered_lines


class Triple(NamedTuple):
    """One fact: what K-BERT calls subject, predicate and object."""

    head: str
    relation: str
    tail: str


class Literal(str):
    """A tail that is text, not an entity; ``language`` is empty where none is told."""

    language: str

    def __new__(cls, text: str, language: str = "") -> Literal:
        literal = super().__new__(cls, text)
        literal.language = language
        return literal


Reader = Callable[[Path, BadLines], Iterator[Triple]]

HEADERS = {("head", "relation", "tail"), ("subject", "predicate", "object"), ("h", "r", "t")}

TERM = r'(<[^<>"{}|^`\\\s]*>|_:[^\s<>"]+)'
LITERAL = r'"((?:[^"\\]|\\.)*)"(?:@([A-Za-z0-9-]+)|\^\^<[^>]*>)?'
STATEMENT = re.compile(rf"\s*{TERM}\s*(<[^>\s]*>)\s*(?:{TERM}|{LITERAL})\s*\.\s*(?:#.*)?")
ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}


def read_columns(path: Path, bad: BadLines) -> Iterator[Triple]:
    """Read ``head TAB relation TAB tail`` (TSV and K-BERT's ``.spo``); a header line is passed over."""
    for number, line in numbered_lines(path):
        columns = tuple(cell.strip() for cell in line.split("\t"))
        if number == 1 and tuple(cell.casefold() for cell in columns) in HEADERS:
            continue
        if len(columns) == 3 and all(columns):
            yield Triple(*columns)
        else:
            bad.report(path, number, line, "head TAB relation TAB tail, none empty")


def read_ntriples(path: Path, bad: BadLines) -> Iterator[Triple]:
    """Read N-Triples (https://www.w3.org/TR/n-triples/); ids come without angle brackets, tails may be `Literal`."""
    for number, line in numbered_lines(path):
        if line.lstrip().startswith("#"):
            continue
        triple = _statement(line)
        if triple is None:
            bad.report(path, number, line, '<subject> <predicate> <object> . or <subject> <predicate> "text" .')
        else:
            yield triple


READERS: dict[str, Reader] = {
    ".tsv": read_columns,
    ".txt": read_columns,
    ".spo": read_columns,
    ".nt": read_ntriples,
    ".ntriples": read_ntriples,
}


def read_triples(path: Path, bad: BadLines) -> Iterator[Triple]:
    """Read a file in the format that its name tells; ``.gz`` may follow.

    Raises:
        KgError: no reader knows such a name, or too many lines are bad.
    """
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() not in READERS:
        raise KgError(f"{path} has the ending '{suffix}'; possible: {', '.join(READERS)}, each also with .gz.")
    return READERS[suffix.lower()](path, bad)


def _statement(line: str) -> Triple | None:
    match = STATEMENT.fullmatch(line)
    if match is None:
        return None
    head, relation, node, text, language = match.groups()
    try:
        tail = _bare(node) if node else Literal(_unescape(text), language or "")
        return Triple(_bare(head), _bare(relation), tail)
    except ValueError:  # an escape names no character
        return None


def _bare(term: str) -> str:
    return _unescape(term[1:-1]) if term.startswith("<") else term


def _unescape(text: str) -> str:
    return ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) == 1:
        return ESCAPED.get(code, code)
    character = chr(int(code[1:], 16))
    character.encode()  # half of a surrogate pair is none
    return character
