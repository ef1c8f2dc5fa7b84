"""What pretraining and fine-tuning share: the fit of data and model, the optimizer, what a checkpoint remembers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor
from torchmetrics import Metric

from kplm.errors import KplmError, MissingFieldError
from kplm.models import BaseEncoder
from kplm.training.optim import Optimization, clip, parameter_groups
from kplm.training.sharding import Sharded, is_sharded, refuse, shard

FITS = {
    "vocab_size": "Set data.tokenizer to the tokenizer of these weights.",
    "positions": "Lower data.max_length.",
    "entity_width": "Use a table of that width, or start the model with model.encoder.init_args.entity_width.",
    "feature_width": "Use region features of that width, or start the model with model.encoder.init_args.feature_width.",
    "region_classes": "Start the model with model.encoder.init_args.region_classes.",
    "aspects": "Give the annotator of roles and model.encoder.init_args the same aspects.",
    "tag_rows": "Give the annotator of roles the inventory of this model; a new model has it from model.encoder.init_args.tags.",
    "entity_rows": "Start the model's own table from the table that data.annotators names.",
}
"""What to do when data and encoder differ in a size."""
EQUAL = ("width", "rows", "classes", "aspects")
"""Sizes that must be the same; of the others the encoder may have more."""


class Training(pl.LightningModule, ABC):
    """An encoder under something that has a loss.

    Args:
        encoder: maps a batch to states ``[B, L, D]``.
        optimization: learning rates, decay and schedule.
        compile: run the encoder through ``torch.compile``: once, for batches of all shapes; pays on a GPU, and needs a C++ compiler on a CPU.
    """

    monitor: str
    """The validation score that picks the best checkpoint."""
    mode: Literal["min", "max"]
    """Whether that score should be small or large."""

    def __init__(self, encoder: BaseEncoder, optimization: Optimization, compile: bool) -> None:
        super().__init__()
        self.encoder, self.optimization, self.compiled = encoder, optimization, compile
        self.text: dict[str, Any] | None = None
        self.save_hyperparameters({"optimization": asdict(optimization), "compile": compile})  # loading runs no code

    @property
    @abstractmethod
    def reads(self) -> Mapping[str, frozenset[str]]:
        """Batch fields each part needs."""

    @property
    @abstractmethod
    def fresh(self) -> Iterable[str]:
        """Names, or beginnings of names, of the weights that started at random."""

    @abstractmethod
    def parts(self) -> dict[str, Any]:
        """What stands on the encoder, as JSON."""

    def setup(self, stage: str) -> None:
        """Check that data and model fit each other, and compile if asked.

        Raises:
            MissingFieldError: the data lacks a field that a part reads.
            KplmError: the data needs another size of the encoder, or prepares pictures as its network does not expect them.
        """
        module = getattr(self.trainer, "datamodule", None)
        if module is not None:
            written = module.writes
            for reader, fields in self.reads.items():
                for field in sorted(fields - written):
                    raise MissingFieldError(reader, field, written)
            self._check_sizes(module.sizes)
            module.suit(self.encoder.pictures)
        if self.compiled:
            self.encoder.compile(dynamic=True)  # batches have many shapes

    def configure_model(self) -> None:
        """Share the weights out among all processes, where ``trainer.strategy`` is ``sharded``.

        Raises:
            KplmError: the model cannot be shared out, or another kind of FSDP is asked for.
        """
        refuse(self.trainer.strategy)
        if isinstance(self.trainer.strategy, Sharded) and not is_sharded(self):
            shard(self, self.device_mesh["data_parallel"])  # type: ignore[index]

    def on_validation_epoch_start(self) -> None:
        """Forget earlier scores here, not where they are logged: what Lightning's inference mode makes cannot be updated in training."""
        self._forget_scores()

    def on_test_epoch_start(self) -> None:
        """The same for those of a test."""
        self._forget_scores()

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip here for a fused optimizer, which Lightning refuses although without loss scaling nothing speaks against it."""
        if gradient_clip_val and self._fused:
            clip(self.parameters(), gradient_clip_val, gradient_clip_algorithm or "norm")
        else:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> Any:
        """AdamW with warm-up; the schedule spans ``trainer.estimated_stepping_batches``."""
        groups = parameter_groups(self, self.fresh, self.optimization)
        return self.optimization.build(groups, int(self.trainer.estimated_stepping_batches), self._fused)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what rebuilds this model without its config or its pretrained weights, see :func:`kplm.load`."""
        checkpoint["kplm"] = self.describe()

    def describe(self) -> dict[str, Any]:
        """The parts and the data module's text side, as JSON."""
        module = getattr(self._trainer, "datamodule", None) if self._trainer is not None else None
        return {
            "encoder": self.encoder.describe(),
            **self.parts(),
            "text": module.describe() if module is not None else self.text,
        }

    def finite(self, loss: Tensor, index: int) -> Tensor:
        """The loss, looked at now and then.

        Raises:
            KplmError: it is not finite.
        """
        every = max(1, self.trainer.log_every_n_steps)  # type: ignore[attr-defined]
        if index % every == 0 and not torch.isfinite(loss):
            raise KplmError(
                f"the training loss is {loss.item()} at step {self.global_step}. Lower model.optimization.lr, or set "
                f"trainer.gradient_clip_val."
            )
        return loss

    @property
    def _fused(self) -> bool:
        """Whether the fused kernel may be used: not with loss scaling, not with weights that are shared out."""
        return self.trainer.precision != "16-mixed" and not isinstance(self.trainer.strategy, Sharded)

    def _forget_scores(self) -> None:
        for part in self.modules():
            if isinstance(part, Metric):
                part.reset()

    def _check_sizes(self, needed: Mapping[str, int]) -> None:
        for name, need in needed.items():
            have = getattr(self.encoder.config, name, need) or need  # 0 says: there is none, so any fits
            if need > have or (name.endswith(EQUAL) and need != have):
                raise KplmError(
                    f"the data needs {name}={need}, but this {type(self.encoder).__name__} has {name}={have}. "
                    f"{FITS.get(name, 'Make them equal.')}"
                )
