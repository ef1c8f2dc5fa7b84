"""The modifiers of a predicate, ARGM-..., and what its prepositional phrases are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kplm.data.roles.base import Span
from kplm.data.roles.clauses import modal, passive
from kplm.data.roles.lexicon import (
    ADJUNCTS,
    BE,
    BEFORE_CLAUSES,
    COMPLEMENTS,
    FRAMES,
    LABELS,
    MOVING,
    OFTEN_TIMELY,
    PLACES,
    TIMELY,
    TIMES,
)
from kplm.data.roles.tree import Tree

CLOCK = re.compile(r"(1[89]|20)\d\d|\d\d?:\d\d|'\d\d|\d+/\d+(/\d+)?")
"""A year, a time of day, or a date."""


def adjuncts(tree: Tree, verb: int) -> Iterator[Span]:
    """The modifiers of a verb, prepositional complements among them."""
    for child in tree.children[verb]:
        label = _label(tree, verb, child)
        if label:
            yield label, *tree.span(child)
    head = tree.heads[verb]
    if tree.labels[verb] == "xcomp" and modal(tree, head):
        yield from (span for span in adjuncts(tree, head) if span[1] < verb)
    elif tree.labels[verb] == "conj" and tree.tags[verb] == "VB" == tree.tags[head]:
        for child in tree.children[head]:
            if tree.tags[child] == "MD" and child < head:
                yield "ARGM-MOD", child, child + 1


def _label(tree: Tree, verb: int, child: int) -> str | None:
    kind = tree.labels[child]
    if kind == "aux":
        return "ARGM-MOD" if tree.tags[child] == "MD" else None
    if kind == "prep":
        return prepositional(tree, verb, child)
    if kind == "advmod":
        return adverb(tree, verb, child)
    if kind == "npadvmod":
        return "ARGM-TMP" if of_time(tree, child) else None
    if kind == "advcl":
        return clause(tree, child)
    if kind == "cc":
        return "ARGM-DIS" if child == 0 else None
    return {"neg": "ARGM-NEG", "intj": "ARGM-DIS", "prt": "C-V"}.get(kind)


def adverb(tree: Tree, verb: int, word: int) -> str:
    """What an adverb is to its verb."""
    name = tree.words[word].lower()
    if name in PLACES and word > verb and tree.lemmas[verb] in MOVING | BE:
        return "ARG2" if tree.lemmas[verb] in BE else "ARG4"
    if name in LABELS:
        return LABELS[name]
    return "ARGM-MNR" if name.endswith("ly") else "ARGM-TMP" if of_time(tree, word) else "ARGM-ADV"


def clause(tree: Tree, word: int) -> str | None:
    """What an adverbial clause is to its verb, by its first word or its form."""
    for child in tree.children[word]:
        if child < word and tree.labels[child] in {"mark", "advmod"}:
            return BEFORE_CLAUSES.get(tree.words[child].lower(), "ARGM-ADV")
    if any(tree.tags[child] == "TO" for child in tree.children[word]):
        return "ARGM-PRP"
    return "ARGM-ADV" if tree.tags[word] == "VBG" else None


def prepositional(tree: Tree, verb: int, word: int) -> str:
    """What a prepositional phrase is to its verb."""
    preposition, lemma = tree.lemmas[word], tree.lemmas[verb]
    inside = tree.find(word, "pobj", "pcomp")
    if preposition in TIMELY or (preposition in OFTEN_TIMELY and inside is not None and of_time(tree, inside)):
        return "ARGM-TMP"
    if f"{lemma}:{preposition}" in FRAMES:
        return FRAMES[f"{lemma}:{preposition}"]
    if preposition in ADJUNCTS:
        return ADJUNCTS[preposition]
    if lemma in BE and tree.find(verb, "attr", "acomp") is None:
        return "ARG2"
    if preposition in {"to", "into"} and lemma in MOVING:
        return "ARG4"
    kind = 2 if passive(tree, verb) else 1 if tree.find(verb, "dobj") is not None else 0
    return COMPLEMENTS.get(preposition, ("ARG2",) * 3)[kind]


def of_time(tree: Tree, word: int) -> bool:
    """Whether a noun names a time."""
    return tree.lemmas[word] in TIMES or CLOCK.fullmatch(tree.words[word]) is not None
