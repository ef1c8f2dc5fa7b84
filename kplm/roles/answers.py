"""Examples with their roles, as they are written: one JSON object a text, in the form of AllenNLP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kplm.data.example import Example
from kplm.data.roles.base import Predicate
from kplm.roles.stretches import PREDICATE

Cut = Callable[[Sequence[str]], list[list[tuple[int, int]]]]
"""Texts in, the characters of their words out."""


def with_words(examples: Sequence[Example], cut: Cut) -> list[Example]:
    """Examples that all have words; ``cut`` finds those of the others."""
    raw = [one.text for one in examples if not one.words]
    places = iter(cut(raw) if raw else ())
    return [one if one.words else replace(one, words=tuple(next(places))) for one in examples]


def words_of(example: Example) -> list[str]:
    """The words themselves."""
    return [example.text[start:end] for start, end in example.words]


def marked_predicates(example: Example) -> list[int] | None:
    """The words that are marked as predicates; None where nothing is marked."""
    marks = [mark for mark in example.marks if mark.role == PREDICATE]
    holding = [next((i for i, (_, end) in enumerate(example.words) if end > mark.start), None) for mark in marks]
    return [i for i in holding if i is not None] if marks else None


def role_answer(example: Example, found: Sequence[Predicate]) -> dict[str, Any]:
    """``{"id", "text", "words", "verbs"}``; a verb is ``{"verb", "index", "tags"}``, with its ``roleset`` where that is known."""
    words = words_of(example)
    return {"id": example.id, "text": example.text, "words": words, "verbs": [_verb(words, one) for one in found]}


def _verb(words: Sequence[str], one: Predicate) -> dict[str, Any]:
    verb = {"verb": words[one.index], "index": one.index, "tags": list(one.tags)}
    return verb | ({"roleset": one.roleset} if one.roleset else {})
