"""Relative clauses and participles behind a noun: the noun is an argument, and a pronoun stands for it (R-...)."""

from __future__ import annotations

from collections.abc import Iterator

from kplm.data.roles.adjuncts import of_time, prepositional
from kplm.data.roles.base import Span
from kplm.data.roles.lexicon import CIRCUMSTANCES, RELATIVE
from kplm.data.roles.tree import SUBJECTS, Tree

RELATIVIZERS = {"WDT", "WP", "WP$", "WRB"}
COMPLEMENTS = ("dobj", "ccomp", "xcomp", "acomp", "attr")


def antecedent(tree: Tree, verb: int, subject_role: str) -> Iterator[Span]:
    """The noun before a verb's relative clause, without that clause, and the pronoun.

    Args:
        tree: the sentence.
        verb: the predicate.
        subject_role: ARG0 or ARG1, what its subject would be.
    """
    top = _top(tree, verb)
    noun = tree.heads[top]
    if tree.labels[top] not in {"relcl", "acl"} or noun > top:
        return
    pronoun = _pronoun(tree, verb)
    if tree.labels[top] == "acl" or top != verb:
        role = subject_role if tree.tags[top] in {"VBN", "VBG"} or _pronoun(tree, top) is not None else None
    elif pronoun is not None:
        role = _role_of_pronoun(tree, verb, pronoun, subject_role)
    else:
        role = _role_of_gap(tree, verb, noun)
    if role is not None:
        if pronoun is not None:
            yield f"R-{role}", *tree.span(pronoun)
        yield role, *tree.trimmed(int(tree.edges[noun, 0]), int(tree.edges[top, 0]), noun)


def _top(tree: Tree, verb: int) -> int:
    """The verb itself, or the one it is coordinated with or completes."""
    while tree.labels[verb] in {"conj", "xcomp"}:
        verb = tree.heads[verb]
    return verb


def _pronoun(tree: Tree, verb: int) -> int | None:
    """The child of a verb that is a relative pronoun or a preposition before one."""
    return next((child for child in tree.children[verb] if _relative(tree, child)), None)


def _relative(tree: Tree, child: int) -> bool:
    if tree.labels[child] == "prep":
        return any(tree.tags[below] in RELATIVIZERS for below in tree.children[child])
    return tree.tags[child] in RELATIVIZERS


def _role_of_pronoun(tree: Tree, verb: int, pronoun: int, subject_role: str) -> str:
    if tree.labels[pronoun] == "prep":
        return prepositional(tree, verb, pronoun)
    if tree.labels[pronoun] in SUBJECTS:
        return subject_role
    return RELATIVE.get(tree.lemmas[pronoun], "ARG1")


def _role_of_gap(tree: Tree, verb: int, noun: int) -> str | None:
    """Without a pronoun: a circumstance, or the object that the verb lacks."""
    if tree.lemmas[noun] in CIRCUMSTANCES:
        return CIRCUMSTANCES[tree.lemmas[noun]]
    if of_time(tree, noun):
        return "ARGM-TMP"
    return "ARG1" if tree.subject(verb) is not None and tree.find(verb, *COMPLEMENTS) is None else None
