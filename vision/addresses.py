"""Where a picture or a file of features lies: a path, or ``archive.zip@/inner/path``."""

from __future__ import annotations

import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kg.places import locate
from vision.errors import VisionError, as_vision_error

INSIDE = re.compile(r"((?:\.\d+)?\.zip(?:\.\d+)?)@/?")
"""The end of an archive's name; Conceptual Captions' lists number the archives, as in ``train_image.0.zip@/a.jpg``."""
LARGEST = 1 << 30
"""Bytes that a file of an archive may unpack to: one of a few megabytes can hold one that fills the memory."""
DAMAGE = (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, struct.error, zlib.error, lzma.LZMAError)
"""What zipfile raises for archives that are cut, damaged, locked or packed in a way it does not know."""


def read_bytes(address: str | Path) -> bytes:
    """The content of a file, also of one inside a zip archive.

    Where ``archive.zip`` is not there but a folder ``archive`` is, the file is taken from it, and from nowhere else.

    Raises:
        VisionError: there is no such file, the archive is damaged, or the file would lie outside of it or is too large.
    """
    text = str(address)
    try:
        split = INSIDE.search(text)
        if split is None:
            return Path(text).read_bytes()
        archive, name = Path(text[: split.end(1)]), text[split.end() :]
        if not archive.exists() and Path(text[: split.start()]).is_dir():
            return _inside(Path(text[: split.start()]), name).read_bytes()
        return _member(archive, name)
    except (OSError, *DAMAGE) as error:
        raise VisionError(f"Cannot read {text}: {error}.") from error


def _member(archive: Path, name: str) -> bytes:
    opened = _archive(archive, os.getpid())
    try:
        size = opened.getinfo(name).file_size
    except KeyError as error:
        raise VisionError(f"There is no '{name}' inside {archive}.") from error
    if size > LARGEST:
        raise VisionError(
            f"'{name}' inside {archive} unpacks to {size:,} bytes; {LARGEST:,} is the most. Unpack it first."
        )
    return opened.read(name)


def _inside(folder: Path, name: str) -> Path:
    """The file of that name in a folder that stands for an archive."""
    found = (folder / name).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise VisionError(f"'{name}' lies outside of {folder}, which stands for an archive. Give a path inside of it.")
    return found


@lru_cache(maxsize=16)
def _archive(path: Path, process: int) -> zipfile.ZipFile:
    """An open archive; every process opens its own, since a shared file would share its position."""
    return zipfile.ZipFile(path)


def _names(archive: Path) -> list[str]:
    try:
        return _archive(archive, os.getpid()).namelist()
    except (OSError, *DAMAGE) as error:
        raise VisionError(f"Cannot read {archive}: {error}.") from error


def files(place: str | Path, endings: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Relative path and address of all files with one of ``endings`` in a folder or zip archive, in sorted order.

    Raises:
        VisionError: there is nothing at ``place``, or it is neither a folder nor an archive.
    """
    with as_vision_error():
        root = locate(place)
    if root.is_dir():
        found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        pairs = [(name, str(root / name)) for name in found]
    elif zipfile.is_zipfile(root):
        pairs = [(name, f"{root}@/{name}") for name in sorted(_names(root))]
    else:
        raise VisionError(f"{root} is neither a folder nor a zip archive.")
    return (pair for pair in pairs if pair[0].lower().endswith(endings))
