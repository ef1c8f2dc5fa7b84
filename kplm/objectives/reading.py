"""What stands between the encoder's states and an output table that is tied to the input."""

from __future__ import annotations

from typing import Literal

from torch import nn

from kplm.errors import KplmError
from kplm.models import BaseEncoder
from kplm.nn.transform import Transform

Read = Literal["transform", "states"]
"""'transform': linear map, non-linearity and LayerNorm, as in BERT's code; 'states': nothing, as papers write it down."""


def check_read(read: str) -> None:
    """Refuse other words.

    Raises:
        KplmError: says which are possible.
    """
    if read not in ("transform", "states"):
        raise KplmError(f"read='{read}'; possible are 'transform' and 'states'.")


def reading(encoder: BaseEncoder, read: Read) -> nn.Module:
    """A module from states ``[..., D]`` to what the table is multiplied with, ``[..., D]``.

    Raises:
        KplmError: the states are not as wide as the table.
    """
    config = encoder.config
    if encoder.width != config.hidden:
        raise KplmError(
            f"the states of {type(encoder).__name__} are {encoder.width} wide, its word table {config.hidden}, and a state tells of "
            f"a whole word, so there are no single tokens to predict. Pretrain the plain encoder and start from that."
        )
    return Transform(config, config.hidden) if read == "transform" else nn.Identity()
