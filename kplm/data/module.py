"""The Lightning data module of every text task."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset
from torchdata.stateful_dataloader import StatefulDataLoader

from kplm.data.annotate import Annotator, Knowledge
from kplm.data.batches import LengthBatches, OwnShare
from kplm.data.collate import Collator
from kplm.data.encode import Row, TextEncoder, answered, unlabelled
from kplm.data.example import Example
from kplm.data.sources import JsonLines, PlainText, Source
from kplm.data.targets import ClassTargets, SetTargets, TagTargets, Targets
from kplm.errors import DataError, KplmError
from kplm.locate import locate
from kplm.text import Tokenizer

log = logging.getLogger(__name__)
Task = Literal["class", "set", "tags"]
TARGETS: dict[str, type[Targets]] = {"class": ClassTargets, "set": SetTargets, "tags": TagTargets}


class Rows(Dataset[Row]):
    """Encoded examples in memory."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.lengths = [len(row["input_ids"]) for row in rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]


class TextData(pl.LightningDataModule):
    """Files to batches: read, link, mark, cut, encode, batch by length.

    Args:
        source: how ``train``, ``val`` and ``test`` are written.
        tokenizer: folder, file or name whose tokenizer.json or vocab.txt is used; the same as the encoder's.
        task: 'class' (one class an example), 'set' (any number) or 'tags' (one tag a word).
        train: training file.
        val: validation file.
        test: test file.
        predict: texts to predict: kplm's JSON lines, or one text a line in a .txt file.
        labels: class names, or a file with one name a line; by default the sorted names of the training file.
        annotators: knowledge sources.
        knowledge: 'on', 'off', or 'shuffled' (right shape, wrong facts), for all annotators alike.
        markers: role of a marked span to the string written around it.
        max_length: longest row in tokens; longer texts are cut.
        batch_tokens: most positions in a batch, padding included.
        batch_rows: most rows in a batch.
        workers: processes that collate; 0 collates in the training process.
        seed: fixes the order of the training rows, independent of every other seed.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: str,
        task: Task = "class",
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        predict: str | None = None,
        labels: str | list[str] | None = None,
        annotators: list[Annotator] | None = None,
        knowledge: Knowledge = "on",
        markers: dict[str, str] | None = None,
        max_length: int = 256,
        batch_tokens: int = 2048,
        batch_rows: int = 32,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.source, self.task = source, task
        self.files = {"train": train, "val": val, "test": test, "predict": predict}
        self.labels, self.knowledge = labels, knowledge
        self.batch_tokens, self.batch_rows, self.workers, self.seed = batch_tokens, batch_rows, workers, seed
        self.text = TextEncoder(Tokenizer.from_file(locate(tokenizer)), annotators or [], markers, max_length)
        for annotator in self.text.annotators:
            annotator.switch(knowledge)
        self._rows: dict[str, Rows] = {}
        self._loader: StatefulDataLoader | None = None
        self._resume: dict[str, Any] | None = None

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The classes, in the order of the logits."""
        if isinstance(self.labels, str):
            return tuple(line for line in Path(self.labels).read_text(encoding="utf-8").splitlines() if line)
        return tuple(self.labels) if self.labels else TARGETS[self.task].of(self.examples("train"))

    @property
    def writes(self) -> frozenset[str]:
        """Batch fields this module provides."""
        return self.text.writes | TARGETS[self.task].writes

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the encoder that these batches need, under the names of its config."""
        longest = max((max(rows.lengths) for rows in self._rows.values()), default=0)
        found = {"vocab_size": len(self.text.tokenizer), "positions": longest}
        for annotator in self.text.annotators:
            found |= annotator.sizes
        return found

    def examples(self, stage: str) -> list[Example]:
        """The examples of one file.

        Raises:
            DataError: no file is given for the stage, or it holds no example.
        """
        path = self.files[stage]
        if path is None:
            raise DataError(f"data.{stage} names no file; give one, for example --data.init_args.{stage} FILE.")
        source = self.source
        if stage == "predict":
            source = PlainText() if path.endswith(".txt") else JsonLines()
        found = list(source.read(path))
        if not found:
            raise DataError(f"{path} holds no example.")
        return self.text.with_words(found) if stage == "predict" and self.task == "tags" else found

    def setup(self, stage: str) -> None:
        """Read and encode the files of a stage; each file once."""
        names = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",), "predict": ("predict",)}[stage]
        for name in names:
            if name not in self._rows and (name != "val" or self.files["val"] is not None):
                self._rows[name] = self._encode(name)

    def train_dataloader(self) -> StatefulDataLoader:
        """Batches by length whose order depends on ``seed`` and epoch alone; stops and resumes at any batch."""
        rows, (rank, ranks) = self._rows["train"], self._ranks()
        batches = LengthBatches(rows.lengths, self.batch_tokens, self.batch_rows, self.seed, rank, ranks)
        self._loader = StatefulDataLoader(
            rows,
            batch_sampler=batches,
            collate_fn=self.collator,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            generator=torch.Generator(),  # leaves the global one alone, which exact resume restores
        )
        if self._resume is not None:
            self._loader.load_state_dict(self._resume)
            self._resume = None
        return self._loader

    def state_dict(self) -> dict[str, Any]:
        """Where the training batches are, for the checkpoint."""
        return {} if self._loader is None else {"train": self._loader.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Train on from the batch after the checkpoint.

        Lightning restores loaders too, but not those it opened before to count the steps of the learning rate's schedule.
        """
        if self.trainer is not None and self.trainer.state.fn == "fit":
            self._resume = state_dict.get("train")

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Every row once over all ranks; no loader where no file is given."""
        return self._evaluation("val") if "val" in self._rows else []

    def test_dataloader(self) -> DataLoader:
        """Every row once over all ranks."""
        return self._evaluation("test")

    def predict_dataloader(self) -> DataLoader:
        """Every row once over all ranks."""
        return self._evaluation("predict")

    def answers(self, found: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
        """Predictions by row, in input order, ready to write as JSON lines."""
        examples = self.examples("predict")
        return [answered(examples[row], found[row]) for row in sorted(found)]

    def describe(self) -> dict[str, Any]:
        """How texts become batches, for the checkpoint."""
        return {"task": self.task, **self.text.describe()}

    @property
    def collator(self) -> Collator:
        """What makes a batch of rows."""
        return Collator([annotator.complete for annotator in self.text.annotators])

    def _encode(self, name: str) -> Rows:
        examples = self.examples(name)
        log.info(f"{name}: {len(examples):,} examples from {self.files[name]}")
        self.text.targets = TARGETS[self.task]([] if name == "predict" else self.label_names)
        return Rows(self.text(unlabelled(examples) if name == "predict" else examples))

    def _evaluation(self, name: str) -> DataLoader:
        rows, (rank, ranks) = self._rows[name], self._ranks()
        if len(rows) < ranks:
            raise DataError(f"{self.files[name]} has {len(rows)} examples for {ranks} processes; use fewer processes.")
        share = OwnShare(rows.lengths, 2 * self.batch_tokens, 2 * self.batch_rows, rank, ranks)
        return DataLoader(
            rows,
            batch_sampler=share,
            collate_fn=self.collator,
            num_workers=self.workers,
            generator=torch.Generator(),
        )

    def _ranks(self) -> tuple[int, int]:
        if self.trainer is None or self.trainer.world_size == 1:
            return 0, 1
        if self.trainer._accelerator_connector.use_distributed_sampler:
            raise KplmError(
                "this data module shares rows between processes itself: set trainer.use_distributed_sampler: false."
            )
        return self.trainer.global_rank, self.trainer.world_size
