"""Dropout that is quick on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEPS = 2**15
"""In how many steps a number is drawn; the share that is dropped is right to half of one."""
LANES = 4
"""Numbers that are drawn with one 64-bit word, one in each of its lanes of 16 bits."""
EACH = 0x0001000100010001
"""A 1 in every lane."""


class Dropout(nn.Dropout):
    """Zeroes a share ``p`` of the states while training and scales the others up (Srivastava et al., 2014), see :func:`drop`."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape in and out."""
        return drop(input, self.p) if self.training else input


def drop(states: Tensor, share: float) -> Tensor:
    """Zero a share of the states and scale the others up.

    torch draws a number of its own for each state, on one thread. Here, on a CPU, one word serves four states, so ``share`` is
    rounded to a multiple of 1/:data:`STEPS`, and what is kept is scaled by the share that is really kept. The words are those of SFC64,
    a quicker generator than torch's (Doty-Humphrey's, in NumPy), seeded anew by torch's default one at each call.

    Args:
        states: float, any shape.
        share: from 0 to 1.
    """
    dropped = round(share * STEPS)
    if states.device.type != "cpu" or torch.compiler.is_compiling() or dropped >= STEPS or not states.numel():
        return F.dropout(states, share)
    return _Dropped.apply(states, _kept(states, dropped), STEPS / (STEPS - dropped)) if dropped else states


class _Dropped(torch.autograd.Function):
    """States and gradients alike: 0, or scaled up."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, kept: Tensor, scale: float) -> Tensor:
        """``kept`` is int16 of the shape of ``states``, all bits set where a state is kept and none where it is dropped."""
        ctx.save_for_backward(kept)
        ctx.scale = scale
        if states.element_size() != kept.element_size():
            return kept.to(states.dtype).mul_(states).mul_(-scale)
        found = states * scale
        found.view(kept.dtype).bitwise_and_(kept)  # no bit set is the number 0
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return _Dropped.apply(grads[0], *ctx.saved_tensors, ctx.scale), None, None


def _kept(states: Tensor, dropped: int) -> Tensor:
    """Draw 15 bits a state; ``dropped`` of all :data:`STEPS` numbers do not carry into the sign of their lane."""
    seed = int(torch.empty((), dtype=torch.int64).random_())
    words = torch.from_numpy(np.random.SFC64(seed).random_raw(-(-states.numel() // LANES)).view(np.int64))
    words.bitwise_and_((STEPS - 1) * EACH).add_((STEPS - dropped) * EACH)
    return words.view(torch.int16).bitwise_right_shift_(15)[: states.numel()].view(states.shape)
