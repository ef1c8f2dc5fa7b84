"""Referring expressions: which region of the picture a text means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric, MetricCollection

from kplm.errors import KplmError
from kplm.fields import IGNORE, Batch
from kplm.heads.base import Head
from kplm.models import BaseEncoder, VlBert
from kplm.nn.dropout import Dropout
from kplm.nn.transform import Activated

START = "terms.masked_regions.transform."


class Choose(Head):
    """A score for each region, binary cross-entropy (Su et al., 2020, section 4.2.3).

    The transform starts from that of masked regions, where the encoder's checkpoint has one. Padded regions never win.

    Args:
        whole_picture: whether the whole picture can be meant too, as in the authors' code.
        dropout: probability before the linear map.
    """

    reads = frozenset({"region_targets"})
    headline = "accuracy"

    def __init__(self, whole_picture: bool = False, dropout: float = 0.1) -> None:
        super().__init__()
        self.first, self.dropout = 0 if whole_picture else 1, Dropout(dropout)
        self.init_args = {"whole_picture": whole_picture, "dropout": dropout}

    def build(self, encoder: BaseEncoder, names: Sequence[str] = ()) -> None:
        """A transform and a linear map to one score; regions have no names, and the pooler goes.

        Raises:
            KplmError: the encoder has no regions.
        """
        if not isinstance(encoder, VlBert):
            raise KplmError(f"Choose needs a model with image regions, not a {type(encoder).__name__}.")
        self.names = tuple(names)
        encoder.pooler = None
        self.transform = Activated(encoder.config, encoder.config.hidden)
        self.output = nn.Linear(encoder.config.hidden, 1)
        nn.init.normal_(self.output.weight, std=encoder.config.init_std)
        nn.init.zeros_(self.output.bias)
        start = {name.removeprefix(START): own for name, own in encoder.beside.items() if name.startswith(START)}
        if start:
            self.transform.load_state_dict(start)

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Tensor:
        """Score each region: ``[B, R]``, minus infinity where there is none to choose."""
        assert isinstance(encoder, VlBert)
        states = encoder.split(encoder(batch), batch)[1]  # [B, R, D]
        scores = self.output(self.dropout(self.transform(states)))[..., 0]
        return scores.masked_fill(~self._candidates(batch), float("-inf"))

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean binary cross-entropy over the regions that can be chosen and have a gold value."""
        gold = batch["region_targets"]
        asked = self._candidates(batch) & (gold != IGNORE)
        total = F.binary_cross_entropy_with_logits(logits[asked].float(), gold[asked], reduction="sum")
        return total / asked.sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        """Share of texts whose best region is one that is meant."""
        return MetricCollection({"accuracy": MeanMetric()})

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """A text counts when any of its regions has a gold value; without a region to choose it counts as wrong."""
        gold, (best, found) = batch["region_targets"], self._best(logits)
        asked = (gold != IGNORE).any(1)
        right = found & (gold.gather(1, best[:, None])[:, 0] == 1) if logits.shape[1] else found
        metrics["accuracy"].update(right[asked].float())

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"region", "box", "score"}``: its number, its corners in parts of the picture; all None where there is no region."""
        best, found = self._best(logits)
        answers: list[dict[str, Any]] = []
        for row, (number, one) in enumerate(zip(best.tolist(), found.tolist())):
            if not one:
                answers.append({"region": None, "box": None, "score": None})
                continue
            box = [round(side, 4) for side in batch["region_boxes"][row, number].tolist()]
            answers.append({"region": number, "box": box, "score": round(logits[row, number].sigmoid().item(), 6)})
        return answers

    def _candidates(self, batch: Batch) -> Tensor:
        real = batch["regions"] > 0
        return real & (torch.arange(real.shape[1], device=real.device) >= self.first)

    @staticmethod
    def _best(logits: Tensor) -> tuple[Tensor, Tensor]:
        """The number of the best region ``[B]``, and whether there is one."""
        if not logits.shape[1]:
            nowhere = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
            return nowhere, nowhere.bool()
        value, best = logits.max(1)
        return best, value.isfinite()
