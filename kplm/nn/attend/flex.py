"""Scaled dot-product attention on FlexAttention."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from kplm.errors import KplmError
from kplm.nn.attend.scaled import Scaled
from kplm.nn.relations import Relations


class Flex(nn.Module):
    """The rule of :class:`Scaled` on a kernel that skips blocks in which nobody sees anybody (Dong et al., 2024, FlexAttention).

    It knows no dropout of attention probabilities. On a CPU it answers, but does not learn. A few queries alone skip no blocks; they
    go to :class:`Scaled`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scaled = Scaled()

    def forward(self, q: Tensor, k: Tensor, v: Tensor, relations: Relations, dropout: float) -> Tensor:
        """Mix the values. ``q`` is ``[B, H, Q, d]``, ``k`` and ``v`` are ``[B, H, K, d]``; returns ``[B, H, Q, d]``.

        Raises:
            KplmError: attention is to be dropped, or to learn on a CPU.
        """
        if dropout:
            raise KplmError(
                f"attention: flex cannot drop attention probabilities, but attention_dropout={dropout}. "
                f"Train with attention_dropout=0, or with attention: auto."
            )
        if q.device.type == "cpu" and q.requires_grad:
            raise KplmError("attention: flex does not learn on a CPU. Train on a GPU, or with attention: auto.")
        if q.shape != k.shape:
            return self.scaled(q, k, v, relations, dropout)
        return _kernel(q.device.type)(q, k, v, block_mask=relations.blocks)


@cache
def _kernel(device: str) -> Callable[..., Tensor]:
    """Compiled where the compiled form learns; else the plain one, which writes all scores out."""
    from torch.nn.attention.flex_attention import flex_attention

    return flex_attention if device == "cpu" else torch.compile(flex_attention)  # type: ignore[return-value]
