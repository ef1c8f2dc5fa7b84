"""Finished blocks on disk, beside the corpus that they will become; a restart finds them."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from kg.places import FULL
from kplm.data.corpus.document import Complaint
from kplm.data.corpus.layout import SCHEMA
from kplm.errors import KplmError

if TYPE_CHECKING:
    from kplm.data.corpus.worker import Made

BATCH_ROWS = 1000
META = b"kplm"


class Summary(NamedTuple):
    """What there is to tell about a finished block."""

    counts: Counter[str]
    complaints: list[Complaint]


@dataclass(frozen=True)
class BlockStore:
    """The folder ``.OUT.blocks/KEY`` with one Arrow file for each finished block.

    Another key means other settings or another input; its blocks are removed when new ones are begun.
    """

    out: Path
    """The corpus."""
    key: str
    """See `Settings.key`."""

    @property
    def root(self) -> Path:
        """The folder of all keys."""
        return self.out.parent / f".{self.out.name}.blocks"

    @property
    def folder(self) -> Path:
        """The folder of the blocks."""
        return self.root / self.key

    def begin(self) -> None:
        """Make the folder; blocks that were made with another key are removed."""
        with told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        for other in self.root.iterdir():
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)

    def path(self, number: int) -> Path:
        """Where block ``number`` lies, or will lie."""
        return self.folder / f"block-{number:06}.arrow"

    @property
    def titles(self) -> Path:
        """Where the titles lie, or will lie."""
        return self.folder / "titles.marisa"

    def write(self, number: int, made: Made) -> None:
        """Write one block, whole or not at all.

        Raises:
            KplmError: it cannot be written; the disk may be full.
        """
        path = self.path(number)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        about = json.dumps({"counts": made.counts, "complaints": made.complaints})
        try:
            with told(path), temporary.open("wb") as file:
                with pa.ipc.new_stream(file, SCHEMA.with_metadata({META: about.encode()})) as writer:
                    for batch in made.rows.to_batches(BATCH_ROWS):
                        writer.write_batch(batch)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def summary(self, number: int) -> Summary | None:
        """What a finished block tells; None if it is not finished, or damaged."""
        try:
            with self.path(number).open("rb") as file:
                about = json.loads(pa.ipc.open_stream(file).schema.metadata[META])
        except (FileNotFoundError, pa.ArrowInvalid):
            return None
        return Summary(Counter(about["counts"]), [Complaint(*one) for one in about["complaints"]])

    def batches(self, number: int) -> Iterator[pa.RecordBatch]:
        """The rows of a finished block, memory-mapped."""
        with pa.memory_map(str(self.path(number))) as file, pa.ipc.open_stream(file) as reader:
            yield from reader

    def remove(self) -> None:
        """Remove all blocks."""
        shutil.rmtree(self.root, ignore_errors=True)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn a failure to write into an error that tells what to do.

    Raises:
        KplmError: the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in FULL or (error.errno is None and os.strerror(errno.ENOSPC) in str(error))
        fix = "Make room" if full else "Check the folder"
        raise KplmError(
            f"Cannot write {path}: {error}. {fix}, then give the same command again: finished blocks are kept."
        ) from error
