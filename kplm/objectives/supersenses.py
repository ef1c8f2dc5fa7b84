"""Supersense prediction: say what kind of thing a hidden word stands for, with no label but what WordNet allows."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric

from kplm.errors import KplmError
from kplm.fields import IGNORE, Batch
from kplm.models import BaseEncoder, SenseBert
from kplm.models.sensebert import SensedWords
from kplm.objectives.base import Prediction, Term
from kplm.objectives.reading import Read, check_read, reading


class Supersenses(Term):
    """Predict the supersenses of hidden words; the output table is the sense table (Levine et al., 2020, eq. 4-7).

    Asked for are hidden words that WordNet knows and that are one token. The loss is the mean over these: of ``-log`` of what the
    allowed supersenses get together, and of the cross-entropy with the uniform distribution over them, which keeps the model from
    settling on a few of them early. A word with one supersense so counts twice, as published. Of several ranks each takes its own
    mean, and the gradient is the mean of these, as with all terms.

    Args:
        read: what the sense table is multiplied with, 'states' as published, or 'transform' of them as for masked words.
        regulariser: factor of the second part.

    Raises:
        KplmError: ``read`` is none of the two.
    """

    name = "supersenses"
    reads = frozenset({"mlm_labels"})

    def __init__(self, read: Read = "states", regulariser: float = 1.0) -> None:
        super().__init__()
        check_read(read)
        self.read, self.regulariser = read, regulariser
        self.init_args = {"read": read, "regulariser": regulariser}

    def build(self, encoder: BaseEncoder) -> None:
        """A transform, if asked for.

        Raises:
            KplmError: the encoder has no sense table, or none of its words has a supersense.
        """
        if not sensed(encoder, type(self)).allowed.any():
            raise KplmError(
                "no word of this SenseBert has a supersense, so there is nothing to predict. "
                "Start the model with kplm.hub.sensebert, which reads them from WordNet."
            )
        self.transform = reading(encoder, self.read)

    def predict(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Prediction:
        """The hidden whole words that have supersenses, and the uniform distribution over those of each."""
        words = sensed(encoder, type(self))
        asked = hidden_whole(words, batch)
        allowed = words.allowed[batch["mlm_labels"][asked]]  # [N, C]
        known = allowed.any(-1)
        logits = self.logits(encoder, encoder.tokens(states, batch)[asked][known])
        return logits, uniform(allowed[known], logits)

    def logits(self, encoder: BaseEncoder, states: Tensor) -> Tensor:
        """Score every supersense: ``[..., D]`` to ``[..., C]``."""
        return sensed(encoder, type(self)).scores(self.transform(states))

    def loss(self, logits: Tensor, gold: Tensor) -> Tensor:
        """Both parts together; 0 with a gradient where nothing is asked for.

        Args:
            logits: ``[N, C]`` float.
            gold: ``[N, C]`` float, uniform over what is allowed.
        """
        both = allowed_loss(logits, gold) + self.regulariser * uniform_loss(logits, gold)
        return both.sum() / max(1, len(gold))

    def metrics(self) -> dict[str, Metric]:
        """How often the best supersense is an allowed one, and the accuracy on words that have a single one."""
        return {"allowed": AllowedShare(), "accuracy": SingleAccuracy()}


class AllowedShare(MeanMetric):
    """Share of predictions whose best supersense is allowed; NaN where none was asked for."""

    def update(self, logits: Tensor, gold: Tensor) -> None:  # type: ignore[override]
        """``[N, C]`` each."""
        right = gold.gather(-1, logits.argmax(-1, keepdim=True)) > 0
        super().update(right.float())


class SingleAccuracy(AllowedShare):
    """The same where just one supersense is allowed, which is where the right one is known."""

    def update(self, logits: Tensor, gold: Tensor) -> None:  # type: ignore[override]
        """``[N, C]`` each."""
        single = (gold > 0).sum(-1) == 1
        super().update(logits[single], gold[single])


def sensed(encoder: BaseEncoder, reader: type) -> SensedWords:
    """The word table that knows supersenses.

    Raises:
        KplmError: the encoder is none that has it.
    """
    if not isinstance(encoder, SenseBert):
        raise KplmError(f"{reader.__name__} needs a model with a sense table, not a {type(encoder).__name__}.")
    return encoder.words


def hidden_whole(words: SensedWords, batch: Batch) -> Tensor:
    """``[B, L]`` bool: hidden tokens that are no part of a longer word, hidden or not."""
    gold = batch["mlm_labels"]
    hidden = gold != IGNORE
    inside = words.continues[torch.where(hidden, gold, batch["input_ids"])]
    split = inside.clone()
    split[:, :-1] |= inside[:, 1:]
    return hidden & ~split


def uniform(allowed: Tensor, logits: Tensor) -> Tensor:
    """The uniform distribution over the allowed, ``[N, C]`` bool to float; each row allows one at least."""
    found = allowed.to(torch.promote_types(logits.dtype, torch.float32))
    return found / found.sum(-1, keepdim=True)


def allowed_loss(logits: Tensor, gold: Tensor) -> Tensor:
    """``-log`` of the probability of all that is allowed (Levine et al., 2020, eq. 4-5): ``[N, C]`` each to ``[N]``."""
    return -_logs(logits).masked_fill(gold == 0, -torch.inf).logsumexp(-1)


def uniform_loss(logits: Tensor, gold: Tensor) -> Tensor:
    """Cross-entropy with the uniform distribution over what is allowed (eq. 6): ``[N, C]`` each to ``[N]``."""
    return -(gold * _logs(logits)).sum(-1)


def _logs(logits: Tensor) -> Tensor:
    """Log-probabilities in float32 or wider; the logarithm of a softmax would be infinite where that is 0."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
