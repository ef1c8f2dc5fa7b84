"""Finished blocks of rows, as Arrow files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kg.blocks.folder import BlockFolder, writing
from kg.blocks.part import Block
from kg.blocks.summary import Complaint, Summary
from kplm.data.corpus.layout import SCHEMA

if TYPE_CHECKING:
    from kplm.data.corpus.worker import Made

BATCH_ROWS = 1000
META = b"kplm"


class BlockStore(BlockFolder):
    """One Arrow file for each finished block, and the titles."""

    ending = ".arrow"

    @property
    def titles(self) -> Path:
        """Where the titles lie, or will lie."""
        return self.place / "titles.marisa"

    def write(self, block: Block[Any], made: Made) -> None:
        """Write one block, whole or not at all.

        Raises:
            KgError: it cannot be written; the disk may be full.
        """
        schema = SCHEMA.with_metadata({META: json.dumps(made.summary).encode()})
        path = self.path(block.number, block.stamp)
        with writing(path) as file, pa.ipc.new_stream(file, schema) as writer:
            for batch in made.rows.to_batches(BATCH_ROWS):
                writer.write_batch(batch)

    def summary(self, block: Block[Any]) -> Summary | None:
        """What a finished block tells; None if it is not finished, or damaged."""
        try:
            with self.path(block.number, block.stamp).open("rb") as file:
                counts, complaints = json.loads(pa.ipc.open_stream(file).schema.metadata[META])
        except (FileNotFoundError, NotADirectoryError, pa.ArrowInvalid):
            return None
        return Summary(Counter(counts), [Complaint(*one) for one in complaints])

    def batches(self, number: int, stamp: str) -> Iterator[pa.RecordBatch]:
        """The rows of a finished block, memory-mapped."""
        with pa.memory_map(str(self.path(number, stamp))) as file, pa.ipc.open_stream(file) as reader:
            yield from reader
