"""What a pretraining batch hides: which positions, what replaces them, how many; noise on entities; regions.

Maskers take a padded batch and a generator and return a batch with labels: nothing is masked on disk, so every epoch hides
something else (dynamic masking; Liu et al., 2019, section 4.1).
"""

from kplm.masking.base import Masker
from kplm.masking.budget import Budget
from kplm.masking.corrupt import Corrupt
from kplm.masking.entities import EntityNoise
from kplm.masking.regions import MaskRegions
from kplm.masking.select import Preferred, Selector, Tokens, WholeWords
from kplm.masking.words import MaskWords

__all__ = [
    "Budget",
    "Corrupt",
    "EntityNoise",
    "MaskRegions",
    "MaskWords",
    "Masker",
    "Preferred",
    "Selector",
    "Tokens",
    "WholeWords",
]
