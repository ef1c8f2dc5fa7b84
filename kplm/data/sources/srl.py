"""PropBank roles to train a labeller on, and to ask it about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kplm.data.example import Example, Mark, join_words
from kplm.data.roles.base import OUTSIDE, VERB
from kplm.data.sources.base import Source

if TYPE_CHECKING:
    from kplm.data.roles.reading import RoleSentence


class Srl(Source):
    """Sentences with their predicates, in any form that :func:`kplm.data.roles.reading.role_sentences` reads.

    A sentence becomes a row that asks which words are predicates (tags 'B-V' and 'O', no mark), and for each of its predicates
    a row that asks for the arguments (its BIO tags, a mark with the role 'predicate').

    Args:
        rows: 'both' kinds; the 'sentences' alone, which is what ``kplm predict`` wants; or the 'predicates' alone.
        repair: read an I- that continues nothing as a B-, instead of refusing it.
    """

    def __init__(self, rows: Literal["both", "sentences", "predicates"] = "both", repair: bool = False) -> None:
        self.rows, self.repair = rows, repair

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the rows of one file, those of a sentence behind each other.

        Raises:
            DataError: also where tags and words are not equally many, or a tag is none.
        """
        from kplm.data.roles.reading import role_sentences  # it reads with the base of these sources

        for sentence in role_sentences(path, self.repair):
            if self.rows != "predicates":
                yield _asked_for_predicates(sentence)
            if self.rows != "sentences":
                yield from _asked_for_arguments(sentence)


def _asked_for_predicates(sentence: RoleSentence) -> Example:
    text, words = join_words(sentence.words)
    predicates = {one.index for one in sentence.predicates}
    tags = tuple(f"B-{VERB}" if i in predicates else OUTSIDE for i in range(len(words)))
    return Example(text, words=words, tags=tags, id=sentence.id, where=sentence.where)


def _asked_for_arguments(sentence: RoleSentence) -> Iterator[Example]:
    text, words = join_words(sentence.words)
    for one in sentence.predicates:
        marks = (Mark(*words[one.index], "predicate"),)
        name = f"{sentence.id}:{one.index}"
        yield Example(text, words=words, tags=one.tags, marks=marks, id=name, where=sentence.where)
