"""A prepared corpus as rows of batch fields, read from its memory-mapped shards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kplm.data.annotate import Entities
from kplm.errors import DataError
from kplm.text.tokens import Ints

if TYPE_CHECKING:
    import pyarrow as pa

KIND = "kplm.corpus"
META = "corpus.json"
LISTS = ("input_ids", "lengths", "entity_positions", "entities")


class CorpusRows:
    """Any row of a corpus in some ten microseconds; nothing but the ends of the rows is kept in memory.

    Args:
        folder: what ``kplm prepare`` wrote.
        entities: where entity ids become rows of a table; None leaves them out.

    Raises:
        DataError: the folder holds no corpus, a damaged or an empty one.
    """

    def __init__(self, folder: str | Path, entities: Entities | None = None) -> None:
        self.folder, self.entities = Path(folder), entities
        self.meta = read_meta(self.folder)
        self._open()
        if not len(self):
            raise DataError(
                f"{folder} is a corpus without a single row. Prepare it again, with a smaller min_entities."
            )

    @property
    def pairs(self) -> bool:
        """Whether a row is a pair of segments; else it is one or more texts that do not see each other."""
        return bool(self.meta["shape"] == "pairs")

    @property
    def positions(self) -> int:
        """Rows of the position table that the longest row needs."""
        return int(self.lengths.max(initial=0))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int | tuple[int, int]) -> dict[str, Any]:
        row, epoch = index if isinstance(index, tuple) else (index, 0)
        number = int(np.searchsorted(self._ends, row, side="right"))
        chunk = self._chunks[number]
        at = row - (int(self._ends[number - 1]) if number else 0)
        sizes = np.asarray(chunk.lists["lengths"].at(at))
        starts = np.cumsum(sizes) - sizes
        found = {"input_ids": chunk.lists["input_ids"].at(at), "row": row, "epoch": epoch}
        found |= _pair(sizes) if self.pairs else _texts(sizes, starts)
        if self.pairs:
            found["next_sentence"] = int(chunk.next_sentence[at])
        if self.entities is not None:
            positions, ids = chunk.lists["entity_positions"].at(at), chunk.lists["entities"].at(at)
            found |= self.entities.place(positions.tolist(), ids.to_pylist(), (0,) if self.pairs else starts.tolist())
        return found

    def _open(self) -> None:
        from datasets import load_from_disk

        try:
            table = load_from_disk(str(self.folder)).with_format("arrow").data.table
        except (OSError, ValueError) as error:
            raise DataError(f"{self.folder} is a damaged corpus: {error}. Copy it or prepare it again.") from error
        self._chunks = [Chunk.of(batch) for batch in table.to_batches() if len(batch)]
        sizes = [np.diff(chunk.lists["input_ids"].ends) for chunk in self._chunks]
        self.lengths: Ints = np.concatenate([np.zeros(0, np.int64), *sizes])
        self._ends = np.cumsum([len(size) for size in sizes])

    def __getstate__(self) -> dict[str, Any]:
        return {
            "folder": self.folder,
            "entities": self.entities,
            "meta": self.meta,
        }  # each worker maps the files itself

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


@dataclass(frozen=True)
class Lists:
    """A column of lists as one run of values and where each list ends; both lie in the mapped file."""

    values: Any
    """``[total]`` numpy, or an Arrow array of strings."""
    ends: Ints
    """``[R + 1]``"""

    def at(self, row: int) -> Any:
        """The list of one row, as numpy, or as an Arrow array of strings."""
        return self.values[self.ends[row] : self.ends[row + 1]]


@dataclass(frozen=True)
class Chunk:
    """The rows of one record batch."""

    lists: dict[str, Lists]
    next_sentence: Ints

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> Chunk:
        """Look at a record batch without copying it."""
        return cls({name: _lists(batch[name]) for name in LISTS}, batch["next_sentence"].to_numpy())


def read_meta(folder: Path) -> dict[str, Any]:
    """``corpus.json``, which tells how a corpus was prepared.

    Raises:
        DataError: there is none, or it is of another kind.
    """
    try:
        found = json.loads((folder / META).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise DataError(
            f"{folder} holds no prepared corpus. Make one with: kplm prepare TEXTS {folder} --tokenizer NAME."
        )
    return found


def _lists(column: pa.ListArray) -> Lists:
    import pyarrow as pa

    values = column.values
    return Lists(values if pa.types.is_string(values.type) else values.to_numpy(), column.offsets.to_numpy())


def _pair(sizes: Ints) -> dict[str, Ints]:
    """One or two segments of one text."""
    total = int(sizes.sum())
    segments = np.repeat(np.arange(len(sizes)), sizes)
    return {"segment_ids": segments, "position_ids": np.arange(total), "document": np.ones(total, np.int64)}


def _texts(sizes: Ints, starts: Ints) -> dict[str, Ints]:
    """Several texts, each counting its positions from 0."""
    total = int(sizes.sum())
    documents = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    positions = np.arange(total) - np.repeat(starts, sizes)
    return {"segment_ids": np.zeros(total, np.int64), "position_ids": positions, "document": documents}
