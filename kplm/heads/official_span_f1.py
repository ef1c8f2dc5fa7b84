"""The score K-BERT's authors report for named entities (Liu et al., 2020, table 3), as their code counts it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

OUTSIDE, INJECTED, PADDING = "O", "[ENT]", "[PAD]"


class OfficialSpanF1(Metric):
    """F1 over spans without their types, on all positions of a batch in one row.

    A span begins at a tag that starts with B or S, and ends before the next O, padding or beginning, or with the batch.
    Positions where the *gold* row has an injected token are jumped over, in the gold and in the predicted row alike.

    It is kept to compare with published numbers, and differs from :class:`kplm.heads.metrics.SpanF1` in more than the types:
    a beginning predicted on an injected token adds to the predicted spans but can never hit, I without B is nothing, a span
    predicted at the end of a text may run into padding and miss, or into the next text of the batch, and gold spans that
    truncation cut away are not missed.

    Args:
        names: class names in the order of the logits.
    """

    hits: Tensor
    predicted: Tensor
    gold: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        for name in ("hits", "predicted", "gold"):
            self.add_state(name, torch.tensor(0, dtype=torch.int64), dist_reduce_fx="sum")
        self.injected = names.index(INJECTED) if INJECTED in names else -1
        self.padding = names.index(PADDING) if PADDING in names else len(names)
        # no buffers: DDP would broadcast them before each batch
        self._begins = torch.tensor([name[:1] in ("B", "S") for name in (*names, PADDING)])
        self._stops = self._begins | torch.tensor([name in (OUTSIDE, PADDING) for name in (*names, PADDING)])

    def update(self, predicted: Tensor, gold: Tensor) -> None:
        """Classes ``[N]`` int of all positions of a batch; a gold class of C stands for padding where no name does."""
        begins, stops = self._begins.to(gold.device), self._stops.to(gold.device)
        injected = gold == self.injected
        guessed = begins[predicted] & (gold != self.padding)
        same_end = _next(stops[predicted] & ~injected) == _next(stops[gold])
        self.hits += (guessed & begins[gold] & same_end).sum()
        self.predicted += guessed.sum()
        self.gold += begins[gold].sum()

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Precision, recall and F1 in [0, 1], float64; 0 where the authors' code would divide by zero."""
        precision, recall = self.hits / self.predicted.double(), self.hits / self.gold.double()
        both = 2 * precision * recall / (precision + recall)
        return precision.nan_to_num(0.0), recall.nan_to_num(0.0), both.nan_to_num(0.0)

    def compute(self) -> Tensor:
        """F1 in [0, 1]."""
        return self.scores()[2].float()


def _next(stops: Tensor) -> Tensor:
    """For each of N positions the next one after it that stops a span, N where none does."""
    count = len(stops)
    at = torch.where(stops, torch.arange(count, device=stops.device), count)
    at = torch.cat([at[1:], at.new_full((1,), count)]) if count else at
    return at.flip(0).cummin(0).values.flip(0)
