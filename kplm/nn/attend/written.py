"""Scaled dot-product attention step by step."""

from __future__ import annotations

from torch import Tensor, nn

from kplm.nn.dropout import drop
from kplm.nn.relations import Relations


class Written(nn.Module):
    """The rule of :class:`Scaled` with all probabilities written out, in the precision of what it is given.

    On a CPU it learns faster than the fused kernel where that writes them out too, in float32 and with slow dropout, or where it
    has to compute them a second time.
    """

    def forward(self, q: Tensor, k: Tensor, v: Tensor, relations: Relations, dropout: float) -> Tensor:
        """Mix the values. ``q`` is ``[B, H, Q, d]``, ``k`` and ``v`` are ``[B, H, K, d]``; returns ``[B, H, Q, d]``."""
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # [B, H, Q, K]
        hides = relations.bias(scores.dtype)
        shares = (scores if hides is None else scores + hides).softmax(-1)
        return drop(shares, dropout) @ v
