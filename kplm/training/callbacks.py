"""Callbacks: random state for exact resume, tokens per second, predictions to a file."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import BasePredictionWriter, Callback

from kplm.errors import KplmError


class RandomState(Callback):
    """Saves and restores the random generators of every rank, which Lightning's checkpoints leave out.

    With a data loader that resumes at the next batch, a run that was killed continues exactly as if it had not been.
    """

    def __init__(self) -> None:
        self._restored: list[dict[str, Any]] | None = None

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Gather the state of all ranks into the checkpoint."""
        states: list[Any] = [None] * trainer.world_size
        if trainer.world_size > 1:
            torch.distributed.all_gather_object(states, random_state())
        else:
            states = [random_state()]
        checkpoint["random_states"] = states

    def on_load_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the states until training starts: what runs before it draws numbers too."""
        self._restored = checkpoint.get("random_states")

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Restore this rank's state once, just before the first batch."""
        self._restore(trainer)

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        """The same in the middle of an epoch, where Lightning announces no start of an epoch."""
        self._restore(trainer)

    def _restore(self, trainer: pl.Trainer) -> None:
        if self._restored is None:
            return
        if len(self._restored) != trainer.world_size:
            raise KplmError(
                f"the checkpoint was written by {len(self._restored)} processes and cannot be resumed exactly by "
                f"{trainer.world_size}. Use as many, or start a new run from its weights."
            )
        set_random_state(self._restored[trainer.global_rank])
        self._restored = None


def random_state() -> dict[str, Any]:
    """The state of Python's, NumPy's and torch's generators, in types a weights-only checkpoint may hold."""
    version, numbers, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state()  # type: ignore[misc]  # noqa: NPY002
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """The inverse of :func:`random_state`."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


class Throughput(Callback):
    """Real tokens per second, padding not counted, in the progress bar and the logs."""

    def __init__(self) -> None:
        self._started, self._tokens = 0.0, 0

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Start the clock."""
        self._started, self._tokens = time.perf_counter(), 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch."""
        self._tokens += int((batch["document"] != 0).sum())
        rate = self._tokens / max(time.perf_counter() - self._started, 1e-9)
        module.log("tokens_per_s", rate, prog_bar=True, batch_size=1)


class PredictionFile(BasePredictionWriter):
    """Writes one JSON line an input, in input order, from any number of ranks; the file appears only when it is whole.

    Args:
        path: the JSON lines file to write.
    """

    def __init__(self, path: str) -> None:
        super().__init__(write_interval="epoch")
        self.path = Path(path)

    def setup(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        stage: Literal["fit", "validate", "test", "predict"] | str,
    ) -> None:
        """Fail before the work, not after it, when the file cannot be written."""
        if stage == "predict":
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._part(trainer.global_rank).touch()
            except OSError as error:
                raise KplmError(
                    f"predictions cannot be written to {self.path}: {error}. Choose another file."
                ) from error

    def write_on_epoch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, predictions: Sequence[Any], batch_indices: Sequence[Any]
    ) -> None:
        """Write this rank's part; rank 0 merges all parts by row."""
        found = [answer for batch in predictions for answer in batch]
        self._part(trainer.global_rank).write_text(
            "".join(f"{json.dumps(answer, ensure_ascii=False)}\n" for answer in found)
        )
        trainer.strategy.barrier()
        if trainer.global_rank == 0:
            self._merge(trainer)
        trainer.strategy.barrier()  # no process goes on before the file is there

    def _merge(self, trainer: pl.Trainer) -> None:
        parts = [self._part(rank) for rank in range(trainer.world_size)]
        answers = dict(json.loads(line) for part in parts for line in part.read_text().splitlines())
        ordered = trainer.datamodule.answers(answers)  # type: ignore[attr-defined]
        whole = self._part(0)
        whole.write_text("".join(f"{json.dumps(answer, ensure_ascii=False)}\n" for answer in ordered))
        os.replace(whole, self.path)
        for part in parts[1:]:
            part.unlink()

    def _part(self, rank: int) -> Path:
        return self.path.with_name(f".{self.path.name}.{rank}.part")
