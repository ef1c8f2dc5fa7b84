"""The step between an encoder's states and an output table."""

from __future__ import annotations

from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.nn.activation import activation


class Activated(nn.Module):
    """Linear map and non-linearity.

    Args:
        config: sizes of the encoder; also its non-linearity.
        width: how wide the output is, W.
        states: how wide the input is, D, where it is not the encoder's hidden size.
    """

    def __init__(self, config: EncoderConfig, width: int, states: int | None = None) -> None:
        super().__init__()
        self.dense = nn.Linear(states or config.hidden, width)
        self.activation = activation(config.activation)
        nn.init.normal_(self.dense.weight, std=config.init_std)
        nn.init.zeros_(self.dense.bias)

    def forward(self, states: Tensor) -> Tensor:
        """``[..., D]`` to ``[..., W]``."""
        return self.activation(self.dense(states))


class Transform(Activated):
    """Linear map, non-linearity, LayerNorm: the prediction head of BERT's masked words (Devlin et al., 2019).

    Args:
        config: sizes of the encoder; also its non-linearity.
        width: how wide the output is, W.
        states: how wide the input is, D, where it is not the encoder's hidden size.
    """

    def __init__(self, config: EncoderConfig, width: int, states: int | None = None) -> None:
        super().__init__(config, width, states)
        self.norm = nn.LayerNorm(width, eps=config.eps)

    def forward(self, states: Tensor) -> Tensor:
        """``[..., D]`` to ``[..., W]``."""
        return self.norm(super().forward(states))
