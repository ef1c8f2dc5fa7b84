"""Scaled dot-product attention on PyTorch's fused kernel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from kplm.nn.relations import Relations


class Scaled(nn.Module):
    """``softmax(q k^T / sqrt(d)) v`` over the visible keys (Vaswani et al., 2017, section 3.2.1)."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, relations: Relations, dropout: float) -> Tensor:
        """Mix the values. ``q`` is ``[B, H, Q, d]``, ``k`` and ``v`` are ``[B, H, K, d]``; returns ``[B, H, Q, d]``."""
        return F.scaled_dot_product_attention(q, k, v, attn_mask=relations.mask, dropout_p=dropout)
