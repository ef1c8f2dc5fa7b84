"""Two classes a text, told by the encoder's pooled output."""

from __future__ import annotations

from torch import Tensor, nn

from kplm.errors import KplmError
from kplm.fields import Batch
from kplm.models import BaseEncoder
from kplm.objectives.base import Prediction, Term


class PooledTerm(Term):
    """A linear map on the pooled output; the gold class is the batch field of the term's name."""

    pools = True

    def build(self, encoder: BaseEncoder) -> None:
        """A linear map from the pooled output to two classes.

        Raises:
            KplmError: the encoder has no pooler.
        """
        if encoder.pooler is None:
            kind = type(self).__name__
            raise KplmError(
                f"{kind} reads the encoder's pooler, but this encoder has none. Drop the term, or keep the pooler."
            )
        self.output = nn.Linear(encoder.width, 2)
        nn.init.normal_(self.output.weight, std=encoder.config.init_std)
        nn.init.zeros_(self.output.bias)

    def predict(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Prediction:
        """Every row; those without a label are ignored."""
        return self.logits(encoder, states, batch), batch[self.name]

    def logits(self, encoder: BaseEncoder, states: Tensor, batch: Batch | None = None) -> Tensor:
        """Score both classes: ``[B, L, D]`` to ``[B, 2]``."""
        assert encoder.pooler is not None
        return self.output(encoder.pooler(states, batch))
