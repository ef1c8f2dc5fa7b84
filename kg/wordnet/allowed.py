"""Which supersenses each entry of a vocabulary may have: the matrix M of SenseBERT (Levine et al., 2020, section 3.1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from kg.errors import KgError
from kg.wordnet.find import FILES, find_wordnet
from kg.wordnet.kept import keep, kept
from kg.wordnet.supersenses import SUPERSENSES
from kg.wordnet.wordnet import WordNet

VERSION = 1
"""Of the rules in this module and `morphology`; another number makes old matrices unused."""
MANY = 1000
"""Vocabularies with fewer words are too small to tell their language."""


@dataclass(frozen=True)
class Exceptions:
    """Which entries of a vocabulary have no supersenses, whatever WordNet says.

    The first three are the paper's. Special tokens and punctuation have none anyway, since WordNet does not know them.

    Attributes:
        shortest: shorter words have none, in characters; 1 for no such rule.
        stop_words: words that have none; ``None`` stands for `function_words`, ``()`` for no such rule.
        piece: how an entry begins that continues a word; such an entry has none. Empty where the vocabulary does not mark them.
        word: how an entry begins that starts a word, where the vocabulary marks those, such as ``Ġ`` or ``▁``; all others
            then are pieces.
        letters: words with anything but letters, such as ``1990s``, have none.
        least: of a vocabulary of another language few words are known; a smaller share is an error. 0 allows any.
    """

    shortest: int = 4
    stop_words: Collection[str] | None = None
    piece: str = "##"
    word: str = ""
    letters: bool = True
    least: float = 0.25


@cache
def function_words() -> frozenset[str]:
    """English function words, the 179 of NLTK's list of stop words."""
    text = files("kg.wordnet").joinpath("function_words.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def allowed_supersenses(
    tokens: Sequence[str], wordnet: str | Path | None = None, exceptions: Exceptions = Exceptions()
) -> np.ndarray:
    """Which supersenses each token may have, from the cache where it has them for this vocabulary and this WordNet.

    Args:
        tokens: the V entries of a vocabulary in the order of their ids.
        wordnet: the folder of WordNet, see `find_wordnet`.
        exceptions: which tokens have none.

    Returns: ``[V, 45] bool``, the columns in the order of `SUPERSENSES`.

    Raises:
        KgError: WordNet is not found or damaged, or the vocabulary is not in its language.
    """
    folder, words = find_wordnet(wordnet), words_of(tokens, exceptions)
    key, shape = _key(tokens, folder, exceptions), (len(tokens), len(SUPERSENSES))
    allowed = kept(key, shape)
    if allowed is None:
        allowed = _built(words, WordNet.open(folder))
        keep(key, allowed)
    _check_language(tokens, words, allowed, folder, exceptions)
    return allowed


def words_of(tokens: Sequence[str], exceptions: Exceptions) -> list[str]:
    """The word that each token stands for, empty where an exception holds."""
    stop = function_words() if exceptions.stop_words is None else frozenset(exceptions.stop_words)
    whole = (_whole(token, exceptions) for token in tokens)
    return ["" if _excepted(word, stop, exceptions) else word for word in whole]


def _whole(token: str, exceptions: Exceptions) -> str:
    """A token without its mark, empty where it is a piece of a word."""
    if exceptions.piece and token.startswith(exceptions.piece):
        return ""
    return token[len(exceptions.word) :] if token.startswith(exceptions.word) else ""


def _excepted(word: str, stop: frozenset[str], exceptions: Exceptions) -> bool:
    return len(word) < exceptions.shortest or word.lower() in stop or (exceptions.letters and not word.isalpha())


def _built(words: Sequence[str], wordnet: WordNet) -> np.ndarray:
    allowed = np.zeros((len(words), len(SUPERSENSES)), np.bool_)
    for row, word in enumerate(words):
        if word:
            allowed[row, wordnet.supersense_numbers(word)] = True
    return allowed


def _key(tokens: Sequence[str], folder: Path, exceptions: Exceptions) -> str:
    """Differs where anything differs that the matrix depends on."""
    stats = [(name, (folder / name).stat()) for name in FILES]
    dated = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    stop = sorted(function_words() if exceptions.stop_words is None else exceptions.stop_words)
    rules = [exceptions.shortest, exceptions.piece, exceptions.word, exceptions.letters, stop]
    return hashlib.sha256(json.dumps([VERSION, dated, rules, list(tokens)]).encode()).hexdigest()


def _check_language(
    tokens: Sequence[str], words: Sequence[str], allowed: np.ndarray, folder: Path, exceptions: Exceptions
) -> None:
    """Whole words of any length count, so that a vocabulary of single signs is found out as well."""
    whole = sum(_whole(token, exceptions).isalpha() for token in tokens)
    known, least = allowed.sum(1) > 0, exceptions.least
    if not least or (known.any() and (whole < MANY or known.sum() >= least * whole)):
        return
    unknown = [word for word, row in zip(words, known, strict=True) if word and not row]
    got = f"{known.sum():,} of the vocabulary's {whole:,} whole words have a supersense in {folder}"
    some = f", unlike {', '.join(unknown[:5])}" if unknown else ""
    usual = "Of an English vocabulary it is 4 in 5 with an English WordNet"
    fix = f"Give a vocabulary and a WordNet of one language, or allow less than {least:.0%} with Exceptions(least=0)"
    raise KgError(f"Only {got}{some}. {usual}. {fix}.")
