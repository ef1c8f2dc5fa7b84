"""Ids of millions of entities on disk, looked up without a Python dict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import numpy as np

from kg.errors import KgError


class IdIndex:
    """Which row an id has: 64-bit hashes in sorted order, searched by bisection, and the ids themselves to be sure.

    Every array may be a memory map; a search touches only the pages on its way.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the four arrays that `build` made.

        Args:
            arrays: ``id_bytes`` ``[bytes] uint8``, all ids in UTF-8, one after another; ``id_ends`` ``[N] int64``,
                where each ends; ``id_hashes`` ``[N] uint64``, sorted; ``id_rows`` ``[N] int64``, the row of each hash.
        """
        self._bytes, self._ends = arrays["id_bytes"], arrays["id_ends"]
        self._hashes, self._rows = arrays["id_hashes"], arrays["id_rows"]

    @staticmethod
    def build(ids: Iterable[str]) -> dict[str, np.ndarray]:
        """The arrays for ``ids`` in the order of their rows.

        Raises:
            KgError: an id occurs twice or is empty.
        """
        encoded = [_encode(name) for name in ids]
        hashes = _hashes(encoded)
        rows = np.argsort(hashes, kind="stable")
        _refuse_duplicates(encoded, hashes, rows)
        return {
            "id_bytes": np.frombuffer(b"".join(encoded), np.uint8),
            "id_ends": np.cumsum([len(name) for name in encoded], dtype=np.int64),
            "id_hashes": hashes[rows],
            "id_rows": rows.astype(np.int64),
        }

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, row: int) -> str:
        return self._raw(row).decode("utf-8", "surrogatepass")

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """The row of each id, -1 where it is unknown: ``[n] int64``."""
        encoded = [_encode(name) for name in ids]
        hashes = _hashes(encoded)
        places = np.searchsorted(self._hashes, hashes)
        return np.array([self._row(*one) for one in zip(encoded, hashes, places, strict=True)], np.int64)

    def _row(self, name: bytes, digest: np.uint64, place: int) -> int:
        """The row of ``name`` among the entries whose hash is ``digest``, the first of which is at ``place``."""
        while place < len(self._hashes) and self._hashes[place] == digest:
            row = int(self._rows[place])
            if self._raw(row) == name:
                return row
            place += 1
        return -1

    def _raw(self, row: int) -> bytes:
        begin = self._ends[row - 1] if row else 0
        return self._bytes[begin : self._ends[row]].tobytes()


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _hashes(encoded: Sequence[bytes]) -> np.ndarray:
    digests = b"".join(blake2b(name, digest_size=8).digest() for name in encoded)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _refuse_duplicates(encoded: Sequence[bytes], hashes: np.ndarray, rows: np.ndarray) -> None:
    """Two equal ids have equal hashes, so only runs of equal hashes are compared."""
    ordered = hashes[rows]
    for place in np.flatnonzero(ordered[1:] == ordered[:-1]):
        run = rows[np.searchsorted(ordered, ordered[place]) : place + 2]
        names = [encoded[row] for row in run]
        if names[-1] in names[:-1]:
            first = run[names.index(names[-1])]
            name = names[-1].decode("utf-8", "replace")
            raise KgError(f"The id '{name}' occurs twice, in rows {first} and {run[-1]}. Ids must be unique; drop one.")
