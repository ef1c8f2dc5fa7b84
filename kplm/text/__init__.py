"""Strings to ids: tokenizer, character spans, markers."""

from kplm.text.tokenizer import Tokenizer, Tokens

__all__ = ["Tokenizer", "Tokens"]
