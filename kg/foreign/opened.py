"""What a reader of foreign vectors gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kg.foreign.ids import Ids

NUMBERS = 1 << 22


class Block(NamedTuple):
    """Some rows, in the order of the file.

    Attributes:
        vectors: ``[n, W] float32``.
        names: the n ids in UTF-8; empty where the ids lie in a file of their own.
    """

    vectors: np.ndarray
    names: list[bytes]


@dataclass(frozen=True)
class Foreign:
    """A table of another program, opened.

    Attributes:
        blocks: all rows; reading starts with the iteration.
        ids: the ids, where they lie in a file of their own.
        place: the file and line (or row) where the vector of a row stands, for messages.
    """

    blocks: Iterable[Block]
    ids: Ids | None
    place: Callable[[int], str]


def slices(rows: int, width: int) -> Iterator[slice]:
    """Pieces of a matrix that hold about four million numbers each."""
    step = max(1, NUMBERS // max(width, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))
