"""Text files line by line, with bad lines counted and named."""

from __future__ import annotations

import gzip
import io
import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, AnyStr

from kg.errors import KgError

log = logging.getLogger("kg")
LONGEST = 1 << 30
"""Characters that a line of a packed file may have: one of a few megabytes can hold a line that fills the memory."""


@dataclass
class BadLines:
    """Counts the lines that cannot be read and gives up after ``limit`` of them.

    Attributes:
        limit: how many are tolerated.
        seen: one text per bad line: file, line number, what was got, what was expected.
    """

    limit: int = 10
    seen: list[str] = field(default_factory=list)

    def report(self, path: Path | str, number: int, got: str, expected: str) -> None:
        """Count one bad line.

        Raises:
            KgError: it is one too many.
        """
        shown = got if len(got) <= 80 else got[:77] + "..."
        self.seen.append(f"{path}:{number}: got {shown!r}, expected {expected}")
        log.warning("bad line %d: %s", len(self.seen), self.seen[-1])
        if len(self.seen) > self.limit:
            first = "" if len(self.seen) == 1 else f"\nThe first was {self.seen[0]}"
            more = f"{len(self.seen)} bad lines, max_bad={self.limit} tolerated. Correct the file or raise max_bad."
            raise KgError(f"{self.seen[-1]}.{first}\n{more}")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines without their end; blank lines are left out. Reads UTF-8, also from ``.gz``.

    Raises:
        KgError: the file cannot be read, or is not UTF-8.
    """
    number = 0
    try:
        with _told(path), _open(path) as file:
            for number, line in enumerate(_bounded(file.readline, path) if path.suffix == ".gz" else file, 1):
                if text := line.rstrip("\r\n"):
                    yield number, text
    except UnicodeDecodeError as error:
        raise KgError(
            f"{path}:{number + 1} or later: not UTF-8 ({error.reason}). Convert the file to UTF-8."
        ) from error


def raw_lines(path: Path) -> Iterator[bytes]:
    """All lines as they are, with their ends; a file that ends in ``.gz`` is unpacked.

    Raises:
        KgError: the file cannot be read.
    """
    packed = path.suffix == ".gz"
    with _told(path), gzip.open(path) if packed else path.open("rb") as file:
        yield from _bounded(file.readline, path) if packed else file


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error) as error:
        raise KgError(f"{path} cannot be unpacked: {error}. Copy or download it again.") from error
    except OSError as error:
        raise KgError(f"Cannot read {path}: {error}.") from error


def _bounded(readline: Callable[[int], AnyStr], path: Path) -> Iterator[AnyStr]:
    while line := readline(LONGEST):
        if len(line) == LONGEST and line[-1:] not in ("\n", b"\n"):
            raise KgError(
                f"{path} unpacks to a line of {LONGEST:,} characters or more: it is no text. Check its origin."
            )
        yield line


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", newline="\n")
    return path.open(encoding="utf-8-sig", newline="\n")
