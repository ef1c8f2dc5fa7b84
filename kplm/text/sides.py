"""Left and right in a text change places, as they do in a mirrored picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIDE = re.compile(r"\b(left|right)(?=(?:most|wards?)?\b)", re.IGNORECASE)
OTHER = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Exchanged:
    """A text whose sides were exchanged."""

    text: str
    ends: Sequence[int]
    """Where each exchanged word ended before."""
    grown: Sequence[int]
    """By how many characters the text has grown up to each of them."""

    def at(self, offset: int) -> int:
        """Where a character offset of the old text is now."""
        before = int(np.searchsorted(self.ends, offset, side="right"))
        return offset + (self.grown[before - 1] if before else 0)


def exchanged(text: str) -> Exchanged:
    """Exchange left and right, whole words only; capitals stay where they are.

    >>> exchanged("Is the leftmost cat right of the bright lamp?").text
    'Is the rightmost cat left of the bright lamp?'
    """
    words = [(found.end(), found[0]) for found in SIDE.finditer(text)]
    grown = np.cumsum([len(OTHER[word.lower()]) - len(word) for _, word in words], dtype=np.int64).tolist()
    return Exchanged(SIDE.sub(lambda found: _other(found[0]), text), [end for end, _ in words], grown)


def _other(word: str) -> str:
    other = OTHER[word.lower()]
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
