"""Documents as JSON lines in kplm's own format: ``text`` and ``links``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from kg.blocks.lines import Complain, Line
from kplm.data.corpus.document import Document, Format, Mention
from kplm.data.sources.jsonl import example_from_json
from kplm.errors import DataError

READ = ("text", "tokens", "links", "id")
EXPECTED = "a JSON object with text and links"


def read(lines: Iterable[Line], complain: Complain) -> Iterator[Document]:
    """One document a line: ``text`` (or ``tokens``), perhaps ``links`` and ``id``; other fields are passed over."""
    for line in lines:
        if not line.text.strip():
            continue
        row = parsed(line, complain)
        if row is not None and (document := _document(line, row, complain)):
            yield document


def parsed(line: Line, complain: Complain) -> dict[str, Any] | None:
    """The JSON object in a line; None, and a complaint, if there is none."""
    try:
        row = json.loads(line.text)
        if "\\u" in line.text:
            json.dumps(row, ensure_ascii=False).encode()  # fails on half of a surrogate pair, which is no character
    except (ValueError, RecursionError) as error:
        complain(line, f"{EXPECTED} ({error})")
        return None
    if isinstance(row, dict):
        return row
    complain(line, EXPECTED)
    return None


def _document(line: Line, row: dict[str, Any], complain: Complain) -> Document | None:
    try:
        example = example_from_json({name: row[name] for name in READ if name in row}, line.where)
    except DataError as error:
        complain(line, f"{EXPECTED} ({str(error).removeprefix(f'{line.where}: ')})")
        return None
    links = example.links
    mentions = None if links is None else [Mention(link.start, link.end, link.entity) for link in links]
    return Document(example.text, mentions, example.id or line.where)


LINKED = Format(closes=bool, read=read)
