"""Scaled dot-product attention on the kernel that suits what is visible."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kplm.nn.attend.flex import Flex
from kplm.nn.attend.scaled import Scaled
from kplm.nn.relations import Relations

BLOCK = 128
"""Positions of a block of FlexAttention; a row within one has none to skip."""
NARROWEST = 16
"""Least width of a head that FlexAttention multiplies."""
KINDS = (torch.float32, torch.bfloat16, torch.float16)
"""Types it computes in."""


class Auto(nn.Module):
    """:class:`Flex` for long packed rows and trees on a GPU, as long as no attention is dropped; else :class:`Scaled`."""

    def __init__(self) -> None:
        super().__init__()
        self.scaled, self.flex = Scaled(), Flex()

    def forward(self, q: Tensor, k: Tensor, v: Tensor, relations: Relations, dropout: float) -> Tensor:
        """Mix the values. ``q`` is ``[B, H, Q, d]``, ``k`` and ``v`` are ``[B, H, K, d]``; returns ``[B, H, Q, d]``."""
        rule = self.flex if not dropout and suits_flex(q, k, relations) else self.scaled
        return rule(q, k, v, relations, dropout)


def suits_flex(q: Tensor, k: Tensor, relations: Relations) -> bool:
    """Whether FlexAttention can compute this self-attention, and has blocks to skip."""
    able = q.device.type == "cuda" and q.dtype in KINDS and q.shape[-1] >= NARROWEST and q.shape == k.shape
    return able and relations.visibility.sparse and k.shape[-2] > BLOCK
