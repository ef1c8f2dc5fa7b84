"""CoNLL columns: one word and its tag a line, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from kplm.data.example import Example, join_words
from kplm.data.sources.base import Source, lines, position
from kplm.errors import DataError


class Conll(Source):
    """Word in the first column, tag in the last, other columns unread, as in CoNLL-2003 and WNUT-17.

    Columns are separated by tabs where the line has one, else by spaces, and every line of a file has equally many.
    Skipped are ``-DOCSTART-`` lines and comments: lines before a sentence's first word that start with ``#`` and do not
    have the columns of the file's other lines. So ``#`` itself can be a word. The text is the words joined by single
    spaces; the id is the line number of the first word.
    """

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a sentence.

        Raises:
            DataError: also where a line has another number of columns than the lines before it.
        """
        shape = _file_shape(path)
        for block in _blocks(path):
            words = _without_comments(block, shape)
            if words:
                yield _example(words, shape)


def _example(block: list[tuple[str, str]], shape: tuple[bool, int]) -> Example:
    rows = [_columns(line) for _, line in block]
    for (where, line), row in zip(block, rows):
        if len(row) < 2 or not row[0]:
            raise DataError(f"{where}: expected a word and its tag, got {line!r}. Write them as word, tab, tag.")
        if _shape(line) != shape:
            raise DataError(
                f"{where}: expected {_say(shape)} as in the lines before, got {_say(_shape(line))}: {line!r}."
            )
    text, words = join_words([row[0] for row in rows])
    where = block[0][0]
    return Example(text=text, words=words, tags=tuple(row[-1].strip() for row in rows), id=position(where), where=where)


def _file_shape(path: str | Path) -> tuple[bool, int]:
    """The shape of the first line that cannot be a comment."""
    return next((_shape(line) for block in _blocks(path) for _, line in block if not line.startswith("#")), (True, 2))


def _blocks(path: str | Path) -> Iterator[list[tuple[str, str]]]:
    """Lines between blank lines, each with its place."""
    block: list[tuple[str, str]] = []
    for where, line in lines(path):
        if line.strip() and not line.startswith("-DOCSTART-"):
            block.append((where, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _without_comments(block: list[tuple[str, str]], shape: tuple[bool, int]) -> list[tuple[str, str]]:
    first = next((i for i, (_, line) in enumerate(block) if not line.startswith("#") or _shape(line) == shape), None)
    return [] if first is None else block[first:]


def _columns(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))


def _shape(line: str) -> tuple[bool, int]:
    """Whether tabs separate the columns, and how many there are."""
    return "\t" in line, len(_columns(line))


def _say(shape: tuple[bool, int]) -> str:
    return f"{shape[1]} columns separated by {'tabs' if shape[0] else 'spaces'}"
