"""Which words of a sentence the encoder reads at once; all of them, but for sentences longer than it can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kplm.data.example import Example, Mark, join_words
from kplm.text import Tokenizer
from kplm.text.tokens import Ints

PREDICATE = "predicate"
"""The role of the mark of the predicate whose arguments are asked for."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some words of a sentence, and what is asked about them."""

    sentence: int
    first: int
    stop: int
    """The word behind the last that is read."""
    asked: range
    """Words that are answered for; those around them are context."""
    predicate: int | None = None
    """The word whose arguments are asked for; None asks for predicates."""

    def example(self, words: Sequence[str]) -> Example:
        """What the encoder reads of the words of the sentence."""
        text, spans = join_words(words[self.first : self.stop])
        marks = () if self.predicate is None else (Mark(*spans[self.predicate - self.first], PREDICATE),)
        return Example(text, words=spans, marks=marks)


def pieces_before(sentences: Sequence[Sequence[str]], tokenizer: Tokenizer) -> list[Ints]:
    """How many sub-words of a sentence stand before each of its N words, and how many it has: ``[N + 1]`` each."""
    joined = [join_words(words) for words in sentences]
    starts = [[*(start for start, _ in spans), len(text)] for text, spans in joined]
    pieces = tokenizer.cut([text for text, _ in joined])
    return [one.offsets[:, 0].searchsorted(at) for one, at in zip(pieces, starts)]


def whole(number: int, before: Ints, room: int) -> Iterator[Stretch]:
    """Stretches that together ask about every word of sentence ``number``, each with a quarter of its room before and behind.

    Args:
        number: the sentence.
        before: ``[N + 1]``, see :func:`pieces_before`.
        room: sub-words that can be read at once.
    """
    words = len(before) - 1
    step, context = (max(1, room // 2), room // 4) if before[-1] > room else (int(before[-1]) + 1, 0)
    begins = np.unique(before[:-1].searchsorted(np.arange(0, before[-1] + 1, step)))
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), words]):
        if begin < end:
            first = int(before.searchsorted(before[begin] - context))
            stop = int(before.searchsorted(before[end] + context, side="right")) - 1
            yield Stretch(number, min(first, begin), max(stop, end), range(begin, end))


def around(number: int, before: Ints, room: int, predicate: int) -> Stretch:
    """The stretch that has a predicate in its middle, or as near to it as the ends of the sentence allow.

    Args:
        number: the sentence.
        before: ``[N + 1]``, see :func:`pieces_before`.
        room: sub-words that can be read at once.
        predicate: the word.
    """
    left = max(0, room - int(before[predicate + 1] - before[predicate])) // 2
    start = min(before[predicate] - left, before[-1] - room)
    first = min(int(before.searchsorted(max(start, 0))), predicate)
    stop = max(int(before.searchsorted(before[first] + room, side="right")) - 1, predicate + 1)
    return Stretch(number, first, stop, range(first, stop), predicate)
