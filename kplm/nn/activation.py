"""Feed-forward non-linearities by name."""

from __future__ import annotations

from torch import nn

from kplm.errors import KplmError, did_you_mean


def activation(name: str) -> nn.Module:
    """Build the non-linearity a config names; 'gelu' is the exact erf form.

    Raises:
        KplmError: the name is not known.
    """
    known = {"gelu": nn.GELU(), "gelu_tanh": nn.GELU(approximate="tanh"), "relu": nn.ReLU(), "silu": nn.SiLU()}
    if name not in known:
        raise KplmError(
            f"activation '{name}' is not known; possible are {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return known[name]
