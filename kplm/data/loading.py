"""Rows to batches, for every Lightning data module of this package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from kplm.data.batches import Drawn, LengthBatches, OwnShare
from kplm.errors import DataError, KplmError
from kplm.text.tokens import Ints

Collate = Callable[[Sequence[Any]], dict[str, Tensor]]


class Rows(Protocol):
    """Rows of fields, or what the collator takes for a row, that can be fetched in any order; in training with the epoch."""

    @property
    def lengths(self) -> Ints:
        """Tokens of each row, ``[R]``."""

    @property
    def positions(self) -> int:
        """Rows of the position table that the longest row needs."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int | tuple[int, int]) -> Any: ...


class LengthBatched(pl.LightningDataModule, ABC):
    """Batches by length, shared out between ranks, that stop and resume at any batch.

    Args:
        files: stage to file or folder.
        batch_tokens: most positions in a batch, padding included.
        batch_rows: most rows in a batch.
        workers: processes that collate; 0 collates in the training process.
        seed: fixes the order of the training rows, independent of every other seed.
    """

    def __init__(
        self, files: dict[str, str | None], batch_tokens: int, batch_rows: int, workers: int, seed: int
    ) -> None:
        super().__init__()
        self.files = files
        self.batch_tokens, self.batch_rows, self.workers, self.seed = batch_tokens, batch_rows, workers, seed
        self._rows: dict[str, Rows] = {}
        self._loader: StatefulDataLoader | None = None
        self._resume: dict[str, Any] | None = None

    @property
    @abstractmethod
    def collator(self) -> Collate:
        """What makes a batch of rows."""

    @property
    @abstractmethod
    def writes(self) -> frozenset[str]:
        """Batch fields this module provides."""

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Sizes of the encoder that these batches need, under the names of its config."""

    def suit(self, expects: Mapping[str, Any]) -> None:
        """Prepare pictures as the encoder expects them; nothing to do for texts alone.

        Args:
            expects: see :attr:`kplm.models.BaseEncoder.pictures`.

        Raises:
            KplmError: they were to be prepared in another way.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """How texts become batches, for the checkpoint."""

    @abstractmethod
    def read(self, name: str) -> Rows:
        """The rows of one stage: 'train', 'val', 'test' or 'predict'.

        Raises:
            DataError: its file is not given, or holds nothing that can be used.
        """

    @property
    def positions(self) -> int:
        """Rows of the position table that the rows read so far need."""
        return max((rows.positions for rows in self._rows.values()), default=0)

    def setup(self, stage: str) -> None:
        """Read the files of a stage; each file once."""
        names = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",), "predict": ("predict",)}[stage]
        for name in names:
            if name not in self._rows and (name != "val" or self.files["val"] is not None):
                self._rows[name] = self.read(name)

    def train_dataloader(self) -> StatefulDataLoader:
        """Batches by length whose order depends on ``seed`` and epoch alone; stops and resumes at any batch."""
        rows, (rank, ranks) = self._rows["train"], self._ranks()
        batches = Drawn(LengthBatches(rows.lengths, self.batch_tokens, self.batch_rows, self.seed, rank, ranks))
        self._loader = StatefulDataLoader(
            rows,  # type: ignore[arg-type]
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

    def _evaluation(self, name: str) -> DataLoader:
        rows, (rank, ranks) = self._rows[name], self._ranks()
        if len(rows) < ranks:
            raise DataError(f"{self.files[name]} has {len(rows)} examples for {ranks} processes; use fewer processes.")
        share = OwnShare(rows.lengths, 2 * self.batch_tokens, 2 * self.batch_rows, rank, ranks)
        return DataLoader(
            rows,  # type: ignore[arg-type]
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
