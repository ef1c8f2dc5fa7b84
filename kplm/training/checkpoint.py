"""When a run is saved, and how its file is written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from kplm.errors import CheckpointError


class LastCheckpoint(ModelCheckpoint):
    """Lightning's checkpoints, of which ``last`` is also the end of training where ``every_n_train_steps`` does not meet it."""

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``last`` once more, if it is older than the model."""
        if self.save_last:
            self.save(trainer)

    def save(self, trainer: Trainer) -> str:
        """Write ``last``, unless it is as new as the model; returns its path."""
        if self._last_global_step_saved != trainer.global_step:
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))
        return self.last_model_path


def newest_last(trainer: Trainer) -> Path | None:
    """The newest ``last`` of all runs that share the trainer's folder, or of the folder that is named for checkpoints."""
    root = Path(trainer.loggers[0].save_dir or "." if trainer.loggers else trainer.default_root_dir)
    named = [
        Path(one.dirpath) for one in trainer.checkpoint_callbacks if isinstance(one, ModelCheckpoint) and one.dirpath
    ]
    folders = [*named, root / "checkpoints", *root.glob("*/version_*/checkpoints")]
    found = [file for folder in folders for file in folder.glob("last*.ckpt")]
    return max(found, key=lambda file: file.stat().st_mtime_ns, default=None)


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint beside its place and moves it there, so that it is whole or the one before it stays."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write one file; places with a scheme, such as ``s3://``, are left to Lightning.

        Raises:
            CheckpointError: it cannot be written; nothing is left of it.
        """
        if "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        place = Path(path)
        part = place.with_name(f".{place.name}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, place)
        except (OSError, RuntimeError) as error:  # torch tells what went wrong with the file in a RuntimeError
            with suppress(OSError):
                part.unlink()
            raise CheckpointError(
                f"the checkpoint {place} could not be written: {_reason(error)}. The ones before it are whole. Make room, or choose "
                f"another place with trainer.default_root_dir, then go on with --ckpt_path and the last of them."
            ) from error


def _reason(error: BaseException) -> str:
    """What the operating system said, where it was asked."""
    known = error if isinstance(error, OSError) else error.__context__
    return str(known.strerror if isinstance(known, OSError) else error)
