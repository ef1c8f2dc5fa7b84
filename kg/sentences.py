"""Where sentences begin, by the rules of spaCy's sentencizer."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

import numpy as np
import spacy
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from kg.errors import KgError

COLUMNS: list[str | int] = ["IDX", "SENT_START"]


class Sentences:
    """Splits texts at ``.``, ``!``, ``?`` and their kin in other scripts, after spaCy's words of one language.

    Where words are found between blanks, spaCy sees only the neighbourhood of such signs: a tenth of a text decides, and
    the result is the same. The words it meets are forgotten after each call, so that memory does not grow.
    """

    def __init__(self, language: str = "en") -> None:
        """Make the pipeline; no trained model is needed.

        Args:
            language: a language code of spaCy, such as en, de or zh; xx for any.

        Raises:
            KgError: spaCy does not know the language, or lacks a package for it.
        """
        try:
            self._nlp = spacy.blank(language)
        except ImportError as error:
            fix = "Give a language code of spaCy such as en, or xx for any language."
            raise KgError(f"spaCy cannot split sentences in the language '{language}': {error}. {fix}") from error
        signs = self._nlp.add_pipe("sentencizer").punct_chars  # type: ignore[attr-defined]
        self._nlp.max_length = sys.maxsize
        self._by_blanks = type(self._nlp.tokenizer) is Tokenizer
        some = "".join(map(re.escape, sorted(signs)))
        self._stretch = re.compile(rf"(?<!\S)[^\s{some}]*[{some}]\S*(?:\s+(?:(?:[^\w\s]|_)+\s+)*(?=(\S*)))?")

    def starts(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The offsets of the characters at which sentences begin, for each text: ``[sentences] int64``."""
        with self._nlp.memory_zone():
            if not self._by_blanks:
                return [_starts(doc) for doc in self._nlp.pipe(texts)]
            found = [self._stretches(text) for text in texts]
            pieces = [text[begin:end] for text, spans in zip(texts, found) for begin, end in spans]
            starts = _starts(self._nlp("\n".join(pieces)))
        return _put_back(starts, found, texts)

    def _stretches(self, text: str) -> list[tuple[int, int]]:
        """From each word that has a sign in it up to the next word that is more than signs; no two touch."""
        spans: list[tuple[int, int]] = []
        reached = -1
        for match in self._stretch.finditer(text):
            begin = spans.pop()[0] if match.start() == reached else match.start()
            spans.append((begin, max(match.end(1), match.end())))
            reached = match.end()
        return spans


def _starts(doc: Doc) -> np.ndarray:
    columns = doc.to_array(COLUMNS).astype(np.int64)
    return columns[columns[:, 1] == 1, 0]


def _put_back(starts: np.ndarray, found: list[list[tuple[int, int]]], texts: Sequence[str]) -> list[np.ndarray]:
    """Starts among the joined stretches as offsets in their texts; the first of a stretch is the first of a text only."""
    bases = np.cumsum([0, *(len(text) for text in texts)])  # of the texts without a joint
    spans = np.array([(b + base, e + base) for own, base in zip(found, bases) for b, e in own], np.int64).reshape(-1, 2)
    sizes = spans[:, 1] - spans[:, 0]
    begins = np.cumsum(sizes + 1) - sizes - 1  # of the stretches, joined by one character
    own = np.searchsorted(begins, starts, side="right") - 1
    inside = starts - begins[own] if len(begins) else starts
    kept = (inside > 0) & (inside < sizes[own]) if len(begins) else np.zeros(len(starts), bool)
    places = spans[own[kept], 0] + inside[kept]
    cuts = np.searchsorted(places, bases)
    return [
        np.append([0] if text else [], places[i:j] - base).astype(np.int64)
        for text, base, i, j in zip(texts, bases, cuts, cuts[1:])
    ]
