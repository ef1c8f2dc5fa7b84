"""Scoring rules, one a file: ``(q, k, v, relations, dropout) -> mixed`` with ``[B, H, Q, d]`` in and out."""

from kplm.nn.attend.auto import Auto
from kplm.nn.attend.flex import Flex
from kplm.nn.attend.names import attend_by_name
from kplm.nn.attend.scaled import Scaled

__all__ = ["Auto", "Flex", "Scaled", "attend_by_name"]
