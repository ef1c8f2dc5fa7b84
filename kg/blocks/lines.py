"""Files of lines as one stream, cut into blocks that do not depend on how it is split into files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from kg.blocks.part import Block
from kg.blocks.stamps import digest
from kg.blocks.summary import Complaint
from kg.lines import raw_lines

BOM = "\ufeff"
SHOWN = 80


class Line(NamedTuple):
    """One line of a file, without its end."""

    path: Path
    number: int
    text: str

    @property
    def where(self) -> str:
        """File and line, for looking at."""
        return f"{self.path.name}:{self.number}"


Complain = Callable[[Line, str], None]
"""Takes a bad line and what was expected in its place."""


class Piece(NamedTuple):
    """Some lines of one file that follow each other."""

    path: Path
    line: int
    """Number of the first one, from 1."""
    raw: bytes


Pieces = tuple[Piece, ...]


def line_blocks(
    files: Sequence[Path], most: int, size: Callable[[bytes], int], closes: Callable[[bytes], bool] = bool
) -> Iterator[Block[Pieces]]:
    """Cut the stream at the first line that closes something after each ``most``.

    Blank lines and the blanks around a line are not counted, so that a stream that is split into files between two
    documents, with or without blank lines there, gives blocks with the same documents.

    Args:
        files: one after another; those that end in .gz are unpacked.
        most: size of a block.
        size: of a line that is not blank, which comes without the blanks around it.
        closes: whether a block may end behind this line, which comes so, too; it may always end with a file.

    Raises:
        KgError: a file cannot be read.
    """
    pieces: list[Piece] = []
    filled = number = 0
    for path in files:
        held: list[bytes] = []
        line = 0
        for line, raw in enumerate(raw_lines(path), 1):
            held.append(raw)
            text = raw.strip()
            filled += size(text) if text else 0
            if filled >= most and closes(text):
                pieces.append(Piece(path, line - len(held) + 1, b"".join(held)))
                yield _block(number, pieces)
                pieces, held, filled, number = [], [], 0, number + 1
        if held:
            pieces.append(Piece(path, line - len(held) + 1, b"".join(held)))
        if filled >= most:
            yield _block(number, pieces)
            pieces, filled, number = [], 0, number + 1
    if filled:
        yield _block(number, pieces)


def _block(number: int, pieces: Sequence[Piece]) -> Block[Pieces]:
    parts = chain.from_iterable((piece.path.name.encode(), b"%d" % piece.line, piece.raw) for piece in pieces)
    return Block(number, tuple(pieces), sum(len(piece.raw) for piece in pieces), digest(parts))


def lines(piece: Piece, complain: Complain) -> Iterator[Line]:
    """The lines of a piece, blank ones too; those that are not UTF-8 are complained about and left out."""
    for number, line in enumerate(piece.raw.removesuffix(b"\n").split(b"\n"), piece.line):
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            shown = Line(piece.path, number, line.decode("utf-8", "replace"))
            complain(shown, f"UTF-8; byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not")
            continue
        yield Line(piece.path, number, text.removeprefix(BOM) if number == 1 else text)


def noting(complaints: list[Complaint]) -> Complain:
    """A function that adds what it is told about lines to ``complaints``."""

    def complain(line: Line, expected: str) -> None:
        complaints.append(Complaint(str(line.path), line.number, line.text[: SHOWN + 1], expected))

    return complain
