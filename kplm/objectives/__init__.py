"""Pretraining: an objective sums terms; a term owns its prediction head and its loss."""

from kplm.objectives.base import Objective, Term, Weighted
from kplm.objectives.entity_denoising import EntityDenoising
from kplm.objectives.masked_regions import MaskedRegions
from kplm.objectives.masked_words import MaskedWords
from kplm.objectives.next_sentence import NextSentence
from kplm.objectives.sentence_image import SentenceImage
from kplm.objectives.supersenses import Supersenses
from kplm.objectives.word_mean_senses import WordMeanSenses

__all__ = [
    "EntityDenoising",
    "MaskedRegions",
    "MaskedWords",
    "NextSentence",
    "Objective",
    "SentenceImage",
    "Supersenses",
    "Term",
    "Weighted",
    "WordMeanSenses",
]
