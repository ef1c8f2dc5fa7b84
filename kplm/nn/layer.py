"""One post-norm transformer layer, in two halves that models may also use apart."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.nn.activation import activation
from kplm.nn.attention import Attention
from kplm.nn.dropout import Dropout
from kplm.nn.relations import Relations


class AttentionBlock(nn.Module):
    """Attention, dropout, residual, LayerNorm."""

    def __init__(self, config: EncoderConfig, attend: Callable[[], nn.Module] | None = None) -> None:
        super().__init__()
        self.attention = Attention(config, attend)
        self.norm = nn.LayerNorm(config.hidden, eps=config.eps)
        self.dropout = Dropout(config.dropout)

    def forward(self, hidden: Tensor, relations: Relations, memory: Tensor | None = None) -> Tensor:
        """Read from ``memory`` ``[B, K, D]`` (itself by default) into ``hidden`` ``[B, Q, D]``; returns ``[B, Q, D]``."""
        read = self.attention(hidden, hidden if memory is None else memory, relations)
        return self.norm(hidden + self.dropout(read))


class FeedForward(nn.Module):
    """Two linear maps around a non-linearity, dropout, residual, LayerNorm."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(config.hidden, config.ffn), nn.Linear(config.ffn, config.hidden)
        self.activation = activation(config.activation)
        self.norm = nn.LayerNorm(config.hidden, eps=config.eps)
        self.dropout = Dropout(config.dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform each position alone: ``[B, L, D]`` in and out."""
        return self.close(hidden, self.activation(self.up(hidden)))

    def close(self, hidden: Tensor, inner: Tensor) -> Tensor:
        """The second half: map ``inner`` ``[B, L, ffn]`` back and add it to ``hidden`` ``[B, L, D]``."""
        return self.norm(hidden + self.dropout(self.down(inner)))


class EncoderLayer(nn.Module):
    """A BERT layer: an attention block, then a feed-forward block (Devlin et al., 2019)."""

    def __init__(self, config: EncoderConfig, attend: Callable[[], nn.Module] | None = None) -> None:
        super().__init__()
        self.read = AttentionBlock(config, attend)
        self.think = FeedForward(config)

    def forward(self, hidden: Tensor, relations: Relations, memory: Tensor | None = None) -> Tensor:
        """``[B, L, D]`` in and out; ``memory`` ``[B, K, D]`` is what attention reads, ``hidden`` itself by default."""
        return self.think(self.read(hidden, relations, memory))
