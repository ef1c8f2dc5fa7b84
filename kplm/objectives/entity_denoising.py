"""Denoising entity auto-encoder."""

from __future__ import annotations

from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE, Batch
from kplm.models import BaseEncoder, ErnieThu
from kplm.nn.pooling import taken
from kplm.nn.transform import Transform
from kplm.objectives.base import Prediction, Term


class EntityDenoising(Term):
    """dEA: name a token's entity after entities were removed or exchanged (Zhang et al., 2019, section 3.4, eq. 6).

    The candidates are the batch's distinct entities, whose vectors ``[N, W]`` the encoder knows where to find; ``entity_labels``
    counts through them. As in the authors' code the score comes from the *token* state under the slot, and row 0 is the zero
    vector, which competes but is never right.
    """

    name = "entity_denoising"
    reads = frozenset({"entity_positions", "entity_labels"})

    def build(self, encoder: BaseEncoder) -> None:
        """A transform from the token width to the entity width.

        Raises:
            KplmError: the encoder has no entity stream.
        """
        if not isinstance(encoder, ErnieThu):
            raise KplmError(f"entity denoising needs a model with an entity stream, not a {type(encoder).__name__}.")
        self.transform = Transform(encoder.config, encoder.config.entity_width)
        self.reads = type(self).reads | encoder.entities.candidates_read

    def predict(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Prediction:
        """The entities of all labelled slots."""
        gold, positions = batch["entity_labels"], batch["entity_positions"]  # [B, E]
        known = gold != IGNORE
        assert isinstance(encoder, ErnieThu)
        return self.logits(taken(states, positions)[known], encoder.entities.candidates(batch)), gold[known]

    def logits(self, states: Tensor, candidates: Tensor) -> Tensor:
        """Score the candidates ``[N, W]``: ``[..., D]`` to ``[..., N]``."""
        return self.transform(states) @ candidates.to(states.dtype).T
