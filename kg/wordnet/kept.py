"""Matrices that were built before, in the user's cache folder."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import numpy as np

from kg.arrays import map_arrays, write_arrays
from kg.errors import KgError

log = logging.getLogger("kg")


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/kplm/wordnet``, where the variable is not set ``~/.cache/kplm/wordnet``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kplm" / "wordnet"


def kept(key: str, shape: tuple[int, int]) -> np.ndarray | None:
    """The matrix of a key, ``[V, C] bool``; ``None`` where there is none, or a damaged one."""
    path = cache_folder() / f"{key}.safetensors"
    try:
        found = map_arrays(path)["allowed"] if path.is_file() else None
    except (KgError, KeyError, TypeError, ValueError) as error:
        log.warning("%s is damaged (%s); it is built again.", path, error)
        return None
    if found is None or found.shape != shape or found.dtype != np.uint8 or found.max(initial=0) > 1:
        return None
    return found.astype(np.bool_)


def keep(key: str, allowed: np.ndarray) -> None:
    """Write a matrix, whole or not at all; where the cache cannot be written, it is built again next time."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            write_arrays(Path(temporary) / key, {"allowed": allowed.view(np.uint8)})
            os.replace(Path(temporary) / key, folder / f"{key}.safetensors")
    except OSError as error:
        log.warning("The supersenses of the vocabulary cannot be kept in %s: %s", folder, error)
