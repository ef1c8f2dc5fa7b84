"""Sentences whose words and expressions carry supersenses: what all such corpora share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from kplm.data.example import Example, join_words
from kplm.data.sources.base import Source
from kplm.errors import DataError

PARTS_OF_SPEECH = {"NOUN": "noun", "PROPN": "noun", "VERB": "verb", "AUX": "verb", "ADJ": "adj", "ADV": "adv"}
"""Universal parts of speech as WordNet names them; it has no others."""


@dataclass(frozen=True, slots=True)
class SenseItem:
    """A word, or an expression of several words that has a sense of its own."""

    tokens: tuple[int, ...]
    """Its words, by their places in the sentence; there may be others between them."""
    lemma: str
    pos: str
    """'noun', 'verb', 'adj' or 'adv'; empty for all else."""
    gold: tuple[str, ...] = ()
    """All right supersenses; none where nobody said."""
    proper: bool = False
    """Whether it is a proper name."""

    @property
    def last(self) -> int:
        """The last word of its span; an expression with other words in between is found at its first word."""
        first, last = self.tokens[0], self.tokens[-1]
        return last if last - first == len(self.tokens) - 1 else first


@dataclass(frozen=True, slots=True)
class SenseSentence:
    """A sentence cut into items: every word belongs to the span of one."""

    words: Sequence[str]
    items: tuple[SenseItem, ...]
    id: str
    where: str = field(default="", compare=False)

    @classmethod
    def of(
        cls, words: Sequence[str], singles: Sequence[SenseItem], expressions: Sequence[SenseItem], id: str, where: str
    ) -> SenseSentence:
        """Put expressions in the place of the words they cover.

        Args:
            words: the sentence.
            singles: an item for each word.
            expressions: those of several words.
            id: the sentence's name.
            where: file and line, for messages.

        Raises:
            DataError: an expression has no words or others than the sentence, or two share one.
        """
        for one in expressions:
            if not one.tokens or list(one.tokens) != sorted({*one.tokens} & {*range(len(words))}):
                raise DataError(
                    f"{where}: the expression '{one.lemma}' has the words {list(one.tokens)}, but the sentence has {len(words)}. "
                    f"Words are counted from 0, in order, each once."
                )
        if len({token for one in expressions for token in one.tokens}) < sum(len(one.tokens) for one in expressions):
            raise DataError(f"{where}: two expressions share a word. Give each word to one of them.")
        begins = {one.tokens[0]: one for one in expressions}
        covered = set(chain.from_iterable(range(one.tokens[0] + 1, one.last + 1) for one in expressions))
        items = tuple(begins.get(i, one) for i, one in enumerate(singles) if i not in covered)
        return cls(words, items, id, where)

    @property
    def example(self) -> Example:
        """The sentence as it is tagged: an item a word."""
        text, spans = join_words(self.words)
        return Example(
            text=text,
            words=tuple((spans[one.tokens[0]][0], spans[one.last][1]) for one in self.items),
            tag_sets=tuple(one.gold for one in self.items),
            id=self.id,
            where=self.where,
        )


class SenseCorpus(Source):
    """A reader of such sentences; an expression of several words is tagged as one."""

    @abstractmethod
    def sentences(self, path: str | Path) -> Iterator[SenseSentence]:
        """Yield the sentences of one file, in file order.

        Raises:
            DataError: see :meth:`kplm.data.sources.Source.read`.
        """

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a sentence; ``tag_sets`` holds the right supersenses."""
        return (sentence.example for sentence in self.sentences(path))
