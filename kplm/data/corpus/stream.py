"""The input as one stream of documents, cut into blocks that do not depend on how it is split into files."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from kplm.data.corpus.document import Complain, Line
from kplm.errors import DataError, did_you_mean

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".lz4")
BOM = "\ufeff"


class Span(NamedTuple):
    """A stretch of whole lines of one file."""

    path: Path
    begin: int
    """Offset of the first byte."""
    end: int
    """Offset after the last byte."""
    line: int
    """Number of the first line, from 1."""


Block = tuple[Span, ...]


def source_files(source: str | Path) -> list[Path]:
    """The files that ``source`` names, sorted: a file, all files below a folder but hidden ones, or a glob.

    Raises:
        DataError: there is none, or one is compressed.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_file() and not _hidden(file.relative_to(path))]
    elif path.is_file():
        found = [path]
    else:
        found = [Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file()]
    if not found:
        raise DataError(_nothing(path))
    for file in found:
        if file.suffix.lower() in COMPRESSED:
            raise DataError(f"{file} is compressed, so that it cannot be cut into blocks. Unpack it first.")
    return sorted(found)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _nothing(path: Path) -> str:
    if path.is_dir():
        return f"The folder {path} holds no files. Give a folder of text files, a file, or a glob such as 'wiki/*/*'."
    near = sorted(file.name for file in path.parent.iterdir()) if path.parent.is_dir() else []
    return (
        f"There is no file, folder or glob {path}.{did_you_mean(path.name, near)} Paths are relative to {Path.cwd()}."
    )


def first_line(files: Sequence[Path]) -> bytes:
    """The first line of the stream that is not blank, without the blanks around it; empty if there is none."""
    for path in files:
        with _opened(path) as file:
            for line in file:
                if text := line.removeprefix(BOM.encode()).strip():
                    return text
    return b""


@dataclass
class _Open:
    """The block that is being filled."""

    spans: list[Span]
    size: int = 0

    def close(self) -> Block:
        block, self.spans, self.size = tuple(self.spans), [], 0
        return block


def blocks(files: Sequence[Path], closes: Callable[[bytes], bool], block_bytes: int) -> Iterator[Block]:
    """Cut the stream at the first end of a document after each ``block_bytes``.

    Blank lines and the blanks around a line are not counted, so that a stream that is split into files between two
    documents, with or without blank lines there, gives blocks with the same documents.
    """
    current = _Open([])
    for path in files:
        yield from _file_blocks(path, closes, block_bytes, current)
        if current.size >= block_bytes:
            yield current.close()
    if current.size:
        yield current.close()


def _file_blocks(path: Path, closes: Callable[[bytes], bool], block_bytes: int, current: _Open) -> Iterator[Block]:
    begin = end = 0
    first = number = 1
    with _opened(path) as file:
        for number, line in enumerate(file, 2):
            end += len(line)
            text = line.strip()
            if text:
                current.size += len(text) + 1
            if current.size >= block_bytes and closes(text):
                current.spans.append(Span(path, begin, end, first))
                yield current.close()
                begin, first = end, number
    if end > begin:
        current.spans.append(Span(path, begin, end, first))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error}.") from error


def lines(span: Span, complain: Complain) -> Iterator[Line]:
    """The lines of a span, blank ones too; those that are not UTF-8 are complained about and left out."""
    with _opened(span.path) as file:
        file.seek(span.begin)
        raw = file.read(span.end - span.begin)
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), span.line):
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            shown = Line(span.path, number, line.decode("utf-8", "replace"))
            complain(shown, f"UTF-8; byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not")
            continue
        yield Line(span.path, number, text.removeprefix(BOM) if number == 1 else text)
