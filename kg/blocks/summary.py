"""What blocks tell: counts, and lines that cannot be used."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from kg.lines import BadLines


class Complaint(NamedTuple):
    """What `kg.lines.BadLines.report` is told about a line that cannot be used."""

    path: str
    number: int
    got: str
    expected: str


class Summary(NamedTuple):
    """What there is to tell about a finished block."""

    counts: Counter[str]
    complaints: list[Complaint]


@dataclass(frozen=True)
class Found:
    """What all blocks told."""

    bad: BadLines
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, summary: Summary) -> None:
        """Add what one block told.

        Raises:
            KgError: with it there are too many bad lines.
        """
        self.counts.update(summary.counts)
        for complaint in summary.complaints:
            self.bad.report(*complaint)
