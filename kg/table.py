"""One vector per entity, on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kg.arrays import CHUNK, map_arrays, write_arrays
from kg.errors import KgError
from kg.ids import PARTS, IdIndex
from kg.places import locate, read_meta, whole_folder, write_meta
from kg.shuffle import one_cycle

KIND = "kg.table"
FILE = "table.safetensors"


class EntityTable:
    """A frozen table of entity vectors that stays on disk: all is memory-mapped, rows are fetched on demand.

    A table can be handed to data workers: a copy in another process opens the same files.
    """

    def __init__(self, folder: Path, seed: int | None = None) -> None:
        """Use `open`; ``seed`` is that of `shuffled`."""
        arrays = map_arrays(folder / FILE)
        missing = {"vectors", *PARTS} - set(arrays)
        if missing:
            raise KgError(f"{folder / FILE} lacks {sorted(missing)}. Write it with EntityTable.write.")
        self.path = folder
        self.meta: dict[str, Any] = read_meta(folder)
        self._seed, self._index, self._vectors = seed, IdIndex(arrays), arrays["vectors"]
        shape, dtype = self._vectors.shape, self._vectors.dtype
        if len(shape) != 2 or shape[0] != len(self._index) or dtype != np.float32:
            got = f"{dtype} vectors of shape {list(shape)} for {len(self._index)} ids"
            raise KgError(f"{folder / FILE} has {got}. Write it with EntityTable.write.")
        self._source = None if seed is None else one_cycle(len(self._index), seed)

    @classmethod
    def open(cls, path: str | Path) -> EntityTable:
        """Memory-map the table in the folder ``path``, which may be ``package:NAME/folder``.

        Raises:
            KgError: there is no table, or its file is truncated.
        """
        folder = locate(path)
        if not (folder / FILE).is_file():
            fix = "Make one with `kplm kg train` or `kplm kg import`, or with EntityTable.write."
            raise KgError(f"{folder} holds no entity table: there is no {FILE}. {fix}")
        return cls(folder)

    @classmethod
    def write(
        cls, path: str | Path, ids: Sequence[str], vectors: np.ndarray, meta: dict[str, Any] | None = None
    ) -> EntityTable:
        """Write a table to the folder ``path``, whole or not at all, and open it.

        Args:
            path: the folder; an older table there is replaced.
            ids: the N entity ids, unique.
            vectors: ``[N, W] float32``; a memory map is copied piece by piece.
            meta: what to remember about the vectors, such as model and source.

        Raises:
            KgError: ids and vectors do not fit together, an id occurs twice, a number is NaN or infinite, or the folder
                cannot be written.
        """
        with whole_folder(path, KIND) as folder:
            fill(folder, ids, vectors, meta)
        return cls.open(path)

    def __len__(self) -> int:
        return len(self._index)

    def __reduce__(self) -> tuple[type[EntityTable], tuple[Path, int | None]]:
        return EntityTable, (self.path, self._seed)

    @property
    def width(self) -> int:
        """W, the length of one vector."""
        return int(self._vectors.shape[1])

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """The row of each id, ``[n] int64``; -1 where the table does not know it."""
        return self._index.rows(ids)

    def ids(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        """The id of each row."""
        return [self._index[int(row)] for row in rows]

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """Fetch vectors from disk.

        Args:
            rows: ``[...] int64`` of any shape; -1 gives the zero vector.

        Returns: ``[..., W] float32``.

        Raises:
            KgError: a row is outside of the table, or holds a NaN or an infinite number.
        """
        flat = np.asarray(rows, np.int64).reshape(-1)
        if flat.size and not -1 <= flat.min() <= flat.max() < len(self):
            raise KgError(f"Rows {flat.min()} to {flat.max()} were asked for; possible: -1 to {len(self) - 1}.")
        known = np.flatnonzero(flat >= 0)
        stored = flat[known] if self._source is None else self._source[flat[known]]
        fetched = np.zeros((len(flat), self.width), np.float32)
        fetched[known] = self._vectors[stored]
        _check_finite(fetched, lambda row: (self._index[int(flat[row])], int(flat[row])))
        return fetched.reshape(*np.shape(rows), self.width)

    def shuffled(self, seed: int) -> EntityTable:
        """The control 'right shape, wrong facts': the same vectors, but no entity keeps its own (for N > 1)."""
        return EntityTable(self.path, seed)


def fill(folder: Path, ids: Sequence[str], vectors: np.ndarray, meta: dict[str, Any] | None = None) -> None:
    """Write the files of a table into a folder that is there; `EntityTable.write` tells the arguments and errors."""
    _check_shape(ids, vectors)
    for start in range(0, len(vectors), CHUNK):
        _check_finite(vectors[start : start + CHUNK], partial(_named, ids, start))
    write_arrays(folder / FILE, {"vectors": vectors, **IdIndex.build(ids)})
    write_meta(folder, KIND, {**(meta or {}), "entities": len(ids), "width": int(vectors.shape[1])})


def _named(ids: Sequence[str], start: int, row: int) -> tuple[str, int]:
    return ids[start + row], start + row


def _check_shape(ids: Sequence[str], vectors: np.ndarray) -> None:
    if vectors.ndim != 2 or len(vectors) != len(ids) or vectors.dtype != np.float32:
        expected = f"float32 vectors of shape [{len(ids)}, W], one row per id"
        raise KgError(f"Expected {expected}; got {vectors.dtype} of shape {list(vectors.shape)}.")
    if not vectors.size:
        raise KgError(f"An entity table needs at least one vector; got shape {list(vectors.shape)}.")


def _check_finite(vectors: np.ndarray, name: Callable[[int], tuple[str, int]]) -> None:
    """Raise when a number of ``[n, W] float32`` is not finite; ``name(row)`` gives the id and row to be told."""
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=-1))
    if len(bad):
        entity, row = name(int(bad[0]))
        fix = "Train again with a smaller learning rate, or drop the entity."
        raise KgError(f"The vector of entity '{entity}' (row {row}) has a NaN or infinite number. {fix}")
