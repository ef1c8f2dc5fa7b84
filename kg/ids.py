"""Ids of millions of entities on disk, looked up without a Python dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice

import numpy as np

from kg.errors import KgError

CHUNK = 1 << 16
PARTS = ("id_bytes", "id_ends", "id_hashes", "id_rows")
NOTHING = np.zeros(0, np.int64)
DAMAGED = "Copy or write the folder again."


class IdIndex:
    """Which row an id has: 64-bit hashes in sorted order, searched by bisection, and the ids themselves to be sure.

    Every array may be a memory map; a search touches only the pages on its way.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the four arrays that `build` made.

        Args:
            arrays: ``id_bytes`` ``[bytes] uint8``, all ids in UTF-8, one after another; ``id_ends`` ``[N] int64``,
                where each ends; ``id_hashes`` ``[N] uint64``, sorted; ``id_rows`` ``[N] int64``, the row of each hash.

        Raises:
            KgError: they are not of one index.
        """
        found = [arrays.get(name, NOTHING) for name in PARTS]
        self._bytes, self._ends, self._hashes, self._rows = found
        whole = [array.dtype.kind + str(array.ndim) for array in found] == ["u1", "i1", "u1", "i1"]
        fit = whole and len({len(array) for array in found[1:]}) == 1
        if not fit or (len(self._ends) and self._ends[-1] != len(self._bytes)):
            raise KgError(f"The index of ids is damaged: {', '.join(PARTS)} do not fit each other. {DAMAGED}")

    @staticmethod
    def build(ids: Iterable[str]) -> dict[str, np.ndarray]:
        """The arrays for ``ids`` in the order of their rows.

        Raises:
            KgError: an id occurs twice or is empty.
        """
        collected = CollectedIds()
        remaining = iter(ids)
        while names := [_encode(name) for name in islice(remaining, CHUNK)]:
            collected.add(names)
        return collected.arrays()

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, row: int) -> str:
        try:
            return self._raw(np.array([row]))[0].decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise KgError(f"The index of ids is damaged: the id of row {row} is not UTF-8. {DAMAGED}") from error

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """The row of each id, -1 where it is unknown: ``[n] int64``.

        Raises:
            KgError: the index is damaged.
        """
        try:
            return self._found([_encode(name) for name in ids])
        except IndexError as error:
            raise KgError(f"The index of ids is damaged: {error}. {DAMAGED}") from error

    def _found(self, encoded: list[bytes]) -> np.ndarray:
        hashes = _hashes(encoded)
        places = self._places(hashes)
        rows = np.full(len(encoded), -1, np.int64)
        known = np.flatnonzero(self._hashes[np.minimum(places, len(self) - 1)] == hashes) if len(self) else rows[:0]
        rows[known] = self._rows[places[known]]
        for at, raw in zip(known, self._raw(rows[known]), strict=True):
            if raw != encoded[at]:
                rows[at] = self._next(encoded[at], hashes[at], int(places[at]))
        return rows

    def _places(self, hashes: np.ndarray) -> np.ndarray:
        """Where each hash stands or would stand, ``[n] int64``; searched in their order, which spares page faults."""
        order = np.argsort(hashes)
        places = np.empty(len(hashes), np.int64)
        places[order] = np.searchsorted(self._hashes, hashes[order])
        return places

    def _next(self, name: bytes, digest: np.uint64, place: int) -> int:
        """The row of ``name`` among the entries after ``place`` that have the same hash ``digest``; else -1."""
        for row in self._rows[place + 1 : np.searchsorted(self._hashes, digest, side="right")]:
            if self._raw(row[None])[0] == name:
                return int(row)
        return -1

    def _raw(self, rows: np.ndarray) -> list[bytes]:
        """The ids of some rows ``[n] int64``, in UTF-8."""
        begins = np.where(rows == 0, 0, self._ends[rows - 1])
        return [self._bytes[begin:end].tobytes() for begin, end in zip(begins.tolist(), self._ends[rows].tolist())]


class CollectedIds:
    """Ids that come in one after another, held as bytes: about 16 bytes an id more than its own length."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._lengths: list[np.ndarray] = []
        self._hashes: list[np.ndarray] = []
        self._count = 0

    def add(self, names: Sequence[bytes]) -> None:
        """Take some more ids, in UTF-8.

        Raises:
            KgError: one is empty.
        """
        if b"" in names:
            raise KgError(f"The id of row {self._count + names.index(b'')} is empty. Every row needs an id.")
        self._bytes += b"".join(names)
        self._lengths.append(np.fromiter(map(len, names), np.int64, len(names)))
        self._hashes.append(_hashes(names))
        self._count += len(names)

    def __len__(self) -> int:
        return self._count

    def name(self, number: int) -> str:
        """The id that came as number ``number``; slow, for messages."""
        end = np.concatenate(self._lengths)[: number + 1].cumsum()
        return self._bytes[end[-2] if number else 0 : end[-1]].decode("utf-8", "replace")

    def arrays(
        self, order: np.ndarray | None = None, place: Callable[[int], str] = "row {}".format
    ) -> dict[str, np.ndarray]:
        """What `IdIndex` needs.

        Args:
            order: ``[N] int64``, for each row the number of its id; left out, the first id has row 0 and so on.
            place: how a message names the place of the id that came as number ``n``.

        Raises:
            KgError: an id occurs twice.
        """
        text, ends = np.frombuffer(self._bytes, np.uint8), np.cumsum(_joined(self._lengths, np.int64))
        hashes = _joined(self._hashes, np.uint64)
        if order is not None:
            text, ends, hashes = *_reordered(text, ends, order), hashes[order]
        rows = np.argsort(hashes, kind="stable")
        index = {"id_bytes": text, "id_ends": ends, "id_hashes": hashes[rows], "id_rows": rows}
        _refuse_duplicates(index, lambda row: place(row if order is None else int(order[row])))
        return index


def _joined(parts: list[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts])


def _reordered(text: np.ndarray, ends: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same ids in another order: their bytes and ends. In chunks, since each byte takes an index of eight."""
    lengths = np.diff(ends, prepend=0)
    pieces = [np.zeros(0, np.uint8)]
    for some in _chunks(order):
        size = lengths[some]
        shift = ends[some] - np.cumsum(size)
        pieces.append(text[np.repeat(shift, size) + np.arange(size.sum())])
    return np.concatenate(pieces), np.cumsum(lengths[order])


def _chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    return (array[start : start + CHUNK] for start in range(0, len(array), CHUNK))


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _hashes(encoded: Sequence[bytes]) -> np.ndarray:
    digests = b"".join(blake2b(name, digest_size=8).digest() for name in encoded)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _refuse_duplicates(arrays: Mapping[str, np.ndarray], place: Callable[[int], str]) -> None:
    """Two equal ids have equal hashes, so only runs of equal hashes are compared."""
    names, hashes, rows = IdIndex(arrays), arrays["id_hashes"], arrays["id_rows"]
    for at in np.flatnonzero(hashes[1:] == hashes[:-1]):
        run = [int(row) for row in rows[np.searchsorted(hashes, hashes[at]) : at + 2]]
        ids = [names[row] for row in run]
        if ids[-1] in ids[:-1]:
            first, second = place(run[ids.index(ids[-1])]), place(run[-1])
            name = ids[-1].encode("utf-8", "replace").decode()
            raise KgError(f"The id '{name}' occurs twice, in {first} and in {second}. Ids must be unique; drop one.")
