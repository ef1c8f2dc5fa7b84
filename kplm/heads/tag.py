"""Token tagging: one tag a word, such as BIO tags of named entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from kplm.fields import IGNORE, Batch
from kplm.heads.base import Head
from kplm.heads.metrics import SpanF1
from kplm.models import BaseEncoder
from kplm.nn.dropout import Dropout
from kplm.nn.pooling import taken

OUTSIDE = "O"


class Tag(Head):
    """A linear map on the first sub-word of each word (Devlin et al., 2019, section 5.3).

    Args:
        dropout: probability before the linear map.
    """

    reads = frozenset({"tags", "word_positions"})
    headline = "f1_span"

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.init_args = {"dropout": dropout}

    def build(self, encoder: BaseEncoder, names: Sequence[str]) -> None:
        """A linear map from the encoder's width to the tags; the pooler goes."""
        super().build(encoder, names)
        encoder.pooler = None
        self.output = nn.Linear(encoder.width, len(names))
        nn.init.normal_(self.output.weight, std=encoder.config.init_std)
        nn.init.zeros_(self.output.bias)

    @property
    def outside(self) -> int:
        """The class of words that are in no span."""
        return self.names.index(OUTSIDE) if OUTSIDE in self.names else 0

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Tensor:
        """Score the words: ``[B, S, C]``; rows of words that were cut away mean nothing."""
        return self.output(self.dropout(self.words(encoder(batch), batch)))

    def words(self, states: Tensor, batch: Batch) -> Tensor:
        """The states ``[B, L, D]`` at the first sub-word of each word: ``[B, S, D]``."""
        return taken(states, batch["word_positions"].clamp(min=0))

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean cross-entropy over the positions with a gold class."""
        gold = self.gold(batch)
        total = F.cross_entropy(logits.float().flatten(0, 1), gold.flatten(), ignore_index=IGNORE, reduction="sum")
        return total / (gold != IGNORE).sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        """Word accuracy and F1 over typed spans."""
        accuracy = MulticlassAccuracy(len(self.names), average="micro", ignore_index=IGNORE)
        return MetricCollection({"accuracy": accuracy, "f1_span": SpanF1()}, compute_groups=False)

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """Words cut away by truncation count as outside, so the score does not profit from them."""
        guess = self._best(self.at_words(logits, batch), batch)
        metrics["accuracy"].update(guess.flatten(), batch["tags"].flatten())
        known = [[tag >= 0 for tag in row] for row in batch["tags"].tolist()]
        metrics["f1_span"].update(self._named(guess, known), self._named(batch["tags"], known))

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"tags"}``: one tag for each word of the row, padding words left out by the caller."""
        best = self._best(self.at_words(logits, batch), batch)
        return [{"tags": [self.names[i] for i in row]} for row in best.tolist()]

    def gold(self, batch: Batch) -> Tensor:
        """The class of each scored position ``[B, S]``; the ignore index where a word has no tag or was cut away."""
        return batch["tags"].masked_fill(batch["word_positions"] < 0, IGNORE)

    def at_words(self, logits: Tensor, batch: Batch) -> Tensor:
        """The scores of the words ``[B, S, C]`` among those of :meth:`forward`."""
        return logits

    def _best(self, logits: Tensor, batch: Batch) -> Tensor:
        return logits.argmax(-1).masked_fill(batch["word_positions"] < 0, self.outside)

    def _named(self, tags: Tensor, known: list[list[bool]]) -> list[list[str]]:
        return [[self.names[i] for i, keep in zip(row, keeps) if keep] for row, keeps in zip(tags.tolist(), known)]
