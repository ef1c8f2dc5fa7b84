"""What every reader gives: documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kg.blocks.lines import Complain, Line


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


@dataclass(frozen=True)
class Format:
    """How documents lie in a file."""

    closes: Callable[[bytes], bool]
    """Whether a document ends with this line, which comes without the blanks around it. The end of a file always ends one."""
    read: Callable[[Iterable[Line], Complain], Iterator[Document]]
    """The documents in a stretch of lines of one file that begins and ends between documents."""
