"""Fine-tuning: one encoder, one head, any task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection

from kplm.fields import Batch
from kplm.heads import Head
from kplm.models import BaseEncoder
from kplm.spec import to_spec
from kplm.training.base import Training
from kplm.training.optim import Optimization


class Finetune(Training):
    """Train a head and the encoder under it.

    Args:
        encoder: maps a batch to states ``[B, L, D]``.
        head: scores the states; built here for the encoder and the classes.
        labels: class names in the order of the logits; the command line fills them in from the data.
        optimization: learning rates, decay and schedule.
        compile: run the encoder through ``torch.compile``: once, for batches of all shapes; pays on a GPU, and needs a C++ compiler on a CPU.
        train_encoder: False trains the head alone, on what a frozen encoder without dropout tells it: a probe of the encoder.
    """

    mode: Literal["min", "max"] = "max"

    def __init__(
        self,
        encoder: BaseEncoder,
        head: Head,
        labels: Sequence[str] = (),
        optimization: Optimization = Optimization(),  # noqa: B008 (frozen)
        compile: bool = False,
        train_encoder: bool = True,
    ) -> None:
        super().__init__(encoder, optimization, compile)
        head.build(encoder, labels)
        self.head, self.train_encoder = head, train_encoder
        if not train_encoder:
            encoder.requires_grad_(False).eval()
        self.val_scores, self.test_scores = head.metrics(), head.metrics()
        self.val_loss, self.test_loss = MeanMetric(), MeanMetric()
        self.save_hyperparameters({"labels": list(labels), "train_encoder": train_encoder})

    @property
    def reads(self) -> Mapping[str, frozenset[str]]:
        """Batch fields each part needs."""
        return {type(self.encoder).__name__: self.encoder.reads, type(self.head).__name__: self.head.reads}

    @property
    def monitor(self) -> str:  # type: ignore[override]
        """The validation score that picks the best checkpoint; higher is better."""
        return f"val/{self.head.headline}"

    @property
    def fresh(self) -> list[str]:
        """The head, and what the encoder's checkpoint lacked."""
        return ["head.", *(f"encoder.{name}" for name in self.encoder.fresh)]

    def parts(self) -> dict[str, Any]:
        """The head and its classes, as JSON."""
        return {"head": to_spec(self.head), "labels": list(self.head.names)}

    def train(self, mode: bool = True) -> Finetune:
        """Switch dropout; a frozen encoder keeps it off."""
        super().train(mode)
        if not self.train_encoder:
            self.encoder.eval()
        return self

    def setup(self, stage: str) -> None:
        """Check that data and model fit each other, and let the head begin; a checkpoint that is resumed comes later.

        Raises:
            MissingFieldError: the data lacks a field that a part reads.
            KplmError: the data needs another size of the encoder.
        """
        super().setup(stage)
        module = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and module is not None:
            self.head.begin(self.encoder, module.pieces)

    def forward(self, batch: Batch) -> Tensor:
        """Logits of the head, C classes on the last axis."""
        return self._logits(batch)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The head's loss on one batch.

        Raises:
            KplmError: the loss is not finite.
        """
        loss = self.finite(self.head.loss(self._logits(batch), batch), index)
        self.log("train/loss", loss.detach(), batch_size=len(batch["input_ids"]), prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Update the validation scores."""
        self._evaluate(batch, self.val_loss, self.val_scores)

    def test_step(self, batch: Batch, index: int) -> None:
        """Update the test scores."""
        self._evaluate(batch, self.test_loss, self.test_scores)

    def on_validation_epoch_end(self) -> None:
        """Log the validation scores, summed over all ranks."""
        self._report("val", self.val_loss, self.val_scores)

    def on_test_epoch_end(self) -> None:
        """Log the test scores, summed over all ranks."""
        self._report("test", self.test_loss, self.test_scores)

    def predict_step(self, batch: Batch, index: int) -> list[tuple[int, dict[str, Any]]]:
        """``(row, answer)`` for each row of the batch."""
        return list(zip(batch["row"].tolist(), self.head.decode(self._logits(batch), batch)))

    def _logits(self, batch: Batch) -> Any:
        """The forward pass, for steps: FSDP gathers weights around a step, and would put them away behind a call of the module in it."""
        return self.head(self.encoder, batch)

    def _evaluate(self, batch: Batch, loss: MeanMetric, scores: MetricCollection) -> None:
        logits = self._logits(batch)
        loss.update(self.head.loss(logits, batch), len(batch["input_ids"]))
        self.head.score(scores, logits, batch)

    def _report(self, stage: str, loss: MeanMetric, scores: MetricCollection) -> None:
        self.log(f"{stage}/loss", loss.compute(), prog_bar=True)
        for name, value in scores.compute().items():
            self.log(f"{stage}/{name}", value, prog_bar=name == self.head.headline)
