"""What every pretraining objective and every term of one can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from kplm.errors import CheckpointError, KplmError, MissingFieldError, did_you_mean
from kplm.fields import IGNORE, Batch
from kplm.models import BaseEncoder

LOSS = "loss"
Prediction = tuple[Tensor, Tensor]
"""Logits ``[N, C]`` float of what a batch has to predict, and the gold classes: ``[N]`` int, some perhaps ignored, or the
probabilities of all classes, ``[N, C]`` float."""


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

    def __init__(self) -> None:
        super().__init__()
        self.init_args: dict[str, Any] = {}

    @abstractmethod
    def build(self, encoder: BaseEncoder) -> None:
        """Make the tensors for this encoder."""

    @abstractmethod
    def predict(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Prediction:
        """Score what is to be predicted, and say what it was."""

    def forward(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Tensor:
        """The loss as a scalar from states ``[B, L, D]``; 0 with a gradient when the batch has nothing to predict."""
        return self.loss(*self.predict(encoder, states, batch))

    def loss(self, logits: Tensor, gold: Tensor) -> Tensor:
        """The loss of a :data:`Prediction`, a mean over all that is not ignored; 0 with a gradient when there is none."""
        return cross_entropy(logits, gold)

    def metrics(self) -> dict[str, Metric]:
        """Fresh metrics by name, beside the loss; each is updated with logits ``[N, C]`` and gold classes, none ignored."""
        return {"accuracy": Accuracy()}


class Objective(nn.Module, ABC):
    """Encoder and batch to losses."""

    reads: Mapping[str, frozenset[str]]
    """For each part the batch fields it needs beside those of the encoder; known once the objective is built."""
    fresh: frozenset[str] = frozenset()
    """Names of the weights that started at random, not from the encoder's checkpoint."""
    init_args: dict[str, Any]
    """Constructor arguments, kept so that a checkpoint can rebuild the objective."""

    @abstractmethod
    def build(self, encoder: BaseEncoder) -> None:
        """Make the tensors for this encoder, and drop its pooler if nothing here uses one."""

    @abstractmethod
    def forward(self, encoder: BaseEncoder, batch: Batch) -> dict[str, Tensor]:
        """Scalars by name; 'loss' is the one to minimise."""

    @abstractmethod
    def metrics(self) -> MetricCollection:
        """Fresh metrics for :meth:`score`."""

    @abstractmethod
    def score(self, metrics: MetricCollection, encoder: BaseEncoder, batch: Batch) -> None:
        """Update the metrics with a batch; they are exact over any number of ranks and batches."""

    @abstractmethod
    def report(self, metrics: MetricCollection) -> dict[str, Tensor]:
        """What the metrics say by now; 'loss' is always among it."""


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
        self.init_args = {"terms": list(terms), "weights": self.weights}

    @property
    def reads(self) -> dict[str, frozenset[str]]:  # type: ignore[override]
        """Batch fields of each term."""
        return {type(term).__name__: term.reads for term in self._terms()}

    def build(self, encoder: BaseEncoder) -> None:
        """Build each term, starting it from the heads the encoder's checkpoint held; the pooler goes when no term uses it.

        Raises:
            CheckpointError: such a head has another shape.
        """
        if not any(term.pools for term in self._terms()):
            encoder.pooler = None
        for term in self._terms():
            term.build(encoder)
        self.fresh = frozenset(self._start_from(encoder.beside))

    def forward(self, encoder: BaseEncoder, batch: Batch) -> dict[str, Tensor]:
        """``{'loss': weighted sum, <term name>: its own loss, ...}``.

        Raises:
            MissingFieldError: the batch lacks a field that a term reads.
        """
        for reader, fields in self.reads.items():
            for field in sorted(fields - set(batch)):
                raise MissingFieldError(reader, field, batch)
        states = encoder(batch)  # [B, L, D]
        losses = {term.name: term(encoder, states, batch) for term in self._terms()}
        total = torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()
        return {"loss": total, **losses}

    def metrics(self) -> MetricCollection:
        """Each term's loss and metrics as ``<term>_<metric>``."""
        found: dict[str, Metric | MetricCollection] = {}
        for term in self._terms():
            found |= {f"{term.name}_{name}": metric for name, metric in {LOSS: MeanMetric(), **term.metrics()}.items()}
        return MetricCollection(found, compute_groups=False)

    def score(self, metrics: MetricCollection, encoder: BaseEncoder, batch: Batch) -> None:
        """A term counts as often as the batch has something for it to predict: means are over predictions, not batches."""
        states = encoder(batch)
        for term in self._terms():
            logits, gold = known(*term.predict(encoder, states, batch))
            if len(gold):
                metrics[f"{term.name}_{LOSS}"].update(term.loss(logits, gold), len(gold))
                for name in term.metrics():
                    metrics[f"{term.name}_{name}"].update(logits, gold)

    def report(self, metrics: MetricCollection) -> dict[str, Tensor]:
        """The weighted 'loss' and all that terms measured; a term that had nothing to predict is left out."""
        values = metrics.compute()
        losses = {name: values[f"{name}_{LOSS}"] for name in self.terms}
        seen = [name for name, loss in losses.items() if not torch.isnan(loss)]
        total = sum((self.weights[name] * losses[name] for name in seen), torch.zeros(()))
        return {LOSS: total} | {key: value for key, value in values.items() if key.startswith(tuple(seen))}

    def _terms(self) -> list[Term]:
        return cast("list[Term]", list(self.terms.values()))

    def _start_from(self, beside: Mapping[str, Tensor]) -> set[str]:
        """Load the heads that came with the encoder; returns the names that stay fresh."""
        own = self.state_dict()
        known = {name: value for name, value in beside.items() if name in own}
        for name, value in known.items():
            if value.shape != own[name].shape:
                raise CheckpointError(
                    f"the checkpoint's {name} has the shape {list(value.shape)}, this objective needs "
                    f"{list(own[name].shape)}. Use the checkpoint with the vocabulary and the entity width it was trained with."
                )
        self.load_state_dict(known, strict=False)
        return {name for name, _ in self.named_parameters()} - set(known)


class Accuracy(MulticlassAccuracy):
    """Share of predictions whose best class is right; the number of classes may differ from batch to batch."""

    def __init__(self) -> None:
        super().__init__(num_classes=2, average="micro", validate_args=False)

    def update(self, logits: Tensor, gold: Tensor) -> None:
        """``[N, C]`` and ``[N]``."""
        super().update(logits.argmax(-1), gold)


def known(logits: Tensor, gold: Tensor) -> Prediction:
    """The predictions whose gold classes are not ignored, logits in float32."""
    if not gold.is_floating_point():
        kept = gold != IGNORE
        logits, gold = logits[kept], gold[kept]
    return logits.float(), gold


def cross_entropy(logits: Tensor, gold: Tensor) -> Tensor:
    """Mean over the rows of ``[N, C]`` that are not ignored, in float32 or wider; 0 with a gradient when all are."""
    scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if gold.is_floating_point():
        return -(gold * scores.log_softmax(-1)).sum() / max(1, len(gold))
    return F.cross_entropy(scores, gold, ignore_index=IGNORE, reduction="sum") / (gold != IGNORE).sum().clamp(min=1)
