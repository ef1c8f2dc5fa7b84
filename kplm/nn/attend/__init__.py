"""Scoring rules, one a file: ``(q, k, v, relations, dropout) -> mixed`` with ``[B, H, Q, d]`` in and out."""

from kplm.nn.attend.auto import Auto
from kplm.nn.attend.flex import Flex
from kplm.nn.attend.names import attend_by_name
from kplm.nn.attend.scaled import Scaled
from kplm.nn.attend.written import Written

__all__ = ["Auto", "Flex", "Scaled", "Written", "attend_by_name"]
