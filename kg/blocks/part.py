"""One block of the work, and the share of the blocks that a run makes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from kg.errors import KgError

T = TypeVar("T")


@dataclass(frozen=True)
class Block(Generic[T]):
    """Some input that is read at once, and that one process makes at once."""

    number: int
    """From 0 on, in the order of the input."""
    content: T
    size: int
    """For the progress bar: bytes, texts, pictures."""
    stamp: str
    """Changes with the content; see `kg.blocks.stamps.digest`."""


@dataclass(frozen=True)
class Part:
    """Which blocks a run makes, and whether it puts all of them together."""

    turn: int
    """From 1 on; 0 makes none."""
    parts: int
    joins: bool

    @classmethod
    def of(cls, text: str | None) -> Part:
        """What an option says.

        Args:
            text: None makes all blocks and joins them; K/N makes the Kth of N shares; join/N joins what N shares have made;
                auto is the share of a process of torchrun (RANK and WORLD_SIZE), elsewhere 1/1.

        Raises:
            KgError: it says something else.
        """
        if text is None:
            return cls(1, 1, joins=True)
        if text == "auto":
            text = f"{int(os.environ.get('RANK', 0)) + 1}/{os.environ.get('WORLD_SIZE', 1)}"
        match = re.fullmatch(r"(join|\d+)/(\d+)", text)
        turn, parts = (int(match[1].replace("join", "0")), int(match[2])) if match else (0, 0)
        joins = text.startswith("join/")
        if not (parts and (joins or 1 <= turn <= parts)):
            raise KgError(f"part is '{text}'; write K/N with K from 1 to N, such as 1/8, or join/N.")
        return cls(turn, parts, joins)

    def has(self, number: int) -> bool:
        """Whether this share holds block ``number``."""
        return number % self.parts == self.turn - 1

    def owner(self, number: int) -> str:
        """The share that holds block ``number``, as an option."""
        return f"{number % self.parts + 1}/{self.parts}"

    def told(self, blocks: int) -> dict[str, str]:
        """What the last line of a run says of its share of so many blocks; nothing where all are joined."""
        if self.joins:
            return {}
        own = sum(self.has(number) for number in range(blocks))
        return {
            "part": f"{self.turn}/{self.parts}",
            "blocks": f"{own:,} of {blocks:,}",
            "next": f"--part join/{self.parts}",
        }
