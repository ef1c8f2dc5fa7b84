"""A run that a test starts as a process of its own, which is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from kplm.data.annotate import Entities
from kplm.data.module import TextData
from kplm.data.sources import JsonLines
from kplm.heads import Classify
from kplm.hub import save_pretrained
from kplm.nn.pooling import Marked
from kplm.training import Finetune, Optimization
from kplm.training.callbacks import RandomState
from tests.conftest import tiny_ernie


class LossFile(Callback):
    """Every step's loss to the last bit, in a file; optionally the process dies after a step, as on a power cut."""

    def __init__(self, path: Path, die_after: int | None = None) -> None:
        self.path, self.die_after = path, die_after

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Write the step, its rows and its loss."""
        outputs, batch = args[1], args[2]
        with self.path.open("a") as file:
            file.write(f"{trainer.global_step} {batch['row'].tolist()} {outputs['loss'].item().hex()}\n")
        if trainer.global_step == self.die_after:
            os.kill(os.getpid(), signal.SIGKILL)


def data(files: dict[str, str], tokenizer: str, table: str, **options: Any) -> TextData:
    """Two classes, markers and entities."""
    return TextData(
        JsonLines(),
        tokenizer,
        annotators=[Entities(table)],
        markers={"mention": "$"},
        **{"batch_rows": 4, "max_length": 64, **files, **options},
    )


def model(dropout: float = 0.1) -> Finetune:
    """ERNIE-THU with dropout, a class for each of the two answers."""
    encoder = tiny_ernie(dropout=dropout, attention_dropout=dropout)
    return Finetune(encoder, Classify(Marked(1)), ["fr", "it"], Optimization(lr=1e-3, fresh_lr=1e-2))


def trainer(folder: Path, callbacks: list[Callback], **options: Any) -> pl.Trainer:
    """A quiet trainer that shares no rows out itself."""
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    defaults: dict[str, Any] = {"use_distributed_sampler": False, "accelerator": "cpu", "max_epochs": 2, **quiet}
    return pl.Trainer(default_root_dir=folder, callbacks=callbacks, **{**defaults, **options})


def saved(folder: Path, model: Finetune, data: TextData, epochs: int) -> tuple[Path, Path]:
    """Train; the checkpoint of the run, and the folder exported from the model."""
    training = trainer(folder, [], max_epochs=epochs, enable_checkpointing=False)
    training.fit(model, datamodule=data)
    training.save_checkpoint(folder / "model.ckpt")
    return folder / "model.ckpt", save_pretrained(model, folder / "model")


def fit(folder: Path, task: TextData, die_after: int | None = None, resume: str | None = None) -> Path:
    """Two epochs of ten steps with a checkpoint every two steps; returns the file of losses."""
    pl.seed_everything(7, verbose=False)
    saved = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=2, save_top_k=-1)
    losses = folder / "losses.txt"
    callbacks = [RandomState(), LossFile(losses, die_after), saved]
    trainer(folder, callbacks).fit(model(), datamodule=task, ckpt_path=resume, weights_only=True)
    return losses


def killed(folder: Path, die_after: int, **options: Any) -> None:
    """The run that dies."""
    fit(folder, data(**options), die_after)
