"""Full sentences of one document at a time, short texts packed into one row (best fit decreasing)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from kplm.data.corpus.cut import Cut
from kplm.data.corpus.plan import PlannedRow, Stretch

SPECIALS = 2
"""[CLS] text [SEP]"""


def packed_rows(cut: Cut, max_length: int) -> Iterator[PlannedRow]:
    """Rows of one or more texts, each with special tokens of its own, in the order of their first text.

    Args:
        cut: the documents of one block; no sentence is longer than a row.
        max_length: of a row, special tokens included.
    """
    texts = list(_texts(cut, max_length - SPECIALS))
    for numbers in sorted(_pack([text.size + SPECIALS for text in texts], max_length)):
        yield PlannedRow(tuple(texts[number] for number in numbers))


def _texts(cut: Cut, room: int) -> Iterator[Stretch]:
    """As many full sentences as fit, document by document."""
    sentences, documents = cut.sentences.tolist(), cut.documents.tolist()
    for at, end in pairwise(documents):
        while at < end:
            stop = bisect_right(sentences, sentences[at] + room, at + 1, end + 1) - 1
            yield Stretch(sentences[at], sentences[stop])
            at = stop


def _pack(sizes: Sequence[int], room: int) -> list[list[int]]:
    """Put each size, the largest first, where the least room stays (Johnson, 1973).

    Returns: ascending numbers of the sizes that share a row.
    """
    free: list[list[list[int]]] = [[] for _ in range(room + 1)]  # rows by the room that is left
    rows, open_rooms = [], 0  # bit n of open_rooms: free[n] is not empty
    for number in sorted(range(len(sizes)), key=lambda one: (-sizes[one], one)):
        size = sizes[number]
        fitting = open_rooms >> size
        if fitting:
            space = size + (fitting & -fitting).bit_length() - 1
            row = free[space].pop()
            open_rooms ^= (not free[space]) << space
        else:
            space, row = room, []
            rows.append(row)
        row.append(number)
        free[space - size].append(row)
        open_rooms |= 1 << (space - size)
    return [sorted(row) for row in rows]
