"""Tagged sentences as K-BERT's authors write them (Liu et al., 2020): a table with a sentence and its tags in a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kplm.data.example import Example, join_words
from kplm.data.sources.tsv import Tsv
from kplm.errors import DataError


class TaggedTsv(Tsv):
    """One sentence a line, its words and their tags in two columns, each joined by blanks.

    Only the blank separates: other white space, such as the ideographic blank, can be a word.

    Args:
        text: the column of the words.
        label: the column of the tags; None for files without tags.
        between: what the text has between two words: nothing for Chinese characters, a blank for words that are written apart.
    """

    def __init__(self, text: str = "text_a", label: str | None = "label", between: str = "") -> None:
        super().__init__(text=text, label=label)
        self.between = between

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a line after the header.

        Raises:
            DataError: also where a named column is absent, a line has more or fewer columns than the header, or a sentence
                has more or fewer tags than words.
        """
        for row in super().read(path):
            words = _cut(row.text)
            tags = None if row.label is None else _cut(row.label)
            if tags is not None and len(tags) != len(words):
                raise self._uneven(row.where, words, tags)
            text, spans = join_words(words, self.between)
            yield replace(row, text=text, words=spans, tags=tags, label=None)

    def _uneven(self, where: str, words: tuple[str, ...], tags: tuple[str, ...]) -> DataError:
        both = min(len(words), len(tags))
        first = f"the word {words[both]!r}" if len(words) > both else f"the tag {tags[both]!r}"
        return DataError(
            f"{where}: {len(tags)} tags in column '{self.label}' for {len(words)} words in column '{self.text}'; {first} is the "
            f"first that stands alone. Give one tag a word, both joined by single blanks."
        )


def _cut(row: str) -> tuple[str, ...]:
    return tuple(part for part in row.split(" ") if part)
