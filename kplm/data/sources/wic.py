"""Word-in-Context: does a word mean the same in two sentences? (Pilehvar and Camacho-Collados, NAACL 2019)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from kplm.data.example import Example, Mark, join_words
from kplm.data.sources.base import Source, lines, position
from kplm.errors import DataError

DATA, GOLD = ".data.txt", ".gold.txt"
_FORM = (
    "Lines are: word, part of speech, places of the word such as 3-0, first sentence, second sentence, between tabs."
)


class Wic(Source):
    """``X.data.txt``, and beside it ``X.gold.txt`` with T or F a line; without the latter no example has a label.

    The word is marked in both sentences with the role 'target'; places count the words of a sentence, cut at blanks, from 0.

    Args:
        gold: the answers, if they lie elsewhere.
    """

    def __init__(self, gold: str | None = None) -> None:
        self.gold = gold

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one pair of sentences a line.

        Raises:
            DataError: also where there are more or fewer answers than pairs.
        """
        path = Path(path)
        place = Path(self.gold) if self.gold else path.with_name(path.name.replace(DATA, GOLD))
        if not self.gold and (place == path or not place.exists()):
            yield from (_example(where, line) for where, line in lines(path))
            return
        for row, answer in zip_longest(lines(path), lines(place)):
            if row is None or answer is None:
                more, fewer = (path, place) if answer is None else (place, path)
                raise DataError(
                    f"{(row or answer)[0]}: {more.name} has more lines than {fewer.name}. Give two that fit."
                )
            yield _example(row[0], row[1], answer)


def _example(where: str, line: str, answer: tuple[str, str] | None = None) -> Example:
    columns = line.split("\t")
    found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", columns[2].strip()) if len(columns) == 5 else None
    if found is None:
        raise DataError(f"{where}: got {line!r}. {_FORM}")
    texts = [column.split() for column in columns[3:]]
    marks = tuple(_mark(where, part, int(found[part + 1]), text) for part, text in enumerate(texts))
    label = None if answer is None else _label(*answer)
    text, pair = (join_words(words)[0] for words in texts)
    return Example(text, pair, marks, label=label, id=position(where), where=where)


def _mark(where: str, part: int, place: int, words: list[str]) -> Mark:
    if place >= len(words):
        raise DataError(
            f"{where}: word {place} of {'the second' if part else 'the first'} sentence is asked for, but it has {len(words)}. "
            f"Places count from 0."
        )
    return Mark(*join_words(words)[1][place], "target", part)


def _label(where: str, line: str) -> str:
    if line.strip() not in ("T", "F"):
        raise DataError(f"{where}: the answer must be T or F, got {line!r}.")
    return line.strip()
