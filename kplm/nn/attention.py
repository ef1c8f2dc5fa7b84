"""Multi-head attention."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.nn.attend import attend_by_name
from kplm.nn.relations import Relations


class Attention(nn.Module):
    """Multi-head attention whose scoring rule is a part, not a flag (Vaswani et al., 2017, section 3.2).

    Args:
        config: sizes.
        attend: the scoring rule; by default the one that ``config.attention`` names.
    """

    def __init__(self, config: EncoderConfig, attend: Callable[[], nn.Module] | None = None) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.attention_dropout
        self.query, self.key, self.value, self.output = (nn.Linear(config.hidden, config.hidden) for _ in range(4))
        self.attend = attend_by_name(config.attention) if attend is None else attend()

    def forward(self, states: Tensor, memory: Tensor, relations: Relations) -> Tensor:
        """Let every state read from ``memory``.

        Args:
            states: ``[B, Q, D]`` float, the positions that ask.
            memory: ``[B, K, D]`` float, the positions that answer; pass ``states`` for self-attention.
            relations: handed to the attend rule untouched.

        Returns: ``[B, Q, D]`` float.
        """
        q, k, v = self._read_self(states) if memory is states else self._read(states, memory)
        mixed = self.attend(q, k, v, relations, self.dropout if self.training else 0.0)  # [B, H, Q, d]
        return self.output(mixed.transpose(1, 2).flatten(2))

    def _read(self, states: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._split(self.query(states)), self._split(self.key(memory)), self._split(self.value(memory))

    def _read_self(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The three maps of self-attention as one matrix product, which is faster than three."""
        maps = (self.query, self.key, self.value)
        weight, bias = _joined([one.weight for one in maps]), _joined([one.bias for one in maps])
        q, k, v = F.linear(states, weight, bias).chunk(3, dim=-1)  # [B, L, D] each
        return self._split(q), self._split(k), self._split(v)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, L, D] -> [B, H, L, d]


def _joined(weights: list[Tensor]) -> Tensor:
    """One below the other; under autocast each is cast before, not the whole after, which moves half as much."""
    device = weights[0].device.type
    cast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    if cast and weights[0].dtype == torch.float32:
        weights = [weight.to(torch.get_autocast_dtype(device)) for weight in weights]
    return torch.cat(weights)
