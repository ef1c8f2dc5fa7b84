"""Which positions are hidden: one rule a file."""

from kplm.masking.select.base import Selector
from kplm.masking.select.preferred import Preferred
from kplm.masking.select.tokens import Tokens
from kplm.masking.select.words import WholeWords

__all__ = ["Preferred", "Selector", "Tokens", "WholeWords"]
