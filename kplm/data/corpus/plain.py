"""Plain text: blank lines separate documents, each line is a paragraph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kg.blocks.lines import Complain, Line
from kplm.data.corpus.document import Document, Format


def read(lines: Iterable[Line], complain: Complain) -> Iterator[Document]:
    """One document for each run of lines that are not blank."""
    held: list[Line] = []
    for line in lines:
        if line.text.strip():
            held.append(line)
        elif held:
            yield _document(held)
            held = []
    if held:
        yield _document(held)


def _document(held: list[Line]) -> Document:
    return Document("\n".join(line.text for line in held), None, held[0].where)


PLAIN = Format(closes=lambda line: not line, read=read)
