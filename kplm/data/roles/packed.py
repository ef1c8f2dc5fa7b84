"""Predicates as a short text, to keep many of them in memory or on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any

from kplm.data.roles.base import Predicate, Words, written


def digest(words: Words) -> bytes:
    """16 bytes that stand for the words of a sentence."""
    return blake2b(json.dumps(list(words)).encode(), digest_size=16).digest()


def packed(predicates: Sequence[Predicate]) -> str:
    """Index, roleset and spans of each."""
    rows = [[one.index, one.roleset, *chain.from_iterable(one.spans)] for one in predicates]
    return json.dumps(rows, separators=(",", ":"))


def unpacked(text: str, size: int) -> tuple[Predicate, ...]:
    """The predicates of a sentence of ``size`` words.

    Raises:
        ValueError: the text is none that :func:`packed` wrote.
    """
    try:
        return tuple(_predicate(row, size) for row in json.loads(text))
    except (TypeError, IndexError, RecursionError) as error:
        raise ValueError(f"no packed predicates: {text[:80]}") from error


def _predicate(row: list[Any], size: int) -> Predicate:
    index, roleset, *flat = row
    spans = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
    behind = 0
    for label, begin, end in spans:
        if not (isinstance(label, str) and label and behind <= begin < end <= size):
            raise ValueError(f"the span {label!r} {begin}..{end} behind {behind} in {size} words")
        behind = end
    if index not in range(size):
        raise ValueError(f"the predicate {index} in {size} words")
    return Predicate(index, written(size, spans), None if roleset is None else str(roleset))
