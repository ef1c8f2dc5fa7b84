"""What every head can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from kplm.errors import KplmError
from kplm.fields import Batch
from kplm.models import BaseEncoder
from kplm.nn.dropout import Dropout
from kplm.nn.pooling import First, Pooling

Pieces = Callable[[Sequence[str]], list[list[int]]]


class Head(nn.Module, ABC):
    """Logits from an encoder and a batch, their loss, their metrics, and how a person reads them.

    A head is built in two steps, so that a config can name it before anyone knows the encoder's width or the classes:
    the constructor takes choices, :meth:`build` makes the tensors.
    """

    reads: frozenset[str]
    """Batch fields the loss needs beside those of the encoder."""
    names: tuple[str, ...]
    """Class names, in the order of the logits."""
    headline: str
    """The metric that sums the task up; higher is better."""
    named = True
    """Whether its answers are classes that have names."""
    init_args: dict[str, Any]
    """Constructor arguments, kept so that a checkpoint can rebuild the head."""

    def build(self, encoder: BaseEncoder, names: Sequence[str]) -> None:
        """Make the tensors for this encoder and these classes, and drop the encoder's pooler if this head reads none.

        Raises:
            KplmError: there are fewer than two classes, and the head tells classes apart.
        """
        if not self.named:
            self.names = ()
            return
        if not names:
            raise KplmError(
                f"{type(self).__name__} has no classes: the training data carries no labels, and data.labels is empty."
            )
        if len(names) == 1:
            raise KplmError(
                f"{type(self).__name__} has only the class '{names[0]}', so there is nothing to tell apart. "
                f"Name all classes in data.labels, or check the training data."
            )
        self.names = tuple(names)

    def begin(self, encoder: BaseEncoder, pieces: Pieces) -> None:
        """Set weights before training begins, for heads that know better than chance; nothing by default.

        Args:
            encoder: the one under this head.
            pieces: cuts class names into rows of the word table.
        """

    @abstractmethod
    def forward(self, encoder: BaseEncoder, batch: Batch) -> Any:
        """Encode and score: logits whose last axis is C, the classes; or a dataclass of logits that the other methods take."""

    @abstractmethod
    def loss(self, logits: Any, batch: Batch) -> Tensor:
        """A scalar; 0 with a gradient when the batch has no gold label."""

    @abstractmethod
    def metrics(self) -> MetricCollection:
        """Fresh metrics; :meth:`score` says what they are updated with."""

    @abstractmethod
    def score(self, metrics: MetricCollection, logits: Any, batch: Batch) -> None:
        """Update the metrics with a batch; examples without gold labels do not count."""

    @abstractmethod
    def decode(self, logits: Any, batch: Batch) -> list[dict[str, Any]]:
        """One JSON-able answer for each of the B rows."""


class PooledHead(Head):
    """A head on one vector a text: pooling, dropout, one linear map.

    Args:
        pool: 'kplm.nn.pooling.First' (with the checkpoint's pooler, as BERT does), 'Mean' or 'Marked'.
        dropout: probability before the linear map.
    """

    bias = True

    def __init__(self, pool: Pooling | None = None, dropout: float = 0.1) -> None:
        super().__init__()
        self.pool: Pooling = pool or First()
        self.dropout = Dropout(dropout)
        self.init_args = {"pool": pool, "dropout": dropout}

    @property
    def logits(self) -> int:
        """How many numbers the linear map gives, one a class."""
        return len(self.names)

    def build(self, encoder: BaseEncoder, names: Sequence[str]) -> None:
        """A linear map from the pooled width to the classes, initialised like the encoder."""
        super().build(encoder, names)
        if not isinstance(self.pool, First):
            encoder.pooler = None
        self.output = nn.Linear(self.pool.vectors * encoder.width, self.logits, bias=self.bias)
        nn.init.normal_(self.output.weight, std=encoder.config.init_std)
        if self.output.bias is not None:
            nn.init.zeros_(self.output.bias)

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Any:
        """Score each text: ``[B, C]``."""
        return self.output(self.dropout(self.pooled(encoder, batch)))

    def pooled(self, encoder: BaseEncoder, batch: Batch) -> Tensor:
        """The vector that is scored: what the encoder's pooler gives, where it has one. No state is computed that it does not read."""
        if encoder.pooler is not None:
            return encoder.pooler(encoder(batch, encoder.pooler.positions(batch)), batch)
        return self.read(encoder, batch)

    def read(self, encoder: BaseEncoder, batch: Batch) -> Tensor:
        """The states that ``pool`` reads, as one vector a text."""
        positions = self.pool.positions(batch)
        states = encoder(batch, positions)
        return self.pool.joined(encoder.tokens(states, batch) if positions is None else states, batch)

    def ranked(self, scores: Tensor) -> list[dict[str, float]]:
        """For each row the five best classes with their scores ``[B, C]``."""
        best = scores.topk(min(5, scores.shape[-1]), dim=-1)
        rows = zip(best.indices.tolist(), best.values.tolist())
        return [{self.names[i]: round(value, 6) for i, value in zip(*row)} for row in rows]


def unrounded(linear: nn.Linear, states: Tensor) -> Tensor:
    """A linear map outside of mixed precision, which would round different scores of the same text to one number."""
    with torch.autocast(states.device.type, enabled=False):
        return linear(states.to(linear.weight.dtype))


def labelled(batch: Batch, field: str, ignore: int) -> Tensor:
    """``[B]`` bool: which rows carry a gold value."""
    return torch.ne(batch[field], ignore)
