"""A run that is asked to stop ends behind a step, with a checkpoint from which it goes on exactly."""

from __future__ import annotations

import signal
import threading
from math import inf
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.environments import LightningEnvironment

from kplm.errors import ProcessLost, Terminated
from kplm.training.checkpoint import LastCheckpoint

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Termination(Checkpoint):
    """On SIGTERM or Ctrl-C all processes finish the step they are in, save ``last``, and raise :class:`kplm.errors.Terminated`.

    It is enough that one of them gets the signal. Where validation is due it comes first, as it would be left out by the run that goes
    on. A second Ctrl-C does not wait. A checkpoint in Lightning's order of callbacks: it comes after those that do something.
    """

    def __init__(self) -> None:
        self._asked, self._step = 0, 0
        self._before: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen, in Lightning's place, which would stop in the middle of a step; a thread cannot."""
        self._asked, self._step = 0, trainer.global_step
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop, if any process was asked to; not between the batches of a step."""
        stepped, self._step = trainer.global_step != self._step, trainer.global_step
        scored = trainer.is_last_batch or (batch_idx + 1) % (trainer.val_check_batch or inf) == 0
        if stepped and not scored:
            self._stop_if_asked(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same behind the validation of an epoch."""
        self._stop_if_asked(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop listening."""
        self._deaf()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop listening, and say so where the reason is that another process is gone."""
        self._deaf()
        if _lost(exception):
            exception.__cause__ = ProcessLost(trainer.global_step, _last(trainer))

    def _ask(self, number: int, frame: Any) -> None:
        self._asked = number
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)

    def _deaf(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _stop_if_asked(self, trainer: Trainer) -> None:
        if not trainer.strategy.reduce_boolean_decision(bool(self._asked), all=False):
            return
        saved = next((one for one in trainer.checkpoint_callbacks if isinstance(one, LastCheckpoint)), None)
        path = saved.save(trainer) if saved is not None else None
        raise Terminated(trainer.global_step, path, self._status(trainer), told=trainer.is_global_zero)

    def _status(self, trainer: Trainer) -> int:
        """That of a process the signal ended; 0 for one Lightning started itself, which would else kill the first in its last moments."""
        environment = trainer.strategy.cluster_environment if trainer.world_size > 1 else None  # type: ignore[attr-defined]
        if trainer.local_rank and isinstance(environment, LightningEnvironment):
            return 0
        return 128 + (self._asked or signal.SIGTERM)


def _last(trainer: Trainer) -> str:
    """The newest ``last`` of this run, or nothing."""
    return next((one.last_model_path for one in trainer.checkpoint_callbacks if isinstance(one, LastCheckpoint)), "")


def _lost(error: BaseException) -> bool:
    """Whether a collective failed: NCCL's errors have a class, gloo's say where they come from."""
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return False
    return isinstance(error, torch.distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))
