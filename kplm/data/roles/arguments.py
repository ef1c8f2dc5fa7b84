"""The numbered arguments of a predicate: subject, objects, and complements."""

from __future__ import annotations

from collections.abc import Iterator

from kplm.data.roles.adjuncts import adjuncts
from kplm.data.roles.base import Span
from kplm.data.roles.clauses import extraposed, modal, subject, subject_role
from kplm.data.roles.lexicon import CAPABLE, CLAUSES, JUDGED, MOVED, SAYING, STATES, TELLING
from kplm.data.roles.relatives import RELATIVIZERS, antecedent
from kplm.data.roles.tree import Tree

OBJECTS = {"dobj": "ARG1", "dative": "ARG2", "agent": "ARG0"}


def of_verb(tree: Tree, verb: int) -> Iterator[Span]:
    """The arguments and modifiers of a verb; of two that overlap, the first counts."""
    if not modal(tree, verb):
        label = subject_role(tree, verb)
        yield from antecedent(tree, verb, label)
        yield from _subject(tree, verb, label)
        yield from _complements(tree, verb)
        yield from adjuncts(tree, verb)


def of_adjective(tree: Tree, word: int) -> Iterator[Span]:
    """The arguments and modifiers of an adjective, some of which hang from the verb before it."""
    verb, lemma = tree.heads[word], tree.lemmas[word]
    yield from _subject(tree, verb, "ARG0" if lemma in CAPABLE else "ARG1")
    second = "ARG1" if lemma in CAPABLE else "ARG0" if lemma in MOVED else "ARG2"
    clause = "C-ARG1" if lemma in JUDGED else second
    clause = "ARG1" if extraposed(tree, verb) is not None else clause
    roles = {"advmod": "ARGM-EXT", "npadvmod": "ARGM-EXT", "xcomp": clause, "ccomp": clause, "prep": second}
    yield from ((roles[kind], *tree.span(child)) for child, kind in tree.below(word) if kind in roles)
    yield from adjuncts(tree, verb)


def _subject(tree: Tree, verb: int, label: str) -> Iterator[Span]:
    found = subject(tree, verb)
    if found is None or extraposed(tree, verb) is not None:
        return
    if tree.tags[found] in RELATIVIZERS and (tree.tags[found] == "WDT" or tree.labels[tree.heads[found]] == "relcl"):
        label = f"R-{label}"
    yield label, *tree.span(found)


def _complements(tree: Tree, verb: int) -> Iterator[Span]:
    for child, kind in tree.below(verb):
        label = _complement(tree, verb, child, kind)
        if label and not (tree.labels[verb] == "relcl" and tree.tags[child] in RELATIVIZERS):
            yield label, *tree.span(child)
    clause = extraposed(tree, verb)
    if clause is not None:
        yield "ARG1", *tree.span(clause)


def _complement(tree: Tree, verb: int, child: int, kind: str) -> str | None:
    lemma = tree.lemmas[verb]
    if kind == "dobj" and lemma in TELLING and tree.find(verb, "ccomp", "xcomp") is not None:
        return "ARG2"
    if kind == "attr" and tree.find(verb, "expl") is not None:
        return "ARG1"
    if kind in {"attr", "acomp", "oprd"}:
        return STATES.get(lemma, "ARG2")
    if kind in CLAUSES:
        return _clause(tree, verb, child, kind)
    return OBJECTS.get(kind)


def _clause(tree: Tree, verb: int, child: int, kind: str) -> str | None:
    lemma = tree.lemmas[verb]
    if child < verb and lemma not in SAYING:
        return None
    if lemma == "be" and tree.find(verb, "attr", "acomp") is not None:
        return None
    if kind == "xcomp" and lemma not in TELLING and tree.find(verb, "dobj", "dative") is not None:
        return "ARG2"
    return CLAUSES[kind].get(lemma, "ARG1")
