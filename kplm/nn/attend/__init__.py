"""Scoring rules, one a file: ``(q, k, v, relations, dropout) -> mixed`` with ``[B, H, Q, d]`` in and out."""

from kplm.nn.attend.scaled import Scaled

__all__ = ["Scaled"]
