"""Princeton WordNet, read from its own files: supersenses of words, the allowed matrix of a vocabulary, pointers, glosses.

Nothing is downloaded, and no other reader is needed. WordNet has its own licence, which the graph's folder repeats.
"""

from kg.wordnet.allowed import Exceptions, allowed_supersenses, function_words
from kg.wordnet.find import find_wordnet
from kg.wordnet.supersenses import SUPERSENSES, supersense_of_key
from kg.wordnet.synsets import Gloss
from kg.wordnet.wordnet import WordNet

__all__ = [
    "SUPERSENSES",
    "Exceptions",
    "Gloss",
    "WordNet",
    "allowed_supersenses",
    "find_wordnet",
    "function_words",
    "supersense_of_key",
]
