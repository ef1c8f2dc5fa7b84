"""Pretraining: one encoder, one objective, a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor
from torchmetrics import MetricCollection

from kplm.fields import Batch
from kplm.models import BaseEncoder
from kplm.objectives import Objective
from kplm.spec import to_spec
from kplm.training.base import Training
from kplm.training.optim import Optimization


class Pretrain(Training):
    """Run one objective on one encoder; every decision lives in those two parts.

    Args:
        encoder: maps a batch to states ``[B, L, D]``.
        objective: maps encoder and batch to losses, such as a weighted sum of terms; built here for the encoder.
        optimization: learning rates, decay and schedule.
        compile: run the encoder through ``torch.compile``: once, for batches of all shapes; pays on a GPU, and needs a C++ compiler on a CPU.
    """

    monitor = "val/loss"
    mode: Literal["min", "max"] = "min"

    def __init__(
        self,
        encoder: BaseEncoder,
        objective: Objective,
        optimization: Optimization = Optimization(),  # noqa: B008 (frozen)
        compile: bool = False,
    ) -> None:
        super().__init__(encoder, optimization, compile)
        objective.build(encoder)
        self.objective = objective
        self.val_scores, self.test_scores = objective.metrics(), objective.metrics()

    @property
    def reads(self) -> Mapping[str, frozenset[str]]:
        """Batch fields each part needs."""
        return {type(self.encoder).__name__: self.encoder.reads, **self.objective.reads}

    @property
    def fresh(self) -> list[str]:
        """What the checkpoint lacked, in the encoder and in the heads of the objective."""
        heads = (f"objective.{name}" for name in self.objective.fresh)
        return [*heads, *(f"encoder.{name}" for name in self.encoder.fresh)]

    def parts(self) -> dict[str, Any]:
        """The objective, as JSON."""
        return {"objective": to_spec(self.objective)}

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The objective's loss on one batch.

        Raises:
            KplmError: the loss is not finite.
        """
        losses = self.objective(self.encoder, batch)
        self.finite(losses["loss"], index)
        size = len(batch["input_ids"])
        for name, loss in losses.items():
            self.log(f"train/{name}", loss.detach(), batch_size=size, prog_bar=True)
        return losses["loss"]

    def validation_step(self, batch: Batch, index: int) -> None:
        """Update the validation scores."""
        self.objective.score(self.val_scores, self.encoder, batch)

    def test_step(self, batch: Batch, index: int) -> None:
        """Update the test scores."""
        self.objective.score(self.test_scores, self.encoder, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the validation scores, summed over all ranks."""
        self._report("val", self.val_scores)

    def on_test_epoch_end(self) -> None:
        """Log the test scores, summed over all ranks."""
        self._report("test", self.test_scores)

    def _report(self, stage: str, scores: MetricCollection) -> None:
        for name, value in self.objective.report(scores).items():
            self.log(f"{stage}/{name}", value, prog_bar=name == "loss")
