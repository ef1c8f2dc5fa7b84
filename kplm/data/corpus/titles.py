"""Titles of pages to entity ids, in a trie on disk that all workers share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import marisa_trie

from kg.blocks.folder import writing
from kg.lines import BadLines, numbered_lines
from kg.places import locate
from kplm.data.corpus.wiki import page_title

UNKNOWN = "#UNK#"
"""What the authors' ``anchor2id.txt`` has in place of an id that was not found."""


class Titles:
    """A memory-mapped look-up; a worker's own memory stays small however many titles there are."""

    def __init__(self, path: Path) -> None:
        """Open what `build` wrote."""
        self._trie = marisa_trie.BytesTrie().mmap(str(path))

    @staticmethod
    def build(source: str | Path, path: Path, max_bad: int) -> None:
        """Read lines of ``title TAB id`` and write the trie, whole or not at all; one title with two ids keeps both.

        Raises:
            KgError: the file cannot be read, more than ``max_bad`` lines are bad, or the trie cannot be written.
        """
        trie = marisa_trie.BytesTrie(_pairs(locate(source), BadLines(max_bad)))
        with writing(path) as file:
            file.write(trie.tobytes())

    def ids(self, titles: Sequence[str]) -> list[str | None]:
        """The id of each title; None where it is unknown. Of several ids the first in the order of bytes counts."""
        found = (self._trie.get(title) for title in titles)
        return [min(ids).decode() if ids else None for ids in found]


def _pairs(path: Path, bad: BadLines) -> Iterator[tuple[str, bytes]]:
    for number, line in numbered_lines(path):
        title, tab, entity = line.rpartition("\t")
        title, entity = page_title(title), entity.strip()
        if not (tab and title and entity):
            bad.report(path, number, line, "title TAB id")
        elif entity != UNKNOWN:
            yield title, entity.encode()
