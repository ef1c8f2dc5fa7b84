"""What tells whether a block was made of the same input and by the same settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from kg.places import PACKAGE, locate

BYTES = 8


def digest(parts: Iterable[bytes]) -> str:
    """A short digest of some bytes, in which it matters where one part ends.

    >>> digest([b"ab", b"c"]) == digest([b"a", b"bc"])
    False
    """
    found = blake2b(digest_size=BYTES)
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()


def key(settings: Mapping[str, Any], places: Sequence[str | None] = ()) -> str:
    """A digest of settings, and of names, sizes and times of the files that they name.

    Args:
        settings: plain values.
        places: files and folders that are read, or names of graphs that are no files; None is nothing.

    Raises:
        KgError: there is no such file.
    """
    return digest([json.dumps([settings, [_files(place) for place in places]], sort_keys=True).encode()])


def _files(name: str | None) -> list[list[Any]]:
    """Of files inside an installed package no times, which differ from machine to machine."""
    if name is None or (":" in name and not name.startswith(PACKAGE)):
        return []
    root = locate(name)
    files = sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else [root]
    return [_stamp(file, root, not name.startswith(PACKAGE)) for file in files]


def _stamp(file: Path, root: Path, times: bool) -> list[Any]:
    about = file.stat()
    return [file.relative_to(root).as_posix(), about.st_size, about.st_mtime_ns if times else 0]
