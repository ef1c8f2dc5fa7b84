"""Large text files, some megabytes of whole lines at a time."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from tqdm import tqdm

from kg.errors import KgError

log = logging.getLogger("kg")
PIECE = 1 << 23
LONGEST = 1 << 26
LFS = b"version https://git-lfs.github.com/spec/"
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
BOM = b"\xef\xbb\xbf"


def pieces(path: Path, desc: str) -> Iterator[bytes]:
    """Whole lines, several to a piece, the last of a piece without its end; also from ``.gz``, with a progress bar.

    Blank lines at the end of the file are left out. A file whose last line has no end is read with a warning.

    Raises:
        KgError: the file cannot be read, is damaged, or has no lines.
    """
    rest = b""
    for data in _read(path, desc):
        rest += data
        cut = rest.rstrip().rfind(b"\n")
        if cut >= 0:
            yield rest[:cut]
            rest = rest[cut + 1 :]
        elif len(rest) > LONGEST:
            raise KgError(f"{path} has a line of more than {LONGEST:,} bytes: it is no text. Check its format.")
    if not rest.strip():
        raise KgError(f"{path} has no line that is not blank. Copy or write it again.")
    if not rest.endswith(b"\n"):
        log.warning("%s: the last line has no end; the file may have been cut within its last number", path)
    yield rest.rstrip()


def _read(path: Path, desc: str) -> Iterator[bytes]:
    """The bytes of a file; its byte order mark is left out."""
    try:
        with path.open("rb") as raw, tqdm(desc=desc, total=path.stat().st_size, unit="B", unit_scale=True) as bar:
            file = cast(IO[bytes], gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw)
            data = file.read(PIECE).removeprefix(BOM)
            while data:
                yield data
                bar.update(raw.tell() - bar.n)
                data = file.read(PIECE)
    except DAMAGE as error:
        raise _damaged(path, error) from error


def checked(names: list[bytes], path: Path, line: int) -> list[bytes]:
    """Ids, if each is there and is UTF-8; the first stands in line ``line``.

    Raises:
        KgError: one is empty, or is not UTF-8.
    """
    if b"" in names:
        raise KgError(f"{path}:{line + names.index(b'')}: there is no id. Every row needs one.")
    try:
        b"\n".join(names).decode()
    except UnicodeDecodeError as error:
        line += b"\n".join(names)[: error.start].count(b"\n")
        raise KgError(f"{path}:{line}: the id is not UTF-8 ({error.reason}). Is the file text, in UTF-8?") from error
    return names


def text_lines(path: Path) -> IO[str]:
    """A UTF-8 file opened as text, also a ``.gz``."""
    opened = gzip.open if path.suffix == ".gz" else open
    return cast(IO[str], opened(path, "rt", encoding="utf-8", newline=""))


def first_lines(path: Path, count: int) -> list[bytes]:
    """The beginning of the first lines, without blanks at the ends; empty where there are not so many."""
    try:
        with cast(IO[bytes], gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            return [file.readline(LONGEST).removeprefix(BOM).strip() for _ in range(count)]
    except DAMAGE as error:
        raise _damaged(path, error) from error


def refuse_hollow(path: Path) -> None:
    """Raise when a file is missing, empty, or a pointer of Git LFS in the place of the file itself.

    Raises:
        KgError: it is.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(LFS))
    except OSError as error:
        raise KgError(f"Cannot read {path}: {error}. Check the path.") from error
    if not start:
        raise KgError(f"{path} is empty. Copy or download it again.")
    if start == LFS:
        raise KgError(f"{path} is a Git LFS pointer, not the file. Run `git lfs pull` in its repository.")


def _damaged(path: Path, error: Exception) -> KgError:
    return KgError(f"{path} is truncated or damaged: {error}. Copy or download it again.")
