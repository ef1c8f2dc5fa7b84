"""The Lightning data module of pretraining: prepared corpora, masked anew in every epoch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kplm.data.annotate import Entities
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.loading import LengthBatched
from kplm.data.packing import Packing, row_steps
from kplm.data.stored import CorpusRows, read_meta
from kplm.errors import DataError, MissingFieldError
from kplm.knowledge import Knowledge
from kplm.masking import Masker
from kplm.text import Tokenizer

log = logging.getLogger(__name__)
ALWAYS = frozenset({"input_ids", "document", "position_ids", "segment_ids", "row", "epoch"})


class CorpusData(LengthBatched):
    """Corpora made by ``kplm prepare`` to batches: read, mask, fetch entity vectors.

    Args:
        train: folder of the training corpus.
        val: folder of the validation corpus; its masks are the same each time.
        test: folder of the test corpus.
        maskers: what to hide, applied in order; words and entities, for example.
        entities: the table whose vectors stand beside the text; without it entities are left out.
        knowledge: 'on', 'off', or 'shuffled' (every entity with the vector of another).
        batch_tokens: most positions in a batch, padding included.
        batch_rows: most rows in a batch.
        workers: processes that mask and collate; 0 does it in the training process.
        packing: as in :class:`kplm.data.module.TextData`.
        seed: fixes the order of the rows and all masks, independent of every other seed.
    """

    def __init__(
        self,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        maskers: list[Masker] | None = None,
        entities: Entities | None = None,
        knowledge: Knowledge = "on",
        batch_tokens: int = 4096,
        batch_rows: int = 32,
        workers: int = 0,
        packing: Packing = "none",
        seed: int = 0,
    ) -> None:
        files = {"train": train, "val": val, "test": test, "predict": None}
        super().__init__(files, batch_tokens, batch_rows, workers, seed)
        self.maskers, self.entities = maskers or [], entities
        self.packing = row_steps(packing)
        if entities is not None:
            entities.switch(knowledge)
        for masker in self.maskers:
            masker.build(self.tokenizer)

    @cached_property
    def metas(self) -> dict[str, dict[str, Any]]:
        """How each corpus was prepared, by its folder."""
        return {path: read_meta(Path(path)) for path in self.files.values() if path is not None}

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer the corpora were cut with.

        Raises:
            DataError: no corpus is given, or two were cut by different ones.
        """
        if not self.metas:
            raise DataError("no corpus is given; name one, for example --data.train FOLDER.")
        cutters = {path: meta["tokenizer_sha256"] for path, meta in self.metas.items()}
        if len(set(cutters.values())) > 1:
            raise DataError(
                f"the corpora {', '.join(cutters)} were cut by different tokenizers. Prepare them with the same --tokenizer."
            )
        return Tokenizer.from_file(next(iter(self.metas)))

    @property
    def writes(self) -> frozenset[str]:
        """Batch fields that come out.

        Raises:
            MissingFieldError: a masker reads a field that is not there.
        """
        found = set(ALWAYS)
        if any(meta["shape"] == "pairs" for meta in self.metas.values()):
            found.add("next_sentence")
        if self.entities is not None:
            found |= self.entities.writes
        found = masked(self.maskers, found)
        return frozenset(found | ({"candidate_vectors"} if {"candidate_ids", "entity_vectors"} <= found else set()))

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the encoder that these batches need, under the names of its config."""
        found = {"vocab_size": len(self.tokenizer), "positions": self.positions}
        return found if self.entities is None else found | self.entities.sizes

    @property
    def collator(self) -> Collator:
        """Pads, then masks, then fetches the vectors of the entities that are left; packing comes last."""
        steps: list[Callable[[dict[str, Tensor]], dict[str, Tensor]]] = [Masking(self.maskers, self.seed)]
        steps += [] if self.entities is None else [self.entities.complete]
        return Collator([*steps, *self.packing])

    def read(self, name: str) -> CorpusRows:
        """Open one corpus."""
        path = self.files[name]
        if path is None:
            raise DataError(f"data.{name} names no corpus; give one, for example --data.{name} FOLDER.")
        rows = CorpusRows(path, self.entities)
        log.info(f"{name}: {len(rows):,} rows, {int(np.sum(rows.lengths)):,} tokens from {path}")
        return rows

    def describe(self) -> dict[str, Any]:
        """How texts were cut, so that a task can go on with the same tokenizer."""
        annotators = [] if self.entities is None else [self.entities]
        longest = max((meta["max_length"] for meta in self.metas.values()), default=0)
        return TextEncoder(self.tokenizer, annotators, max_length=longest).describe()


def masked(maskers: Sequence[Masker], fields: set[str]) -> set[str]:
    """Batch fields that come out of maskers in a row.

    Raises:
        MissingFieldError: a masker reads a field that is not there.
    """
    for masker in maskers:
        for field in sorted(masker.reads - fields):
            raise MissingFieldError(type(masker).__name__, field, fields)
        fields = fields | masker.writes
    return fields


class Masking:
    """Applies maskers to a batch with randomness that depends on the seed, the rows and their epoch alone.

    So a run that is resumed, or whose batches are made by other processes, masks the same words.

    Args:
        maskers: applied in order.
        seed: of all randomness.
    """

    def __init__(self, maskers: Sequence[Masker], seed: int) -> None:
        self.maskers, self.seed = maskers, seed

    def __call__(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch with its labels."""
        entropy = [self.seed, *batch["epoch"].tolist(), *batch["row"].tolist()]
        drawn = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1)
        generator = torch.Generator().manual_seed(int(drawn))
        for masker in self.maskers:
            batch = masker(batch, generator)
        return batch
