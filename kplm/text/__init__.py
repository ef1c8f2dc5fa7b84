"""Strings to ids: tokenizer, character spans, markers."""

from kplm.text.tokenizer import Tokens, Tokenizer

__all__ = ["Tokenizer", "Tokens"]
