"""Branches of knowledge grown into a text: the flat sentence tree of K-BERT (Liu et al., 2020, sections 3.2 and 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kplm.text.tokens import ANCHOR, BRANCH, END, ID, PART, POSITION, SEGMENT, Ints, Tokens


@dataclass(frozen=True, slots=True)
class Branches:
    """Some branches, one behind the other."""

    ids: Ints
    """``[K]`` tokens of all branches."""
    lengths: Ints
    """``[N]`` tokens of each branch, none 0; their sum is K."""

    @classmethod
    def of(cls, branches: Sequence[Sequence[int] | Ints]) -> Branches:
        """Branches from the ids of each; empty ones are left out."""
        kept = [np.asarray(one, dtype=np.int64) for one in branches if len(one)]
        return cls.joined([cls(one, np.array([len(one)])) for one in kept])

    @classmethod
    def joined(cls, groups: Sequence[Branches]) -> Branches:
        """Several groups of branches as one."""
        if not groups:
            return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        return cls(np.concatenate([one.ids for one in groups]), np.concatenate([one.lengths for one in groups]))

    def __len__(self) -> int:
        return len(self.lengths)

    def kept(self, keep: np.ndarray) -> Branches:
        """Only the branches where ``keep`` ``[N]`` bool holds."""
        return Branches(self.ids[np.repeat(keep, self.lengths)], self.lengths[keep])


def fitting(lengths: Ints, room: int, most: int | None) -> np.ndarray:
    """Which branches of a text fit into ``room`` tokens, whole, in their order; one too long by itself blocks no other.

    Args:
        lengths: ``[N]`` tokens of each branch.
        room: tokens there is room for.
        most: branches kept at most.

    Returns: ``[N] bool``.
    """
    short = lengths <= room
    keep = short & (np.cumsum(np.where(short, lengths, 0)) <= room)
    return keep if most is None else keep & (np.cumsum(keep) <= most)


def graft(tokens: Sequence[Tokens], mentions: Ints, owners: Ints, branches: Branches) -> list[Tokens]:
    """Write each branch behind the last token of its mention, for many texts at once.

    Soft positions of a branch count on from that token, so the branches of a mention and the trunk behind it share positions;
    ``branch`` and ``anchor`` are what :class:`kplm.nn.visibility.Tree` makes the visible matrix of.

    Args:
        tokens: texts without branches.
        mentions: ``[M, 2]`` first and last token of each mention, counted through all texts; ascending, none overlapping another.
        owners: ``[N]`` which mention each branch hangs from, ascending.
        branches: the N branches.
    """
    trunk = np.concatenate([one.table for one in tokens], axis=1)
    size = trunk.shape[1]
    ends = np.cumsum([len(one) for one in tokens])
    text = np.searchsorted(ends, mentions[:, 0], side="right")  # [M]
    first = np.searchsorted(text, np.arange(len(tokens)))  # [B] the first mention of each text
    numbers = np.arange(1, len(mentions) + 1) - first[text]
    owner = np.repeat(owners, branches.lengths)  # [K]
    stem = mentions[owner, 1]
    table = np.empty((len(trunk), size + len(owner)), dtype=np.int64)
    table[:, :size] = trunk
    table[ANCHOR, :size] = _within(mentions, numbers, size)
    grown = table[:, size:]
    grown[ID] = branches.ids
    grown[SEGMENT] = trunk[SEGMENT, stem]
    grown[PART : END + 1] = -1
    grown[POSITION] = trunk[POSITION, stem] + _counted(branches.lengths)
    grown[BRANCH] = np.repeat(_numbered(text[owners]), branches.lengths)
    grown[ANCHOR] = numbers[owner]
    order = np.argsort(np.concatenate([np.arange(0, 2 * size, 2), 2 * stem + 1]), kind="stable")
    table, cuts = table[:, order], [0, *(ends + np.searchsorted(stem, ends)).tolist()]
    return [Tokens(table[:, start:end]) for start, end in pairwise(cuts)]


def _within(mentions: Ints, numbers: Ints, size: int) -> Ints:
    """``[size]`` the number of the mention that each trunk token is part of, 0 for none."""
    steps = np.zeros(size + 1, dtype=np.int64)
    steps[mentions[:, 0]] = numbers
    np.subtract.at(steps, mentions[:, 1] + 1, numbers)
    return np.cumsum(steps)[:size]


def _numbered(groups: Ints) -> Ints:
    """1, 2, ... within each run of equal, ascending ``groups``: ``[N]``."""
    return np.arange(1, len(groups) + 1) - np.searchsorted(groups, groups)


def _counted(lengths: Ints) -> Ints:
    """1, 2, ... within each branch: ``[K]``."""
    return np.arange(1, lengths.sum() + 1) - np.repeat(np.cumsum(lengths) - lengths, lengths)
