"""One number a text or pair of texts, such as how similar two sentences are."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.regression import PearsonCorrCoef, SpearmanCorrCoef

from kplm.fields import Batch
from kplm.heads.base import PooledHead, unrounded
from kplm.models import BaseEncoder


class Regress(PooledHead):
    """A linear map to one number, squared error; STS-B is learnt so, from 0 to 5 and not scaled (Devlin et al., 2019).

    The data come with ``data.task: number``. Pool and dropout are those of :class:`kplm.heads.Classify`.
    """

    reads = frozenset({"number"})
    headline = "pearson"
    named = False

    @property
    def logits(self) -> int:
        """See :class:`PooledHead`: the number."""
        return 1

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Tensor:
        """Score each text: ``[B]``."""
        pooled = self.dropout(self.pooled(encoder, batch))
        return unrounded(self.output, pooled)[:, 0]

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean squared error of ``[B]`` over the rows with a gold number."""
        known = torch.isfinite(batch["number"])
        error = logits[known].float() - batch["number"][known]
        return error.square().sum() / known.sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        """Pearson's and Spearman's correlation, the latter from the numbers of all rows; nan where all predictions are equal."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*save all targets and predictions.*")
            both: dict[str, Metric | MetricCollection] = {"pearson": PearsonCorrCoef(), "spearman": SpearmanCorrCoef()}
        for metric in both.values():
            metric.set_dtype(torch.float64)  # ranks add up to the same in any number
        return MetricCollection(both, compute_groups=False)

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """Rows without a gold number do not count."""
        known = torch.isfinite(batch["number"])
        if known.any():
            metrics.update(logits[known].double(), batch["number"][known].double())

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"score"}``: the number."""
        return [{"score": round(number, 6)} for number in logits.float().tolist()]
