"""Scoring rules by name."""

from __future__ import annotations

from torch import nn

from kplm.errors import KplmError, did_you_mean
from kplm.nn.attend.auto import Auto
from kplm.nn.attend.flex import Flex
from kplm.nn.attend.scaled import Scaled

KNOWN: dict[str, type[nn.Module]] = {"auto": Auto, "sdpa": Scaled, "flex": Flex}


def attend_by_name(name: str) -> nn.Module:
    """Build the rule a config names.

    Raises:
        KplmError: the name is not known.
    """
    if name not in KNOWN:
        raise KplmError(f"attention '{name}' is not known; possible are {', '.join(KNOWN)}.{did_you_mean(name, KNOWN)}")
    return KNOWN[name]()
