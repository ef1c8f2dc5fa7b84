"""Masked language modelling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.text import Perplexity

from kplm.fields import IGNORE, Batch
from kplm.models import BaseEncoder
from kplm.objectives.base import Prediction, Term
from kplm.objectives.reading import Read, check_read, reading


class MaskedWords(Term):
    """Predict the words a masker hid; the output table is the word table (Devlin et al., 2019, section 3.1).

    Args:
        read: what the word table is multiplied with, a 'transform' of the states with a bias a word, or the bare 'states'.

    Raises:
        KplmError: ``read`` is none of the two.
    """

    name = "masked_words"
    reads = frozenset({"mlm_labels"})

    def __init__(self, read: Read = "transform") -> None:
        super().__init__()
        check_read(read)
        self.read = read
        self.init_args = {"read": read}

    def build(self, encoder: BaseEncoder) -> None:
        """A transform and one bias a word; neither where the bare states are read."""
        self.transform = reading(encoder, self.read)
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size)) if self.read == "transform" else None

    def predict(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Prediction:
        """The hidden words; only their positions are scored."""
        gold = batch["mlm_labels"]  # [B, L]
        hidden = gold != IGNORE
        return self.logits(encoder, encoder.tokens(states, batch)[hidden]), gold[hidden]

    def logits(self, encoder: BaseEncoder, states: Tensor) -> Tensor:
        """Score every word of the vocabulary: ``[..., D]`` to ``[..., V]``."""
        table = encoder.embeddings.get_parameter("terms.input_ids.weight")
        return F.linear(self.transform(states), table, self.bias)

    def metrics(self) -> dict[str, Metric]:
        """Accuracy, and perplexity over the hidden words."""
        return {**super().metrics(), "perplexity": WordPerplexity()}


class WordPerplexity(Perplexity):
    """Perplexity of predictions that are no sequences."""

    def update(self, logits: Tensor, gold: Tensor) -> None:
        """``[N, C]`` and ``[N]``."""
        super().update(logits[None], gold[None])
