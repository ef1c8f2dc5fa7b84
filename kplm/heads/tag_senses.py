"""Supersense tagging: WordNet's category of each word in its context (Levine et al., 2020, section 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAccuracy

from kplm.errors import KplmError, did_you_mean
from kplm.fields import IGNORE, Batch
from kplm.heads.base import Pieces
from kplm.heads.tag import Tag
from kplm.models import BaseEncoder, SenseBert
from kplm.nn.pooling import taken

LEAST = 0.0001
"""Supersenses less probable than this are not told."""


class TagSenses(Tag):
    """A linear map on each word; several supersenses may be right, and any of them is a hit.

    The loss of a word is minus the log of the probability that all its right supersenses have together, which is plain
    cross-entropy where there is one.

    Args:
        piece: the state of a word that is split: that of its 'first' sub-word, its 'last' (the paper's choice with its large
            vocabulary), or the 'mean' over all (its choice with average embeddings).
        start: 'fresh' begins at random, as the paper's linear classifier does; 'senses' with the rows of a SenseBERT's sense
            table that have the names of the classes, so that the tagger begins with what pretraining taught.
        dropout: probability before the linear map.
    """

    reads = frozenset({"tag_sets", "word_positions", "word_ends"})
    headline = "accuracy"

    def __init__(
        self,
        piece: Literal["first", "last", "mean"] = "first",
        start: Literal["fresh", "senses"] = "fresh",
        dropout: float = 0.1,
    ) -> None:
        super().__init__(dropout)
        self.piece, self.start = piece, start
        self.init_args = {"piece": piece, "start": start, "dropout": dropout}

    def begin(self, encoder: BaseEncoder, pieces: Pieces) -> None:
        """Copy the sense vectors of the classes, if the head starts from them.

        Raises:
            KplmError: the encoder has no sense table, or none of its rows has the name of a class.
        """
        if self.start == "senses":
            with torch.no_grad():
                self.output.weight.copy_(_sense_vectors(encoder, self.names))
                self.output.bias.zero_()

    def words(self, states: Tensor, batch: Batch) -> Tensor:
        """The states ``[B, L, D]`` at the words: ``[B, S, D]``."""
        if self.piece == "first":
            return super().words(states, batch)
        first, last = batch["word_positions"].clamp(min=0), batch["word_ends"].clamp(min=0)  # [B, S]
        if self.piece == "last":
            return taken(states, last)
        at = torch.arange(states.shape[1], device=states.device)
        inside = ((at >= first[..., None]) & (at <= last[..., None])).to(states)  # [B, S, L]
        return inside @ states / inside.sum(-1, keepdim=True)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean over the words that have a right class; the others add nothing."""
        gold = self.gold(batch) == 1  # [B, S, C]
        some = gold.any(-1)
        scores = logits.float()
        wrong = ~gold & some[..., None]  # none where no class is right, so that such words lose 0
        right = scores.masked_fill(wrong, -torch.inf)
        return (scores.logsumexp(-1) - right.logsumexp(-1)).sum() / some.sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        """Accuracy over the words with gold."""
        return MetricCollection({"accuracy": BinaryAccuracy(ignore_index=IGNORE, validate_args=False)})

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """Words that were cut away, and words whose gold is no class, count as misses."""
        hits = self.gold(batch).gather(-1, logits.argmax(-1, keepdim=True)) == 1  # [B, S, 1]
        asked = batch["tag_sets"][..., :1] != IGNORE
        wanted = torch.where(asked, 1, IGNORE)  # each word that is asked for should be a hit
        metrics.update(hits.long().reshape(1, -1), wanted.reshape(1, -1))

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"tags", "scores"}``: of each word the best supersense, and all of at least a ten-thousandth with their probabilities, the
        best first; null for words that were cut away.

        Function words get one too, since no gold says that they have none.
        """
        odds, order = logits.float().softmax(-1).sort(-1, descending=True)
        there = (batch["word_positions"] >= 0).tolist()
        rows = zip(odds.tolist(), order.tolist(), there)
        named = [[self._likely(p, c) if keep else None for p, c, keep in zip(*row)] for row in rows]
        return [{"tags": [next(iter(word)) if word else None for word in row], "scores": row} for row in named]

    def gold(self, batch: Batch) -> Tensor:
        """``[B, S, C]``: 1 where a class is right, 0 where it is wrong, the ignore index for words without gold or cut away."""
        return batch["tag_sets"].masked_fill((batch["word_positions"] < 0)[..., None], IGNORE)

    def _likely(self, odds: list[float], order: list[int]) -> dict[str, float]:
        return {self.names[c]: round(p, 6) for i, (p, c) in enumerate(zip(odds, order)) if i == 0 or p >= LEAST}


def _sense_vectors(encoder: BaseEncoder, names: Sequence[str]) -> Tensor:
    """The rows of the sense table that have these names: ``[C, D]``."""
    if not isinstance(encoder, SenseBert):
        raise KplmError(
            f"start='senses' copies rows of a sense table, but this {type(encoder).__name__} has none. "
            f"Start the encoder with kplm.hub.sensebert, or set model.head.init_args.start: fresh."
        )
    senses = encoder.config.senses
    for name in names:
        if name not in senses:
            raise KplmError(
                f"start='senses' finds no row for the class '{name}'; the sense table has: {', '.join(senses)}."
                f"{did_you_mean(name, senses)} Correct the label, or set model.head.init_args.start: fresh."
            )
    return encoder.sense_table[[senses.index(name) for name in names]]
