"""A sentence tree as it is shown: words with soft positions, branches under their mentions, and who sees whom."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import groupby

import numpy as np

HIDDEN, TRUNK, HANGS, INSIDE = range(4)
"""Why a pair of tokens is visible: both stand on the trunk, one hangs from the other, or both are in one branch."""
KEYS = {
    TRUNK: "words of the sentence see each other",
    HANGS: "a mention and its branches (colour of the mention)",
    INSIDE: "a branch and itself",
    HIDDEN: "hidden",
}
COLOURS = ("#0b6e99", "#b3541e", "#3b7d3a", "#8a4f9e", "#9a7500", "#b23a5e")
"""One a mention, over and over."""


@dataclass(frozen=True)
class Word:
    """Neighbouring tokens that are shown as one."""

    text: str
    tokens: range
    """Their places in the flat row."""
    first: int
    """Soft position of the first token; those of the others count on."""
    branch: int
    """0 on the trunk, else the number of the branch."""
    mention: int
    """Number of the mention it is or hangs from; 0 for none."""

    @property
    def positions(self) -> str:
        """Soft positions, such as '3' or '3-4'."""
        last = self.first + len(self.tokens) - 1
        return str(self.first) if last == self.first else f"{self.first}-{last}"


@dataclass(frozen=True)
class Shape:
    """A sentence and what grew out of it."""

    words: tuple[Word, ...]
    """In the order of the flat row, in which branches stand behind their mention."""
    labels: tuple[str, ...]
    """``[L]`` what each token stands for in the text."""
    branch: np.ndarray
    """``[L]`` int, 0 on the trunk, else the number of the branch."""
    mention: np.ndarray
    """``[L]`` int, the mention a token is part of or hangs from, 0 for none."""
    visible: np.ndarray
    """``[L, L]`` bool, the visible matrix."""
    largest: int
    """The largest soft position."""
    notes: tuple[str, ...] = ()
    """What did not fit, or why nothing grew."""

    @property
    def trunk(self) -> list[Word]:
        """The words of the sentence, [CLS] and [SEP] too."""
        return [word for word in self.words if not word.branch]

    def hanging(self, word: Word) -> list[list[Word]]:
        """The branches under a word of the trunk."""
        own = [one for one in self.words if one.branch and one.mention == word.mention]
        return [list(branch) for _, branch in groupby(own, key=lambda one: one.branch)]

    @property
    def reasons(self) -> np.ndarray:
        """``[L, L]`` why each pair is visible: HIDDEN, TRUNK, HANGS or INSIDE."""
        asking, answering = self.branch[:, None], self.branch[None, :]
        why = np.where(asking != answering, HANGS, np.where(asking == 0, TRUNK, INSIDE))
        return np.where(self.visible, why, HIDDEN)

    @property
    def summary(self) -> str:
        """The tree in numbers, in one line."""
        grown, branches = int((self.branch > 0).sum()), int(self.branch.max())
        return (
            f"{counted(len(self.labels), 'token')}, {grown} of them in {counted(branches, 'branch', 'branches')}; "
            f"largest soft position {self.largest}; {self.visible.mean():.1%} of the pairs are visible"
        )


def counted(number: int, one: str, several: str = "") -> str:
    """A number and its noun.

    >>> counted(1, "token"), counted(2, "token")
    ('1 token', '2 tokens')
    """
    return f"{number} {one if number == 1 else several or one + 's'}"


def printable(text: str) -> str:
    """The text in one line, without anything that a terminal would obey."""
    words = " ".join(text.split())
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") else c for c in words)


def columns(text: str) -> int:
    """Columns a text takes up in a terminal (Unicode Standard Annex 11, East Asian Width)."""
    marks = sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(c) in "WF" for c in text)
