"""What every pretraining objective and every term of one can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kplm.errors import KplmError, MissingFieldError, did_you_mean
from kplm.fields import IGNORE, Batch
from kplm.models import BaseEncoder


class Term(nn.Module, ABC):
    """One prediction task on the states of an encoder: its head and its loss.

    The constructor takes choices, :meth:`build` makes the tensors once the encoder is known. Each term also has
    ``logits``, the scores behind its loss, for those who want to look at them.
    """

    name: str
    """What its loss is called in logs."""
    reads: frozenset[str]
    """Batch fields the loss needs beside those of the encoder."""
    pools = False
    """Whether it uses the encoder's pooler."""

    @abstractmethod
    def build(self, encoder: BaseEncoder) -> None:
        """Make the tensors for this encoder."""

    @abstractmethod
    def forward(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Tensor:
        """The loss as a scalar from states ``[B, L, D]``; 0 with a gradient when the batch has nothing to predict."""


class Objective(nn.Module, ABC):
    """Encoder and batch to losses."""

    reads: frozenset[str]
    """Batch fields needed beside those of the encoder."""

    @abstractmethod
    def build(self, encoder: BaseEncoder) -> None:
        """Make the tensors for this encoder, and drop its pooler if nothing here uses one."""

    @abstractmethod
    def forward(self, encoder: BaseEncoder, batch: Batch) -> dict[str, Tensor]:
        """Scalars by name; 'loss' is the one to minimise."""


class Weighted(Objective):
    """A weighted sum of terms on one pass of the encoder.

    Args:
        terms: what to predict; each kind at most once.
        weights: term name to factor; 1 where none is given.
    """

    def __init__(self, terms: Sequence[Term], weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        names = [term.name for term in terms]
        if len(set(names)) < len(names) or not names:
            raise KplmError(f"an objective needs terms of different names, got: {', '.join(names) or 'none'}.")
        for name in set(weights or {}) - set(names):
            near = did_you_mean(name, names)
            raise KplmError(f"weights names '{name}', but the terms are: {', '.join(names)}.{near}")
        self.terms = nn.ModuleDict(dict(zip(names, terms)))
        self.weights = {name: (weights or {}).get(name, 1.0) for name in names}

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]
        """Batch fields of all terms."""
        return frozenset(field for term in self._terms() for field in term.reads)

    def build(self, encoder: BaseEncoder) -> None:
        """Build each term; the pooler goes when none of them uses it."""
        if not any(term.pools for term in self._terms()):
            encoder.pooler = None
        for term in self._terms():
            term.build(encoder)

    def forward(self, encoder: BaseEncoder, batch: Batch) -> dict[str, Tensor]:
        """``{'loss': weighted sum, <term name>: its own loss, ...}``.

        Raises:
            MissingFieldError: the batch lacks a field that a term reads.
        """
        for term in self._terms():
            for field in sorted(term.reads - set(batch)):
                raise MissingFieldError(type(term).__name__, field, batch)
        states = encoder(batch)  # [B, L, D]
        losses = {term.name: term(encoder, states, batch) for term in self._terms()}
        total = torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()
        return {"loss": total, **losses}

    def _terms(self) -> list[Term]:
        return cast("list[Term]", list(self.terms.values()))


def cross_entropy(logits: Tensor, gold: Tensor) -> Tensor:
    """Mean over the rows of ``[N, C]`` that are not ignored, in float32 or wider; 0 with a gradient when all are."""
    scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(scores, gold, ignore_index=IGNORE, reduction="sum") / (gold != IGNORE).sum().clamp(min=1)
