"""BERT's segment pairs (Devlin et al., 2019, appendix A.2; create_instances of ERNIE-THU)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from random import Random

from kplm.data.corpus.cut import Cut
from kplm.data.corpus.plan import NONE, RANDOM, REAL, PlannedRow, Stretch

SPECIALS = 3
"""[CLS] a [SEP] b [SEP]"""


class Pairs:
    """Fills rows with sentences of a document, split in two at a random sentence; every other second half is random.

    Args:
        cut: the documents of one block.
        max_length: of a row, special tokens included.
        short_seq_prob: how many documents are cut into shorter rows, of a random length.
        draw: all randomness.
    """

    def __init__(self, cut: Cut, max_length: int, short_seq_prob: float, draw: Random) -> None:
        self.room, self.short_seq_prob, self.draw = max_length - SPECIALS, short_seq_prob, draw
        self.sentences: list[int] = cut.sentences.tolist()
        self.documents: list[int] = cut.documents.tolist()

    def rows(self) -> Iterator[PlannedRow]:
        """The rows of all documents, in their order."""
        for document in range(len(self.documents) - 1):
            yield from self._document(document)

    def _document(self, document: int) -> Iterator[PlannedRow]:
        short = self.draw.random() < self.short_seq_prob
        target = self.draw.randint(2, self.room) if short else self.room
        at, end = self.documents[document], self.documents[document + 1]
        while at < end:
            row, at = self._row(document, at, self._fill(at, target, end), target)
            yield row

    def _row(self, document: int, at: int, stop: int, target: int) -> tuple[PlannedRow, int]:
        """The row of the sentences from ``at`` to ``stop``, and the first sentence that it leaves unused."""
        middle = at + 1 if stop - at == 1 else self.draw.randint(at + 1, stop - 1)
        first = self._stretch(at, middle)
        alone = len(self.documents) == 2
        if not alone and (stop - at == 1 or self.draw.random() < 0.5):
            return self._pair(first, self._elsewhere(document, target - first.size), RANDOM), middle
        if middle < stop:
            return self._pair(first, self._stretch(middle, stop), REAL), stop
        return PlannedRow((first,), NONE), stop

    def _elsewhere(self, document: int, size: int) -> Stretch:
        """About ``size`` tokens from a random sentence of another document on."""
        other = self.draw.randrange(len(self.documents) - 2)
        other += other >= document
        end = self.documents[other + 1]
        at = self.draw.randrange(self.documents[other], end)
        return self._stretch(at, self._fill(at, size, end))

    def _fill(self, at: int, size: int, end: int) -> int:
        """The sentence up to which those from ``at`` on have at least ``size`` tokens; at least one, at most to ``end``."""
        return bisect_left(self.sentences, self.sentences[at] + size, at + 1, end)

    def _stretch(self, at: int, stop: int) -> Stretch:
        return Stretch(self.sentences[at], self.sentences[stop])

    def _pair(self, first: Stretch, second: Stretch, label: int) -> PlannedRow:
        """Take single tokens from the front or back, at random, of whichever is longer, the second of two equal ones."""
        excess = max(first.size + second.size - self.room, 0)
        gap = first.size - second.size
        level = min(excess, abs(gap))
        rest = excess - level
        ours, theirs = rest // 2, rest - rest // 2
        ours, theirs = (ours + level, theirs) if gap > 0 else (ours, theirs + level)
        return PlannedRow((self._trim(first, ours), self._trim(second, theirs)), label)

    def _trim(self, text: Stretch, count: int) -> Stretch:
        front = self.draw.getrandbits(count).bit_count() if count else 0
        return Stretch(text.begin + front, text.end - count + front)
