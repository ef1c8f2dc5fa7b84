"""Finished blocks joined into shards that Hugging Face ``datasets`` opens, block by block."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from itertools import chain, starmap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import DatasetInfo, Features
from pyarrow.compute import binary_length

from kplm.data.corpus.layout import SCHEMA
from kplm.data.corpus.store import BlockStore

SHARED = [name for name in SCHEMA.names if name != "source"]


class Fingerprint:
    """SHA-256 over all rows in their order, column by column; how they are cut into batches and shards is not seen.

    ``source`` is left out, since it names files, and the same stream may be split into files in several ways.
    """

    def __init__(self) -> None:
        self._digests = {name: [hashlib.sha256() for _ in range(3)] for name in SHARED}

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        for name, (rows, strings, values) in self._digests.items():
            column = batch[name]
            if pa.types.is_list(column.type):
                rows.update(_bytes(column.value_lengths()))
                column = column.flatten()
            if pa.types.is_string(column.type):
                strings.update(_bytes(binary_length(column)))
                values.update("".join(column.to_pylist()).encode())
            else:
                values.update(_bytes(column))

    def hexdigest(self) -> str:
        """The digest of the digests."""
        parts = [part.digest() for column in self._digests.values() for part in column]
        return hashlib.sha256(b"".join(parts)).hexdigest()


def write_shards(folder: Path, store: BlockStore, stamps: Sequence[str], rows: int, shards: int) -> str:
    """Write ``data-00000-of-0000N.arrow`` and what ``datasets.load_from_disk`` reads beside them.

    Args:
        folder: where to.
        store: holds all blocks.
        stamps: of the blocks, in their order.
        rows: how many rows they have together.
        shards: how many files; each gets the same number of rows, give or take one.

    Returns: the fingerprint of all rows.
    """
    fingerprint = Fingerprint()
    batches = chain.from_iterable(starmap(store.batches, enumerate(stamps)))
    stream = _Rows(batches, fingerprint)
    names = [f"data-{shard:05}-of-{shards:05}.arrow" for shard in range(shards)]
    bounds = [rows * shard // shards for shard in range(shards + 1)]
    for name, begin, end in zip(names, bounds, bounds[1:]):
        with (folder / name).open("wb") as file:
            with pa.ipc.new_stream(file, SCHEMA) as writer:
                for batch in stream.take(end - begin):
                    writer.write_batch(batch)
            file.flush()
            os.fsync(file.fileno())
    digest = fingerprint.hexdigest()
    _write_state(folder, names, digest)
    return digest


class _Rows:
    """Batches of which any number of rows can be taken at a time."""

    def __init__(self, batches: Iterator[pa.RecordBatch], fingerprint: Fingerprint) -> None:
        self._batches, self._fingerprint = batches, fingerprint
        self._rest: pa.RecordBatch | None = None

    def take(self, count: int) -> Iterator[pa.RecordBatch]:
        """The next ``count`` rows."""
        while count:
            batch = self._rest if self._rest is not None else next(self._batches)
            taken, self._rest = batch.slice(0, count), batch.slice(count) if len(batch) > count else None
            count -= len(taken)
            self._fingerprint.add(taken)
            yield taken.replace_schema_metadata(None)


def _bytes(column: pa.Array) -> bytes:
    return np.ascontiguousarray(column.to_numpy(zero_copy_only=False)).tobytes()


def _write_state(folder: Path, names: Sequence[str], fingerprint: str) -> None:
    """What ``datasets.Dataset.save_to_disk`` writes beside its files."""
    DatasetInfo(features=Features.from_arrow_schema(SCHEMA)).write_to_directory(str(folder))
    state: dict[str, Any] = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": fingerprint[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    (folder / "state.json").write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
