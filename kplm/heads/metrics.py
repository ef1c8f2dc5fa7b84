"""Published scores as torchmetrics; they stay exact over any number of ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassStatScores

from kplm.fields import IGNORE


class GroupedF1(MulticlassStatScores):
    """F1 over groups of classes, where a hit needs the exact class.

    With one group of all real relations it is TACRED's micro F1 without the none class; with one group for the two directions
    of each relation and macro averaging it is SemEval-2010 task 8's official score (Hendrickx et al., 2010).

    Args:
        groups: the group of each class; None leaves a class out of the score.
        average: 'micro' over all groups, or 'macro' over groups.
    """

    def __init__(self, groups: Sequence[str | None], average: Literal["micro", "macro"]) -> None:
        super().__init__(len(groups), average="none", ignore_index=IGNORE)
        names = sorted({group for group in groups if group is not None})
        # no buffer: DDP would broadcast it before each batch, and ranks may have different numbers of them
        self.member = torch.tensor([[float(group == name) for group in groups] for name in names])
        self.over = average

    def compute(self) -> Tensor:
        """The score in [0, 1], 0 where nothing is predicted."""
        counts = super().compute()[:, :4].float()  # [C, (tp, fp, tn, fn)]
        tp, fp, _, fn = (self.member.to(counts.device) @ counts).unbind(-1)  # [G]
        if self.over == "micro":
            tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
        return (2 * tp / (2 * tp + fp + fn).clamp(min=1)).mean()


class LooseMacro(Metric):
    """Loose macro F1 of entity typing: precision and recall averaged over examples first (Ling and Weld, 2012, section 4.2)."""

    precision: Tensor
    recall: Tensor
    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("precision", "recall", "rows"):
            self.add_state(name, torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, gold: Tensor) -> None:
        """``[B, C]`` 0/1 each."""
        hits = (predicted * gold).sum(-1).double()  # [B]
        self.precision += (hits / predicted.sum(-1).clamp(min=1)).sum()
        self.recall += (hits / gold.sum(-1).clamp(min=1)).sum()
        self.rows += len(gold)

    def compute(self) -> Tensor:
        """The score in [0, 1]; an example with nothing predicted has precision 0."""
        p, r = self.precision / self.rows.clamp(min=1), self.recall / self.rows.clamp(min=1)
        return torch.where(p + r > 0, 2 * p * r / (p + r).clamp(min=1e-12), torch.zeros_like(p)).float()


class SpanF1(Metric):
    """Micro F1 over typed spans (CoNLL-2003's), spans read by seqeval; None tags are never predicted."""

    hits: Tensor
    predicted: Tensor
    gold: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("hits", "predicted", "gold"):
            self.add_state(name, torch.tensor(0, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> None:
        """Tag sequences of equal length, one list a text."""
        from seqeval.metrics.sequence_labeling import get_entities

        for guess, truth in zip(predicted, gold, strict=True):
            ours, theirs = set(get_entities(list(guess))), set(get_entities(list(truth)))
            self.hits += len(ours & theirs)
            self.predicted += len(ours)
            self.gold += len(theirs)

    def compute(self) -> Tensor:
        """The score in [0, 1]."""
        return 2 * self.hits / (self.predicted + self.gold).clamp(min=1)
