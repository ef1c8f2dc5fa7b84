"""The files of the input, and what it begins with."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from kg.blocks.lines import BOM
from kg.lines import raw_lines
from kplm.errors import DataError, did_you_mean

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".lz4")


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
    """The first line of the stream that is not blank, without the blanks around it; empty if there is none.

    Raises:
        KgError: a file cannot be read.
    """
    for line in chain.from_iterable(map(raw_lines, files)):
        if text := line.removeprefix(BOM.encode()).strip():
            return text
    return b""
