"""Millions of texts in one block of bytes, without a Python object for each."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, MutableSequence

import numpy as np


class Strings:
    """Texts by row: in memory while they are gathered, later a memory map.

    Both arrays may be of either kind, since only slices of them are read.
    """

    def __init__(self, raw: bytearray | np.ndarray, ends: MutableSequence[int] | np.ndarray) -> None:
        """Keep the two arrays.

        Args:
            raw: all texts in UTF-8, one after another, ``[bytes] uint8``.
            ends: where each ends, ``[N] int64``.
        """
        self._bytes, self._ends = raw, ends

    @classmethod
    def empty(cls) -> Strings:
        """None yet, to be filled by `append`."""
        return cls(bytearray(), array("q"))

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], name: str) -> Strings:
        """Those that `arrays` gave under ``name``."""
        return cls(arrays[f"{name}_bytes"], arrays[f"{name}_ends"])

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """What has to be written: ``NAME_bytes`` ``[bytes] uint8`` and ``NAME_ends`` ``[N] int64``."""
        return {f"{name}_bytes": np.frombuffer(self._bytes, np.uint8), f"{name}_ends": np.asarray(self._ends)}

    def append(self, text: str) -> None:
        """Add one; only for those in memory."""
        assert isinstance(self._bytes, bytearray)
        assert isinstance(self._ends, array)
        self._bytes += encoded(text)
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, row: int) -> str:
        if not 0 <= row < len(self._ends):
            raise IndexError(f"There is no row {row} among {len(self._ends):,}.")
        begin = self._ends[row - 1] if row else 0
        return bytes(self._bytes[begin : self._ends[row]]).decode("utf-8", "surrogatepass")


def encoded(text: str) -> bytes:
    """UTF-8, in which a lone surrogate, as JSON may bring it, is no error."""
    return text.encode("utf-8", "surrogatepass")
