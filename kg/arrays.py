"""Arrays in one safetensors file, memory-mapped on reading and written without a copy in memory.

The format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header, the raw arrays.
It is read by hand because rows have to be fetched from the map in any order, which ``safetensors.safe_open`` cannot do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kg.errors import KgError

TYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1", "U64": "<u8"}
NAMES = {np.dtype(code): name for name, code in TYPES.items()}
CHUNK = 1 << 16


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays, the widest types first so that each begins at a multiple of its own size."""
    ordered = dict(sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize))
    header, end = {}, 0
    for name, array in ordered.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in ordered.values():
            for start in range(0, len(array), CHUNK):
                file.write(np.ascontiguousarray(array[start : start + CHUNK]).data)


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
            header = json.loads(file.read(min(length, 1 << 26)))
    except OSError as error:
        raise KgError(f"Cannot read {path}: {error}.") from error
    except ValueError as error:
        raise KgError(f"{path} is truncated or no safetensors file: {error}. Copy or write it again.") from error
    header.pop("__metadata__", None)
    unknown = {entry["dtype"] for entry in header.values()} - set(TYPES)
    if unknown:
        raise KgError(f"{path} holds arrays of type {sorted(unknown)}; possible: {', '.join(TYPES)}.")
    return header, 8 + length


def _map(path: Path, data: int, entry: dict[str, Any]) -> np.ndarray:
    """One array; an empty one is not mapped, since a map of no bytes is an error."""
    shape, dtype = tuple(entry["shape"]), np.dtype(TYPES[entry["dtype"]])
    if not all(shape):
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", data + entry["data_offsets"][0], shape))
