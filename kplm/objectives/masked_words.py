"""Masked language modelling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kplm.fields import IGNORE, Batch
from kplm.models import BaseEncoder
from kplm.objectives.base import Term, cross_entropy
from kplm.objectives.transform import Transform


class MaskedWords(Term):
    """Predict the words a masker hid; the output table is the word table (Devlin et al., 2019, section 3.1)."""

    name = "masked_words"
    reads = frozenset({"mlm_labels"})

    def build(self, encoder: BaseEncoder) -> None:
        """A transform and one bias a word."""
        self.transform = Transform(encoder.config, encoder.config.hidden)
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))

    def forward(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy, averaged over the hidden words; only their positions are scored."""
        gold = batch["mlm_labels"]  # [B, L]
        hidden = gold != IGNORE
        return cross_entropy(self.logits(encoder, states[hidden]), gold[hidden])

    def logits(self, encoder: BaseEncoder, states: Tensor) -> Tensor:
        """Score every word of the vocabulary: ``[..., D]`` to ``[..., V]``."""
        table = encoder.embeddings.get_parameter("terms.input_ids.weight")
        return F.linear(self.transform(states), table, self.bias)
