"""One class a text or pair of texts."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from kplm.fields import IGNORE, Batch
from kplm.heads.base import PooledHead, labelled


class Classify(PooledHead):
    """Softmax over the classes, cross-entropy (Devlin et al., 2019, section 4.1)."""

    reads = frozenset({"label"})
    headline = "accuracy"

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean cross-entropy of ``[B, C]`` over the rows with a gold label."""
        gold = batch["label"]
        total = F.cross_entropy(logits.float(), gold, ignore_index=IGNORE, reduction="sum")
        return total / labelled(batch, "label", IGNORE).sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        """Accuracy and macro F1."""
        classes = len(self.names)
        return MetricCollection(
            {
                "accuracy": MulticlassAccuracy(classes, average="micro", ignore_index=IGNORE),
                "f1_macro": MulticlassF1Score(classes, average="macro", ignore_index=IGNORE),
            }
        )

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """Compare the best class with the gold one."""
        metrics.update(logits.argmax(-1), batch["label"])

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"label", "score", "scores"}`` with probabilities of the five best classes."""
        ranked = self.ranked(logits.float().softmax(-1))
        return [{"label": next(iter(row)), "score": next(iter(row.values())), "scores": row} for row in ranked]
