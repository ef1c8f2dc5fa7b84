"""Questions whose choices are rows of their own: each is scored alone, the best of a question counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection

from kplm.errors import KplmError
from kplm.fields import IGNORE, Batch
from kplm.heads.base import PooledHead, labelled
from kplm.models import BaseEncoder
from kplm.nn.pooling import Pooling


class MultipleChoice(PooledHead):
    """One logit a choice, binary cross-entropy over the choices of a question (VCR: Su et al., 2020, section 4.2.1).

    Rows of one ``group`` are the choices of one question; they come in one batch with ``data.task: choices``.

    Args:
        right: the class of a right choice; the other class is that of a wrong one.
        pool: as in :class:`kplm.heads.Classify`.
        dropout: probability before the linear map.
    """

    reads = frozenset({"label", "group"})
    headline = "accuracy"

    def __init__(self, right: str = "right", pool: Pooling | None = None, dropout: float = 0.1) -> None:
        super().__init__(pool, dropout)
        self.right = right
        self.init_args = {"right": right, "pool": pool, "dropout": dropout}

    @property
    def logits(self) -> int:
        """See :class:`PooledHead`: one for both classes."""
        return 1

    def build(self, encoder: BaseEncoder, names: Sequence[str]) -> None:
        """A linear map from the pooled width to one logit.

        Raises:
            KplmError: the classes are not two, of which one is that of a right choice.
        """
        if len(names) != 2 or self.right not in names:
            raise KplmError(
                f"{type(self).__name__} got the classes {', '.join(names) or 'none'}, but a choice is '{self.right}' or not. "
                f"Name two classes in data.labels, or set model.head.init_args.right to that of a right choice."
            )
        super().build(encoder, names)

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Any:
        """Score each choice: ``[B]``."""
        return super().forward(encoder, batch)[:, 0]

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean binary cross-entropy of ``[B]`` over the choices with a gold label."""
        known = labelled(batch, "label", IGNORE)
        scores = logits[known].float()
        total = F.binary_cross_entropy_with_logits(scores, self._gold(batch)[known].to(scores), reduction="sum")
        return total / known.sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        """Share of questions whose best choice is the right one."""
        return MetricCollection({"accuracy": MeanMetric()})

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """A question counts when its choices have gold labels; of equal choices the first is taken."""
        best = first_best(logits.float(), batch["group"].unique(return_inverse=True)[1])
        asked = labelled(batch, "label", IGNORE)[best]
        metrics["accuracy"].update(self._gold(batch)[best][asked].float())

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"label", "score", "scores"}`` of each choice alone; the choices of a question are compared by ``scores``."""
        chance = logits.float().sigmoid()[:, None]
        order = [chance, 1 - chance] if self.names[0] == self.right else [1 - chance, chance]
        ranked = self.ranked(torch.cat(order, dim=1))
        return [{"label": next(iter(row)), "score": next(iter(row.values())), "scores": row} for row in ranked]

    def _gold(self, batch: Batch) -> Tensor:
        """``[B]`` bool: the choices that are labelled right."""
        return torch.eq(batch["label"], self.names.index(self.right))


def first_best(scores: Tensor, numbers: Tensor) -> Tensor:
    """The row of the highest score of each group; of equal ones the first.

    Args:
        scores: ``[B]`` float.
        numbers: ``[B]`` int, the group of each row, from 0 and without gaps.

    Returns: ``[G] int64``.
    """
    groups = int(numbers.max()) + 1 if len(numbers) else 0
    highest = scores.new_full((groups,), float("-inf")).scatter_reduce(0, numbers, scores, "amax")
    rows = torch.arange(len(scores), device=scores.device)
    found = rows.masked_fill(scores < highest[numbers], len(scores))
    return rows.new_full((groups,), len(scores)).scatter_reduce(0, numbers, found, "amin")
