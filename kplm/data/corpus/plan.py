"""Which stretches of tokens become a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kplm.text.tokens import Ints

NONE, REAL, RANDOM = -100, 0, 1
"""Labels of next sentence prediction; 1 is a random next, as in BERT."""


class Stretch(NamedTuple):
    """Tokens from ``begin`` up to ``end`` of a `Cut`."""

    begin: int
    end: int

    @property
    def size(self) -> int:
        """How many tokens."""
        return self.end - self.begin


class PlannedRow(NamedTuple):
    """One row: the texts in it, and the label."""

    texts: tuple[Stretch, ...]
    next_sentence: int = NONE


@dataclass(frozen=True)
class Plan:
    """Many rows as flat arrays. R rows, N texts in them."""

    texts: Ints
    """``[N, 2]`` begin and end of each text among the tokens of a `Cut`."""
    opens: NDArray[np.bool_]
    """``[N]`` whether [CLS] stands before the text; a [SEP] stands after each."""
    rows: Ints
    """``[R + 1]`` the text at which each row begins, and N."""
    next_sentence: NDArray[np.int8]
    """``[R]`` labels."""

    @classmethod
    def of(cls, rows: Iterable[PlannedRow]) -> Plan:
        """Flatten rows; the second text of a pair, the row with a label, has no [CLS]."""
        held = list(rows)
        texts = np.array([text for row in held for text in row.texts], np.int64).reshape(-1, 2)
        labels = np.array([row.next_sentence for row in held], np.int8)
        bounds = np.cumsum([0, *(len(row.texts) for row in held)])
        opens = np.ones(len(texts), bool)
        opens[bounds[1:][labels != NONE] - 1] = False
        return cls(texts, opens, bounds, labels)

    def keep(self, chosen: NDArray[np.bool_]) -> Plan:
        """Only the rows where ``[R] bool`` is true."""
        sizes = np.diff(self.rows)
        texts = np.repeat(chosen, sizes)
        bounds = np.cumsum([0, *sizes[chosen]])
        return Plan(self.texts[texts], self.opens[texts], bounds, self.next_sentence[chosen])
