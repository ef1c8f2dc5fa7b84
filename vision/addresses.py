"""Where a picture or a file of features lies: a path, or ``archive.zip@/inner/path``."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kg.places import locate
from vision.errors import VisionError, as_vision_error

INSIDE = re.compile(r"((?:\.\d+)?\.zip(?:\.\d+)?)@/?")
"""The end of an archive's name; Conceptual Captions' lists number the archives, as in ``train_image.0.zip@/a.jpg``."""


def read_bytes(address: str | Path) -> bytes:
    """The content of a file, also of one inside a zip archive.

    Where ``archive.zip`` is not there but a folder ``archive`` is, the file is taken from it.

    Raises:
        VisionError: there is no such file, or the archive is damaged.
    """
    text = str(address)
    try:
        split = INSIDE.search(text)
        if split is None:
            return Path(text).read_bytes()
        archive = Path(text[: split.end(1)])
        if not archive.exists() and Path(text[: split.start()]).is_dir():
            return Path(text[: split.start()], text[split.end() :]).read_bytes()
        return _archive(archive, os.getpid()).read(text[split.end() :])
    except KeyError as error:
        raise VisionError(f"There is no '{text[split.end() :]}' inside {archive}.") from error  # type: ignore[union-attr]
    except (OSError, zipfile.BadZipFile) as error:
        raise VisionError(f"Cannot read {text}: {error}.") from error


@lru_cache(maxsize=16)
def _archive(path: Path, process: int) -> zipfile.ZipFile:
    """An open archive; every process opens its own, since a shared file would share its position."""
    return zipfile.ZipFile(path)


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
        pairs = [(name, f"{root}@/{name}") for name in sorted(_archive(root, os.getpid()).namelist())]
    else:
        raise VisionError(f"{root} is neither a folder nor a zip archive.")
    return (pair for pair in pairs if pair[0].lower().endswith(endings))
