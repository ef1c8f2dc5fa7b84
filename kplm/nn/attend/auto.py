"""Scaled dot-product attention on the kernel that suits what is visible."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kplm.nn.attend.flex import Flex
from kplm.nn.attend.scaled import Scaled
from kplm.nn.attend.written import Written
from kplm.nn.relations import Relations

BLOCK = 128
"""Positions of a block of FlexAttention; a row within one has none to skip."""
NARROWEST = 16
"""Least width of a head that FlexAttention multiplies."""
KINDS = (torch.float32, torch.bfloat16, torch.float16)
"""Types it computes in."""
HALF = (torch.bfloat16, torch.float16)


class Auto(nn.Module):
    """The fastest of three.

    :class:`Flex` for long packed rows and trees on a GPU, as long as no attention is dropped; :class:`Written` on a CPU where
    attention is dropped, or learns in half precision; else :class:`Scaled`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scaled, self.flex, self.written = Scaled(), Flex(), Written()

    def forward(self, q: Tensor, k: Tensor, v: Tensor, relations: Relations, dropout: float) -> Tensor:
        """Mix the values. ``q`` is ``[B, H, Q, d]``, ``k`` and ``v`` are ``[B, H, K, d]``; returns ``[B, H, Q, d]``."""
        return self._rule(q, k, relations, dropout)(q, k, v, relations, dropout)

    def _rule(self, q: Tensor, k: Tensor, relations: Relations, dropout: float) -> nn.Module:
        if suits_written(q, dropout):
            return self.written
        return self.flex if not dropout and suits_flex(q, k, relations) else self.scaled


def suits_written(q: Tensor, dropout: float) -> bool:
    """Whether the fused kernel would be the slower one: it is on a CPU with dropout, and for gradients in half precision."""
    learns_in_half = q.requires_grad and q.dtype in HALF
    return q.device.type == "cpu" and (dropout > 0 or learns_in_half)


def suits_flex(q: Tensor, k: Tensor, relations: Relations) -> bool:
    """Whether FlexAttention can compute this self-attention, and has blocks to skip."""
    able = q.device.type == "cuda" and q.dtype in KINDS and q.shape[-1] >= NARROWEST and q.shape == k.shape
    return able and relations.visibility.sparse and k.shape[-2] > BLOCK
