"""What a layer's attention looks at, computed once more from its own projections; the fused kernel does not tell."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from kplm.errors import KplmError
from kplm.fields import Batch
from kplm.nn.attention import Attention
from kplm.nn.relations import Relations


def attention_weights(attention: Attention, states: Tensor, relations: Relations) -> Tensor:
    """``softmax(q k^T / sqrt(d))`` of self-attention.

    Args:
        attention: the layer's.
        states: ``[B, L, D]`` float, what it reads.
        relations: who sees whom.

    Returns: ``[B, H, L, L]`` float, a row sums to 1.
    """
    q, k, _ = attention._read(states, states)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5  # [B, H, L, L]
    if relations.mask is not None:
        scores = scores.masked_fill(~relations.mask, float("-inf"))
    return scores.softmax(-1)


@torch.no_grad()
def last_attention(encoder: nn.Module, batch: Batch) -> Tensor:
    """The attention weights ``[B, H, L, L]`` of the encoder's last layer on a batch.

    Raises:
        KplmError: the encoder has no self-attention.
    """
    layers = [module for module in encoder.modules() if isinstance(module, Attention)]
    if not layers:
        raise KplmError(f"{type(encoder).__name__} has no attention to look at.")
    found: list[Tensor] = []

    def look(attention: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(attention, Attention)
        found.append(attention_weights(attention, inputs[0], inputs[2]))

    hook = layers[-1].register_forward_pre_hook(look)
    try:
        encoder(batch)
    finally:
        hook.remove()
    return found[-1]
