"""Entity typing: every type that applies to a marked mention."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MultilabelExactMatch, MultilabelF1Score

from kplm.fields import Batch
from kplm.heads.base import PooledHead
from kplm.heads.metrics import LooseMacro
from kplm.nn.pooling import Pooling


class EntityType(PooledHead):
    """Independent logits for each type, binary cross-entropy (Zhang et al., 2019, section 4.3).

    Args:
        always: also predict the best type where no logit is positive, as the authors do on FIGER but not on OpenEntity.
        pool: as in :class:`kplm.heads.Classify`.
        dropout: probability before the linear map.
    """

    reads = frozenset({"labels"})
    headline = "f1_micro_loose"
    bias = False

    def __init__(self, always: bool = False, pool: Pooling | None = None, dropout: float = 0.1) -> None:
        super().__init__(pool, dropout)
        self.always = always
        self.init_args = {"always": always, "pool": pool, "dropout": dropout}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean binary cross-entropy over rows and types, ``[B, C]``."""
        return F.binary_cross_entropy_with_logits(logits.float(), batch["labels"])

    def metrics(self) -> MetricCollection:
        """Strict accuracy, loose macro and loose micro F1 (Ling and Weld, 2012)."""
        classes = len(self.names)
        return MetricCollection(
            {
                "strict": MultilabelExactMatch(classes),
                "f1_macro_loose": LooseMacro(),
                "f1_micro_loose": MultilabelF1Score(classes, average="micro"),
            },
            compute_groups=False,
        )

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """Compare sets of types."""
        metrics.update(self._chosen(logits).int(), batch["labels"].int())

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"labels", "scores"}``: the chosen types and the probabilities of the five likeliest."""
        chosen, ranked = self._chosen(logits).tolist(), self.ranked(logits.float().sigmoid())
        names = [[name for name, on in zip(self.names, row) if on] for row in chosen]
        return [{"labels": own, "scores": scores} for own, scores in zip(names, ranked)]

    def _chosen(self, logits: Tensor) -> Tensor:
        chosen = logits > 0
        if self.always:
            best = F.one_hot(logits.argmax(-1), logits.shape[-1]).bool()
            chosen = torch.logical_or(chosen, best & ~chosen.any(-1, keepdim=True))
        return chosen
