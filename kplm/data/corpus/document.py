"""What every reader gives: documents; and lines that know their file, with the bad ones noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SHOWN = 80


class Mention(NamedTuple):
    """A linked place in a text; ``end`` is exclusive."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True)
class Document:
    """One text; newlines separate its paragraphs."""

    text: str
    mentions: list[Mention] | None
    """None: not linked yet."""
    source: str
    """Its id, or file and line; for looking at."""


class Line(NamedTuple):
    """One line of a file, without its end."""

    path: Path
    number: int
    text: str

    @property
    def where(self) -> str:
        """File and line, for looking at."""
        return f"{self.path.name}:{self.number}"


class Complaint(NamedTuple):
    """What `kg.lines.BadLines.report` is told about a line that cannot be used."""

    path: str
    number: int
    got: str
    expected: str


Complain = Callable[[Line, str], None]
"""Takes a bad line and what was expected in its place."""


@dataclass(frozen=True)
class Format:
    """How documents lie in a file."""

    closes: Callable[[bytes], bool]
    """Whether a document ends with this line, which comes without the blanks around it. The end of a file always ends one."""
    read: Callable[[Iterable[Line], Complain], Iterator[Document]]
    """The documents in a stretch of lines of one file that begins and ends between documents."""
