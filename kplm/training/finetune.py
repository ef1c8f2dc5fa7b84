"""Fine-tuning: one encoder, one head, any task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, MetricCollection

from kplm.errors import KplmError, MissingFieldError
from kplm.fields import Batch
from kplm.heads import Head
from kplm.models import BaseEncoder
from kplm.spec import class_path, to_spec
from kplm.training.optim import Optimization, parameter_groups

FITS = {
    "vocab_size": "Set data.tokenizer to the tokenizer of these weights.",
    "positions": "Lower data.max_length.",
    "entity_width": "Use a table of that width, or start the model with model.encoder.init_args.entity_width.",
}
"""What to do when data and encoder differ in a size."""


class Finetune(pl.LightningModule):
    """Train a head and the encoder under it.

    Args:
        encoder: maps a batch to states ``[B, L, D]``.
        head: scores the states; built here for the encoder and the classes.
        labels: class names in the order of the logits; the command line fills them in from the data.
        optimization: learning rates, decay and schedule.
        compile: run the encoder through ``torch.compile``.
    """

    def __init__(
        self,
        encoder: BaseEncoder,
        head: Head,
        labels: Sequence[str] = (),
        optimization: Optimization = Optimization(),  # noqa: B008 (frozen)
        compile: bool = False,
    ) -> None:
        super().__init__()
        head.build(encoder, labels)
        self.encoder, self.head, self.optimization, self.compiled = encoder, head, optimization, compile
        self.text: dict[str, Any] | None = None
        self.val_scores, self.test_scores = head.metrics(), head.metrics()
        self.val_loss, self.test_loss = MeanMetric(), MeanMetric()
        self.save_hyperparameters(ignore=["encoder", "head", "optimization"])
        self.save_hyperparameters({"optimization": asdict(optimization)})  # plain values: loading runs no code

    @property
    def reads(self) -> dict[str, frozenset[str]]:
        """Batch fields each part needs."""
        return {type(self.encoder).__name__: self.encoder.reads, type(self.head).__name__: self.head.reads}

    @property
    def monitor(self) -> str:
        """The validation score that picks the best checkpoint; higher is better."""
        return f"val/{self.head.headline}"

    def forward(self, batch: Batch) -> Tensor:
        """Logits of the head, C classes on the last axis."""
        return self.head(self.encoder, batch)

    def setup(self, stage: str) -> None:
        """Check that data and model fit each other, and compile if asked.

        Raises:
            MissingFieldError: the data lacks a field that a part reads.
            KplmError: the data needs another size of the encoder.
        """
        module = getattr(self.trainer, "datamodule", None)
        if module is not None:
            written = module.writes
            for reader, fields in self.reads.items():
                for field in sorted(fields - written):
                    raise MissingFieldError(reader, field, written)
            self._check_sizes(module.sizes)
        if self.compiled:
            self.encoder.compile()

    def _check_sizes(self, needed: Mapping[str, int]) -> None:
        for name, need in needed.items():
            have = getattr(self.encoder.config, name, need)
            if need > have or (name.endswith("width") and need != have):
                raise KplmError(
                    f"the data needs {name}={need}, but this {type(self.encoder).__name__} has {name}={have}. "
                    f"{FITS.get(name, 'Make them equal.')}"
                )

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The head's loss on one batch.

        Raises:
            KplmError: the loss is not finite.
        """
        loss = self.head.loss(self(batch), batch)
        if index % self._log_every == 0 and not torch.isfinite(loss):
            raise KplmError(
                f"the training loss is {loss.item()} at step {self.global_step}. Lower model.optimization.lr, or set "
                f"trainer.gradient_clip_val."
            )
        self.log("train/loss", loss.detach(), batch_size=len(batch["input_ids"]), prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Update the validation scores."""
        self._evaluate(batch, self.val_loss, self.val_scores)

    def test_step(self, batch: Batch, index: int) -> None:
        """Update the test scores."""
        self._evaluate(batch, self.test_loss, self.test_scores)

    def on_validation_epoch_end(self) -> None:
        """Log and reset the validation scores, summed over all ranks."""
        self._report("val", self.val_loss, self.val_scores)

    def on_test_epoch_end(self) -> None:
        """Log and reset the test scores, summed over all ranks."""
        self._report("test", self.test_loss, self.test_scores)

    def predict_step(self, batch: Batch, index: int) -> list[tuple[int, dict[str, Any]]]:
        """``(row, answer)`` for each row of the batch."""
        return list(zip(batch["row"].tolist(), self.head.decode(self(batch), batch)))

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip here for a fused optimizer, which Lightning refuses although without loss scaling nothing speaks against it."""
        if not gradient_clip_val or not self._fused:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            nn.utils.clip_grad_value_(self.parameters(), gradient_clip_val)
        else:
            nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    @property
    def _log_every(self) -> int:
        return max(1, self.trainer.log_every_n_steps)  # type: ignore[attr-defined]

    @property
    def _fused(self) -> bool:
        """Whether the fused kernel may be used: not with loss scaling, not with parameters sharded by FSDP."""
        return self.trainer.precision != "16-mixed" and "FSDP" not in type(self.trainer.strategy).__name__

    def configure_optimizers(self) -> Any:
        """AdamW with warm-up; the schedule spans ``trainer.estimated_stepping_batches``."""
        fresh = ["head.", *(f"encoder.{name}" for name in self.encoder.fresh)]
        groups = parameter_groups(self, fresh, self.optimization)
        return self.optimization.build(groups, int(self.trainer.estimated_stepping_batches), self._fused)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what rebuilds this model without its config or its pretrained weights, see :func:`kplm.load`."""
        checkpoint["kplm"] = self.describe()

    def describe(self) -> dict[str, Any]:
        """The parts, the classes and the data module's text side, as JSON."""
        module = getattr(self._trainer, "datamodule", None) if self._trainer is not None else None
        return {
            "encoder": {"class_path": class_path(self.encoder), "config": to_spec(self.encoder.config)},
            "head": to_spec(self.head),
            "labels": list(self.head.names),
            "text": module.describe() if module is not None else self.text,
        }

    def _evaluate(self, batch: Batch, loss: MeanMetric, scores: MetricCollection) -> None:
        logits = self(batch)
        loss.update(self.head.loss(logits, batch), len(batch["input_ids"]))
        self.head.score(scores, logits, batch)

    def _report(self, stage: str, loss: MeanMetric, scores: MetricCollection) -> None:
        self.log(f"{stage}/loss", loss.compute(), prog_bar=True)
        for name, value in scores.compute().items():
            self.log(f"{stage}/{name}", value, prog_bar=name == self.head.headline)
        loss.reset()
        scores.reset()
