"""A text on its way to the encoder: one column a token, special tokens and branches of knowledge included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
ID, SEGMENT, PART, START, END, POSITION, BRANCH, ANCHOR = ROWS = range(8)
NOWHERE = -1
FAR = 1 << 40
"""More characters than a text has."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """One text cut into sub-words, without special tokens."""

    ids: Ints
    """``[L]``"""
    offsets: Ints
    """``[L, 2]`` character start and end."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the encoder reads, as one array, so that growing and cutting touch all of it at once."""

    table: Ints
    """``[8, L]``: the rows are the properties below."""

    @classmethod
    def framed(cls, parts: Sequence[Pieces], before: Sequence[int], behind: Sequence[int]) -> Tokens:
        """Texts in a row, the tokens ``before`` in front of the first and ``behind`` after each."""
        length = len(before) + sum(len(part.ids) + len(behind) for part in parts)
        table = np.zeros((len(ROWS), length), dtype=np.int64)
        table[PART : END + 1] = NOWHERE
        table[POSITION] = np.arange(length)
        at = len(before)
        table[ID, :at] = before
        for number, part in enumerate(parts):
            stop = at + len(part.ids)
            table[ID, at:stop], table[PART, at:stop] = part.ids, number
            table[START : END + 1, at:stop] = part.offsets.T
            table[SEGMENT, at : stop + len(behind)] = number
            table[ID, stop : stop + len(behind)] = behind
            at = stop + len(behind)
        return cls(table)

    def __len__(self) -> int:
        return self.table.shape[1]

    @property
    def ids(self) -> Ints:
        """``[L]`` rows of the vocabulary."""
        return self.table[ID]

    @property
    def segments(self) -> Ints:
        """``[L]`` 0 in the text, 1 in the pair."""
        return self.table[SEGMENT]

    @property
    def parts(self) -> Ints:
        """``[L]`` 0 in the text, 1 in the pair, -1 on special tokens and on branches."""
        return self.table[PART]

    @property
    def offsets(self) -> Ints:
        """``[L, 2]`` characters of the part; (-1, -1) where there is none."""
        return self.table[START : END + 1].T

    @property
    def positions(self) -> Ints:
        """``[L]`` soft positions: a branch counts on from its mention, the trunk does not count branches."""
        return self.table[POSITION]

    @property
    def branch(self) -> Ints:
        """``[L]`` 0 on the trunk, else the number of the branch."""
        return self.table[BRANCH]

    @property
    def anchor(self) -> Ints:
        """``[L]`` number of the mention a token belongs to or hangs from; 0 for none."""
        return self.table[ANCHOR]

    def cut(self, length: int) -> Tokens:
        """The first ``length`` tokens, whatever they are."""
        return self if len(self) <= length else Tokens(self.table[:, :length])

    def holding(self, characters: Ints, part: int = 0) -> Ints:
        """The first token of ``part`` that ends after each character; -1 where truncation cut it away.

        Args:
            characters: ``[N]`` character offsets.

        Returns: ``[N]`` token positions.
        """
        if not len(characters):
            return np.zeros(0, dtype=np.int64)
        return holding([self], np.zeros(len(characters), dtype=np.int64), characters, np.full(len(characters), part))


def holding(tokens: Sequence[Tokens], rows: Ints, characters: Ints, parts: Ints) -> Ints:
    """:meth:`Tokens.holding` for many texts at once.

    Args:
        tokens: the texts.
        rows: ``[N]`` which text each character is of.
        characters: ``[N]`` offsets.
        parts: ``[N]`` 0 for the text, 1 for its pair.

    Returns: ``[N]`` token positions, counted through all texts; -1 where truncation cut the character away.
    """
    lengths = [len(one) for one in tokens]
    table = np.concatenate([one.table[PART : END + 1] for one in tokens], axis=1)
    own = (table[0] >= 0).nonzero()[0]
    if not len(own):
        return np.full(len(characters), NOWHERE, dtype=np.int64)
    place = 2 * np.repeat(np.arange(len(tokens)), lengths)[own] + table[0, own]
    asked = 2 * rows + parts
    index = (place * FAR + table[2, own]).searchsorted(asked * FAR + characters, side="right")
    at, first = np.minimum(index, len(own) - 1), np.minimum(place.searchsorted(asked), len(own) - 1)
    inside = (index < len(own)) & (place[at] == asked) & (characters >= table[1, own[first]])
    return np.where(inside, own[at], NOWHERE)
