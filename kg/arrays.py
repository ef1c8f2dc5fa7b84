"""Arrays in one safetensors file, memory-mapped on reading and written without a copy in memory.

The format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header, the raw arrays.
It is read by hand because rows have to be fetched from the map in any order, which ``safetensors.safe_open`` cannot do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kg.errors import KgError
from kg.json_text import from_json

TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1", "U64": "<u8"}
NAMES = {np.dtype(code): name for name, code in TYPES.items()}
CHUNK = 1 << 16
ROOM = 1 << 12


class ArrayFile:
    """A safetensors file that is being written: array after array, each in as many blocks of rows as it comes in.

    Room for the header is kept at the beginning and filled at the end, so that no length has to be known in advance.
    Use it in a ``with`` statement; after an error the file has no header, and nothing can read it.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._file.seek(ROOM)
        self._header: dict[str, Any] = {}
        self._end = 0

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._file:
            if kind is None:
                text = json.dumps(self._header).encode()
                if len(text) > ROOM - 8:
                    raise ValueError(f"{len(self._header)} arrays are too many: their header takes {len(text)} bytes.")
                self._file.seek(0)
                self._file.write((ROOM - 8).to_bytes(8, "little") + text.ljust(ROOM - 8))

    def add(self, name: str, blocks: Iterable[np.ndarray]) -> tuple[int, ...]:
        """Write one array.

        Args:
            name: of the array.
            blocks: its rows, at least one block; each block ``[n, ...]`` of the same type and width.

        Returns: the shape of the whole array.
        """
        begin, rows, block = self._end, 0, None
        for block in blocks:
            if not rows and begin % block.itemsize:
                begin = self._pad(-begin % block.itemsize)
            self._file.write(np.ascontiguousarray(block).data)
            rows += len(block)
            self._end += block.nbytes
        if block is None:
            raise ValueError(f"Array {name!r} needs at least one block, if an empty one.")
        shape = (rows, *block.shape[1:])
        self._header[name] = {"dtype": NAMES[block.dtype], "shape": shape, "data_offsets": [begin, self._end]}
        return shape

    def _pad(self, count: int) -> int:
        """Fill up with zeros, so that what follows begins at a multiple of its own size; the format allows no gaps."""
        self.add(f"padding_{self._end}", [np.zeros(count, np.uint8)])
        return self._end


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays into one file, without a copy in memory."""
    with ArrayFile(path) as file:
        for name, array in arrays.items():
            file.add(name, blocks(array))


def blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of an array in pieces, which are views; one empty piece of an empty array."""
    for start in range(0, max(len(array), 1), CHUNK):
        yield array[start : start + CHUNK]


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """Memory-map every array of a safetensors file, read-only.

    Raises:
        KgError: the file is missing, truncated or no safetensors file.
    """
    header, data = _header(path)
    size = path.stat().st_size
    needed = data + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if size < needed:
        raise KgError(f"{path} is truncated: it has {size:,} bytes and needs {needed:,}. Copy or write it again.")
    return {name: _map(path, data, entry) for name, entry in header.items()}


def _header(path: Path) -> tuple[dict[str, Any], int]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = from_json(file.read(min(length, 1 << 26)))
        if not isinstance(header, dict):
            raise ValueError("its header is no JSON object")
        header.pop("__metadata__", None)
        for name, entry in header.items():
            _check(name, entry)
    except OSError as error:
        raise KgError(f"Cannot read {path}: {error}.") from error
    except ValueError as error:
        raise KgError(f"{path} is truncated or no safetensors file: {error}. Copy or write it again.") from error
    unknown = {entry["dtype"] for entry in header.values()} - set(TYPES)
    if unknown:
        raise KgError(f"{path} holds arrays of type {sorted(unknown)}; possible: {', '.join(TYPES)}.")
    return header, 8 + length


def _check(name: str, entry: Any) -> None:
    """Raise ValueError where an entry of the header is none, or its shape and its place in the file do not fit."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        whole = all(type(one) is int and one >= 0 for one in (*shape, begin, end))
        wanted = math.prod(shape) * np.dtype(TYPES[dtype]).itemsize if whole and dtype in TYPES else None
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole or not isinstance(dtype, str):
        raise ValueError(f"its array '{name}' has no dtype, shape and place")
    if wanted not in (None, end - begin):
        raise ValueError(f"its array '{name}' of shape {shape} has {end - begin} bytes")


def _map(path: Path, data: int, entry: dict[str, Any]) -> np.ndarray:
    """One array; an empty one is not mapped, since a map of no bytes is an error."""
    shape, dtype = tuple(entry["shape"]), np.dtype(TYPES[entry["dtype"]])
    if not all(shape):
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", data + entry["data_offsets"][0], shape))
