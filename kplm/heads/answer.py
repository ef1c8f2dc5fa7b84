"""Visual question answering: one of a list of answers, graded by people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection

from kplm.fields import Batch
from kplm.heads.base import Pieces, PooledHead
from kplm.models import BaseEncoder
from kplm.nn.pooling import Pooling, SecondText
from kplm.nn.transform import Transform

START = "terms.masked_words.transform."


class Answer(PooledHead):
    """The word a model would fill in after the question, mapped to answers (Su et al., 2020, section 4.2.2).

    The question is followed by [MASK] as a second text. The transform on its state starts from that of masked words, where the
    encoder's checkpoint has one. Gold ``labels`` are soft: in VQA v2 an answer scores by how many of ten people gave it.

    Args:
        pool: state the answer is read from; by default that of the first token of the second text.
        dropout: probability before the linear map.
        start: what the row of an answer in the linear map is when training begins: 'random', or the mean embedding of its
            'words', as in the authors' code; their published settings name it CLASSIFIER_PRETRAINED.
    """

    reads = frozenset({"labels"})
    headline = "accuracy"

    def __init__(
        self, pool: Pooling | None = None, dropout: float = 0.1, start: Literal["random", "words"] = "random"
    ) -> None:
        super().__init__(pool or SecondText(), dropout)
        self.start = start  # no part of init_args: a head that is saved has begun

    def build(self, encoder: BaseEncoder, names: Sequence[str]) -> None:
        """A transform, and a linear map to the answers; the pooler goes."""
        super().build(encoder, names)
        encoder.pooler = None
        width = self.pool.vectors * encoder.width
        self.transform = Transform(encoder.config, width, width)
        start = {name.removeprefix(START): own for name, own in encoder.beside.items() if name.startswith(START)}
        if start:
            self.transform.load_state_dict(start)

    @torch.no_grad()
    def begin(self, encoder: BaseEncoder, pieces: Pieces) -> None:
        """Let each answer start from its words, if so chosen."""
        if self.start == "random":
            return
        table, weight = encoder.embeddings.terms["input_ids"], self.output.weight
        for row, ids in zip(weight, pieces(self.names)):
            if ids:
                row.copy_(table(torch.tensor([ids], device=weight.device))[0].mean(0))
        self.start = "random"  # what is learnt stays when training goes on

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Tensor:
        """Score each answer: ``[B, C]``."""
        return self.output(self.dropout(self.transform(self.read(encoder, batch))))

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Binary cross-entropy of ``[B, C]``, summed over the answers, mean over the rows."""
        return F.binary_cross_entropy_with_logits(logits.float(), batch["labels"]) * logits.shape[-1]

    def metrics(self) -> MetricCollection:
        """VQA's accuracy: the mean score of the answer given (Antol et al., 2015)."""
        return MetricCollection({"accuracy": MeanMetric()})

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """An answer outside the list scores 0, as do questions whose answers are all outside."""
        best = logits.argmax(-1, keepdim=True)
        metrics["accuracy"].update(batch["labels"].gather(1, best))

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"answer", "score", "scores"}`` with probabilities of the five best answers."""
        ranked = self.ranked(logits.float().sigmoid())
        return [{"answer": next(iter(row)), "score": next(iter(row.values())), "scores": row} for row in ranked]
