"""Cutting long texts down without losing the spans a task is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kplm.text.tokens import Pieces


@dataclass
class Window:
    """Keep the beginning of a long text, or the stretch that holds its marked spans when the beginning does not.

    ``cut`` counts texts whose marks are further apart than the window: their later marks are lost, and the caller says so.
    """

    length: int | None
    """Most sub-words of a single text, special tokens not counted; None keeps all."""
    paired: int | None
    """The same of both texts of a pair together."""
    cut: list[int] = field(default_factory=list)
    """Rows whose marked spans did not fit."""

    def single(self, row: int, pieces: Pieces, marks: Sequence[tuple[int, int]]) -> Pieces:
        """Cut one text; ``marks`` are character spans that should survive."""
        size = len(pieces.ids)
        if self.length is None or size <= self.length:
            return pieces
        first = 0
        if len(marks):
            begins, stops = np.array(marks, dtype=np.int64).T
            ends = np.searchsorted(pieces.offsets[:, 0], stops, side="left")
            starts = np.searchsorted(pieces.offsets[:, 1], begins, side="right")
            if ends.max() - starts.min() > self.length:
                self.cut.append(row)
            elif ends.max() > self.length:
                spare = self.length - (ends.max() - starts.min())
                first = min(int(starts.min()) - spare // 2, size - self.length)
        return Pieces(pieces.ids[first : first + self.length], pieces.offsets[first : first + self.length])

    def pair(self, text: Pieces, pair: Pieces) -> tuple[Pieces, Pieces]:
        """Cut the longer of two texts until both fit (longest first and of equal ones the second, as BERT does)."""
        if self.paired is None:
            return text, pair
        right, left = shortened(len(pair.ids), len(text.ids), max(self.paired, 2))
        return Pieces(text.ids[:left], text.offsets[:left]), Pieces(pair.ids[:right], pair.offsets[:right])


def shortened(left: int, right: int, room: int) -> tuple[int, int]:
    """What is left of two lengths when the longer loses one at a time, the left one where they are equal, until both fit.

    >>> shortened(5, 2, 6), shortened(9, 9, 5), shortened(2, 2, 9)
    ((4, 2), (2, 3), (2, 2))
    """
    if left + right <= room:
        return left, right
    left = min(left, max(room // 2, room - right))
    return left, min(right, room - left)
