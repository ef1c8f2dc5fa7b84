"""Where the boxes of a sentence tree are drawn, in inches from the upper left corner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kplm.inspect.shape import Shape, Word

HEIGHT, LEVEL = 0.4, 0.5
GAP, INDENT, MARGIN = 0.09, 0.3, 0.16
LEAST = 0.34
"""The narrowest box."""

Measure = Callable[[str], float]
"""How many inches wide a text is written."""


@dataclass(frozen=True)
class Box:
    """A word in its place; it is ``HEIGHT`` high."""

    word: Word
    x: float
    y: float
    width: float

    @property
    def end(self) -> float:
        """Where the next box may begin."""
        return self.x + self.width + GAP


@dataclass(frozen=True)
class Layout:
    """All boxes, in rows of neighbours, the forks between them, and how much room they take."""

    rows: list[list[Box]]
    forks: list[tuple[Box, Box]]
    """A mention and the first box of a branch under it."""
    width: float
    height: float


def layout(shape: Shape, measure: Measure, width: float) -> Layout:
    """Trunk words in lines, branches under their mention, each mention to the right of the branches before it.

    Args:
        shape: the tree.
        measure: how wide words are written.
        width: where a line ends, unless a single branch is longer.
    """
    lines: list[list[Box]] = [[]]
    twigs: list[list[Box]] = []
    forks: list[tuple[Box, Box]] = []
    x = free = top = bottom = 0.0
    for word in shape.trunk:
        branches = shape.hanging(word)
        at = max(x, free) if branches else x
        reach = max(row[-1].end for row in (_row([word], at, top, measure), *_hung(branches, at, top, measure)))
        if at > 0 and reach - GAP > width and word is not shape.trunk[-1]:  # no line for [SEP] alone
            lines.append([])
            at, free, top = 0.0, 0.0, bottom + MARGIN
        [stem], hung = _row([word], at, top, measure), _hung(branches, at, top, measure)
        lines[-1].append(stem)
        twigs += hung
        forks += [(stem, row[0]) for row in hung]
        x, free = stem.end, max([free, *(row[-1].end for row in hung)])
        bottom = max(bottom, top + HEIGHT + LEVEL * len(hung))
    rows = lines + twigs
    return Layout(rows, forks, max(row[-1].end for row in rows) - GAP, bottom)


def _hung(branches: list[list[Word]], x: float, y: float, measure: Measure) -> list[list[Box]]:
    return [_row(branch, x + INDENT, y + LEVEL * level, measure) for level, branch in enumerate(branches, 1)]


def _row(words: list[Word], x: float, y: float, measure: Measure) -> list[Box]:
    row: list[Box] = []
    for word in words:
        size = max(LEAST, measure(word.text) + 0.14, measure(word.positions) * 0.8 + 0.14)
        row.append(Box(word, row[-1].end if row else x, y, size))
    return row
