"""Supersense prediction with the words that the vocabulary has only in pieces."""

from __future__ import annotations

import torch
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import Batch
from kplm.models import BaseEncoder
from kplm.objectives.base import Prediction
from kplm.objectives.supersenses import Supersenses, uniform


class WordMeanSenses(Supersenses):
    """Also asks for split words that are hidden whole, from the mean of their pieces' states (Levine et al., 2020, 'average embedding').

    They come from :class:`kplm.data.supersenses.SplitWords`, with whole words masked. All words weigh the same.
    """

    reads = Supersenses.reads | {"sense_spans", "sense_allowed"}

    def predict(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Prediction:
        """Words of one token first, then those of several.

        Raises:
            KplmError: the data has another number of supersenses than the model.
        """
        logits, gold = super().predict(encoder, states, batch)
        allowed = batch["sense_allowed"]  # [B, N, C]
        if allowed.shape[-1] != logits.shape[-1]:
            raise KplmError(
                f"sense_allowed has {allowed.shape[-1]} supersenses a word, but this model has {logits.shape[-1]}. "
                f"Start it with kplm.hub.sensebert, which has those of WordNet."
            )
        known = allowed.any(-1)
        means = span_means(encoder.tokens(states, batch), batch["sense_spans"])[known]
        more = self.logits(encoder, means)
        return torch.cat([logits, more]), torch.cat([gold, uniform(allowed[known], more)])


def span_means(states: Tensor, spans: Tensor) -> Tensor:
    """The mean state of each span, in the precision of the states even under autocast.

    Args:
        states: ``[B, L, D]`` float.
        spans: ``[B, N, 2]`` int, first position and the one behind the last; -1 for none.

    Returns: ``[B, N, D]`` float; 0 for none.
    """
    places = torch.arange(states.shape[1], device=states.device)
    inside = (places >= spans[..., :1]) & (places < spans[..., 1:])  # [B, N, L]
    with torch.autocast(states.device.type, enabled=False):
        shares = inside.to(states.dtype)
        return shares @ states / shares.sum(-1, keepdim=True).clamp(min=1)
