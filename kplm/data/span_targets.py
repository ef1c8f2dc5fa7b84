"""Answers as spans of a second text to batch fields (SQuAD: Rajpurkar et al., 2016 and 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from string import punctuation
from typing import Any
from unicodedata import category

import numpy as np

from kplm.data.example import Example
from kplm.data.targets import Targets
from kplm.fields import IGNORE, code_points
from kplm.text import Tokens
from kplm.text.tokens import NOWHERE, Ints

ARTICLES = {"a", "an", "the"}
NO_SIGNS = str.maketrans("", "", punctuation)


class SpanTargets(Targets):
    """Which tokens answer, and what scores and answers are made of: the text of the window and the answers that are right."""

    writes = frozenset({"answer_tokens", "character_spans", "characters", "right_answers"})
    named = False

    @staticmethod
    def gold(example: Example) -> Sequence[str]:
        """Answers are no classes."""
        return ()

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """The first gold answer is learnt, all of them count as right; a window that does not hold it whole has [CLS] instead.

        Returns: ``answer_tokens [2]``, ``character_spans [L, 2]``, ``characters [T]`` and ``right_answers [N, T]``.
        """
        own = np.flatnonzero(tokens.parts == 1)
        places = tokens.offsets[own]  # [C, 2]
        spans = np.full((len(tokens), 2), NOWHERE, dtype=np.int32)
        spans[own] = places
        first, last = (places[0, 0], places[-1, 1]) if len(own) else (0, 0)
        return {
            "answer_tokens": [IGNORE, IGNORE] if example.spans is None else _answer(example, own, places),
            "character_spans": spans,
            "characters": code_points((example.pair or "")[first:last]),
            "right_answers": _table([code_points(text) for text in right_answers(example)]),
        }


def right_answers(example: Example) -> list[str]:
    """The gold answers, each once; none where nothing answers.

    Those that consist of articles and signs are left out, as SQuAD's evaluation does: it would take no answer for them.
    """
    texts = dict.fromkeys((example.pair or "")[start:end] for start, end in example.spans or ())
    return [text for text in texts if set(text.lower().translate(NO_SIGNS).split()) - ARTICLES]


def _answer(example: Example, own: Ints, places: Ints) -> list[int]:
    """First and last token of the first gold answer among the tokens ``own [C]`` of these characters ``[C, 2]``."""
    for start, end in (example.spans or ())[:1]:
        start, end = _seen(example.pair or "", start, end)
        if len(own) and places[0, 0] <= start < end <= places[-1, 1]:
            first, last = places[:, 1].searchsorted(start, "right"), places[:, 0].searchsorted(end, "left") - 1
            if first <= last:
                return [int(own[first]), int(own[last])]
    return [0, 0]


def _seen(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the white space, marks on letters and signs of control at its ends, which no token may stand for."""
    while start < end and _unseen(text[end - 1]):
        end -= 1
    while start < end and _unseen(text[start]):
        start += 1
    return start, end


def _unseen(character: str) -> bool:
    return character.isspace() or category(character)[0] in "MC"


def _table(texts: Sequence[np.ndarray]) -> np.ndarray:
    """Texts as the rows of a table ``[N, T]``, padded."""
    table = np.full((len(texts), max(map(len, texts), default=0)), NOWHERE, dtype=np.int32)
    for row, text in zip(table, texts):
        row[: len(text)] = text
    return table
