"""Cutting long texts down without losing the spans a task is about."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kplm.text.tokenizer import Ints, Pieces


@dataclass
class Window:
    """Keep the beginning of a long text, or the stretch that holds its marked spans when the beginning does not.

    ``cut`` counts texts whose marks are further apart than the window: their later marks are lost, and the caller says so.
    """

    length: int
    """Most sub-words kept, special tokens not counted."""
    cut: list[int] = field(default_factory=list)
    """Rows whose marked spans did not fit."""

    def single(self, row: int, pieces: Pieces, marks: Ints) -> Pieces:
        """Cut one text; ``marks`` are ``[M, 2]`` character spans that should survive."""
        size = len(pieces.ids)
        if size <= self.length:
            return pieces
        first = 0
        if len(marks):
            ends = np.searchsorted(pieces.offsets[:, 0], marks[:, 1], side="left")
            starts = np.searchsorted(pieces.offsets[:, 1], marks[:, 0], side="right")
            if ends.max() - starts.min() > self.length:
                self.cut.append(row)
            elif ends.max() > self.length:
                spare = self.length - (ends.max() - starts.min())
                first = min(int(starts.min()) - spare // 2, size - self.length)
        return Pieces(pieces.ids[first : first + self.length], pieces.offsets[first : first + self.length])

    def pair(self, text: Pieces, pair: Pieces) -> tuple[Pieces, Pieces]:
        """Cut the longer of two texts until both fit (longest first, as BERT does)."""
        room = max(self.length - 1, 2)  # the second [SEP]
        half = room // 2
        left, right = len(text.ids), len(pair.ids)
        if left + right > room:
            left = min(left, max(half, room - right))
            right = min(right, room - left)
        return Pieces(text.ids[:left], text.offsets[:left]), Pieces(pair.ids[:right], pair.offsets[:right])
