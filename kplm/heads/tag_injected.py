"""Tagging of sentences grown with triples, as K-BERT does it (Liu et al., 2020, section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from kplm.fields import IGNORE, Batch
from kplm.heads.official_span_f1 import INJECTED, PADDING, OfficialSpanF1
from kplm.heads.tag import Tag
from kplm.models import BaseEncoder
from kplm.nn.pooling import taken


class TagInjected(Tag):
    """A linear map on every position; injected tokens are trained as a class of their own, ``[ENT]``.

    That is what the authors' code does. :class:`kplm.heads.Tag` is the alternative: it reads the words alone. A word for
    which ``[ENT]`` or ``[PAD]`` wins counts and is shown as outside.

    Args:
        dropout: probability before the linear map; the authors' head has none.
    """

    reads = Tag.reads | {"branch"}

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__(dropout)

    def build(self, encoder: BaseEncoder, names: Sequence[str]) -> None:
        """A linear map from the encoder's width to the tags and ``[ENT]``, which comes last where ``names`` lack it."""
        super().build(encoder, names if INJECTED in names or len(names) < 2 else [*names, INJECTED])

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Tensor:
        """Score every position: ``[B, L, C]``."""
        return self.output(self.dropout(encoder.tokens(encoder(batch), batch)))

    def gold(self, batch: Batch, elsewhere: int = IGNORE) -> Tensor:
        """``[B, L]``: the tag at the first token of each word, ``[ENT]`` on injected tokens, ``elsewhere`` on all others."""
        rows, length = batch["branch"].shape
        known = (batch["word_positions"] >= 0) & (batch["tags"] != IGNORE)
        wide = batch["tags"].new_full(
            (rows, length + 1), elsewhere
        )  # words without a tag go to a column behind the rest
        wide.scatter_(1, batch["word_positions"].masked_fill(~known, length), batch["tags"])
        return wide[:, :length].masked_fill(batch["branch"] > 0, self.names.index(INJECTED))

    def metrics(self) -> MetricCollection:
        """Word accuracy, F1 over typed spans, and the authors' own F1 over untyped ones."""
        found = super().metrics()
        found.add_metrics({"official_f1": OfficialSpanF1(self.names)})
        return found

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """The official score sees every position of the batch, padding included.

        It supposes a token a word, such as the authors' characters: further pieces of a word count as padding and end a span.
        """
        super().score(metrics, logits, batch)
        padding = self.names.index(PADDING) if PADDING in self.names else len(self.names)
        metrics["official_f1"].update(logits.argmax(-1).flatten(), self.gold(batch, padding).flatten())

    def at_words(self, logits: Tensor, batch: Batch) -> Tensor:
        """The rows at the words: ``[B, L, C]`` to ``[B, S, C]``."""
        return taken(logits, batch["word_positions"].clamp(min=0))

    def _best(self, logits: Tensor, batch: Batch) -> Tensor:
        best = super()._best(logits, batch)
        others = [i for i, name in enumerate(self.names) if name in (INJECTED, PADDING)]
        return best.masked_fill(torch.isin(best, best.new_tensor(others)), self.outside)
