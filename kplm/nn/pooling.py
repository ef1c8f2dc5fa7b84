"""From the states of a text to one vector."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.errors import KplmError
from kplm.fields import Batch


class BertPooler(nn.Module):
    """``tanh(W x_[CLS] + b)``, the pooled output of BERT's checkpoints (Devlin et al., 2019).

    Args:
        config: sizes.
        width: width D of the states, where it is not the encoder's.
    """

    def __init__(self, config: EncoderConfig, width: int | None = None) -> None:
        super().__init__()
        width = width or config.hidden
        self.dense = nn.Linear(width, width)

    def forward(self, states: Tensor, batch: Batch | None = None) -> Tensor:
        """``[B, L, D]`` to ``[B, D]``; the batch is for poolers that read more than [CLS]."""
        return torch.tanh(self.dense(self.picked(states, batch)))

    def picked(self, states: Tensor, batch: Batch | None) -> Tensor:
        """What stands for the text: ``[B, L, D]`` to ``[B, D]``."""
        return states[:, 0]

    def positions(self, batch: Batch) -> Tensor | None:
        """``[B, P]`` int, the tokens whose states are enough for :meth:`forward`; None if it reads all."""
        return first(batch)


class MaxPooler(BertPooler):
    """The same of the largest value among all tokens, for each of D (Zhang et al., 2020: over the words, which tokens carry)."""

    def picked(self, states: Tensor, batch: Batch | None) -> Tensor:
        """``[B, L, D]`` to ``[B, D]``; padding never wins."""
        assert batch is not None
        padding = torch.eq(batch["document"], 0)[..., None]
        return states.masked_fill(padding, float("-inf")).amax(1)

    def positions(self, batch: Batch) -> Tensor | None:
        """All of them."""
        return None


class Pooling(ABC):
    """A rule without parameters of its own that a head is given; ``vectors`` is how many states it joins."""

    reads: frozenset[str] = frozenset()
    vectors: int = 1

    def __init__(self) -> None:
        self.init_args: dict[str, int] = {}

    @abstractmethod
    def positions(self, batch: Batch) -> Tensor | None:
        """``[B, P]`` int, the tokens that are read; None for all."""

    def joined(self, states: Tensor, batch: Batch) -> Tensor:
        """The states at :meth:`positions`, ``[B, P, D]``, as one vector ``[B, vectors * D]``."""
        return states.flatten(1)

    def __call__(self, states: Tensor, batch: Batch) -> Tensor:
        """``[B, L, D]`` to ``[B, vectors * D]``."""
        return self.joined(taken(states, self.positions(batch)), batch)


class First(Pooling):
    """The state of [CLS]; a head uses the checkpoint's pooler on top of it."""

    def positions(self, batch: Batch) -> Tensor:
        """``[B, 1]`` int."""
        return first(batch)


class SecondText(Pooling):
    """The state of the first token of the second text, which is [MASK] after a question; [CLS] where there is no second text."""

    reads = frozenset({"segment_ids"})

    def positions(self, batch: Batch) -> Tensor:
        """``[B, 1]`` int."""
        return (batch["segment_ids"] == 1).long().argmax(1, keepdim=True)


class Mean(Pooling):
    """The mean over the tokens of the text, the pooling sentence encoders such as MiniLM are trained with."""

    reads = frozenset({"document"})

    def positions(self, batch: Batch) -> None:
        """All of them."""

    def joined(self, states: Tensor, batch: Batch) -> Tensor:
        """``[B, L, D]`` to ``[B, D]``."""
        real = (batch["document"] != 0).to(states)[..., None]  # [B, L, 1]
        return (states * real).sum(1) / real.sum(1).clamp(min=1)


class Marked(Pooling):
    """The states of the opening markers side by side (entity start; Baldini Soares et al., 2019, section 3.2)."""

    reads = frozenset({"mark_positions"})

    def __init__(self, marks: int = 2) -> None:
        super().__init__()
        self.marks = self.vectors = marks
        self.init_args = {"marks": marks}

    def positions(self, batch: Batch) -> Tensor:
        """``[B, M]`` int.

        Raises:
            KplmError: a text carries another number of marks.
        """
        marks = batch["mark_positions"]
        missing = marks.device.type == "cpu" and bool((marks < 0).any())
        if marks.shape[1] != self.marks or missing:
            found = int((marks >= 0).sum(1).min()) if missing else marks.shape[1]
            raise KplmError(
                f"{type(self).__name__} reads {self.marks} marks a text, but the data marks {found} in some. Give every text its spans "
                f'("head" and "tail", or "mention"), or train with model.head.init_args.pool.init_args.marks={found}.'
            )
        return marks.clamp(min=0)


class FirstAndMarked(Marked):
    """The state of [CLS], then those that open the marked spans; SuperGLUE reads a word in two contexts so (Wang et al., 2019)."""

    def __init__(self, marks: int = 2) -> None:
        super().__init__(marks)
        self.vectors = 1 + marks

    def positions(self, batch: Batch) -> Tensor:
        """``[B, 1 + M]`` int."""
        return torch.cat([first(batch), super().positions(batch)], dim=1)


def first(batch: Batch) -> Tensor:
    """``[B, 1]`` int: where [CLS] stands."""
    return torch.zeros_like(batch["document"][:, :1])


def taken(states: Tensor, positions: Tensor | None) -> Tensor:
    """The states at some positions: ``[B, L, D]`` and ``[B, P]`` int to ``[B, P, D]``; all where none are named."""
    if positions is None:
        return states
    return states.gather(1, positions[..., None].expand(-1, -1, states.shape[-1]))
