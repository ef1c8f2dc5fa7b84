"""Pretraining: an objective sums terms; a term owns its prediction head and its loss."""

from kplm.objectives.base import Objective, Term, Weighted
from kplm.objectives.entity_denoising import EntityDenoising
from kplm.objectives.masked_words import MaskedWords
from kplm.objectives.next_sentence import NextSentence

__all__ = ["EntityDenoising", "MaskedWords", "NextSentence", "Objective", "Term", "Weighted"]
