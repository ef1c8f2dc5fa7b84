"""Strings to ids: tokenizer, character spans, markers."""

from kplm.text.tokenizer import Tokenizer
from kplm.text.tokens import Tokens

__all__ = ["Tokenizer", "Tokens"]
