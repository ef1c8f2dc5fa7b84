"""Which format the input has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from kplm.data.corpus.document import Format
from kplm.data.corpus.linked import LINKED
from kplm.data.corpus.plain import PLAIN
from kplm.data.corpus.stream import first_line
from kplm.data.corpus.wiki import WIKI, WIKI_JSON, title_of
from kplm.errors import DataError, did_you_mean

FORMATS: dict[str, Format] = {"linked": LINKED, "plain": PLAIN, "wiki": WIKI, "wiki_json": WIKI_JSON}
CHOICES = ("auto", "linked", "plain", "wiki")


def format_name(asked: str, files: Sequence[Path]) -> str:
    """A name in ``FORMATS``: what was asked for, or what the first line of the input looks like.

    Args:
        asked: one of ``CHOICES``; wiki is both the tagged form and JSON lines.
        files: the input.

    Raises:
        DataError: there is no such format.
    """
    if asked not in CHOICES:
        raise DataError(f"There is no format '{asked}'.{did_you_mean(asked, CHOICES)} Possible: {', '.join(CHOICES)}.")
    line = first_line(files)
    if asked == "wiki":
        return "wiki_json" if line.startswith(b"{") else "wiki"
    return _looks_like(line) if asked == "auto" else asked


def _looks_like(line: bytes) -> str:
    if line.startswith(b"{"):
        return "wiki_json" if _is_page(line) else "linked"
    return "wiki" if title_of(line.decode("utf-8", "replace").strip()) is not None else "plain"


def _is_page(line: bytes) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and {"url", "title", "text"} <= row.keys() and "links" not in row
