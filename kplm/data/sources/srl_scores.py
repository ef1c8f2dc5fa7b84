"""Predicted semantic roles counted as CoNLL-2005 counts them: exact spans with their labels, V left out (Carreras and Marquez, 2005)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kplm.data.roles.base import VERB
from kplm.data.roles.reading import RoleSentence, role_sentences
from kplm.errors import DataError

Argument = tuple[int, int, str, int, int]
"""Sentence, word of the predicate, label, first word, and the word behind the last."""
GROUPS = ("ARG0", "ARG1", "ARG2", "ARGM")
"""Parts of the table; ARGM are all adjuncts, continued (C-) and referring (R-) arguments are in none."""


@dataclass(frozen=True, slots=True)
class Counts:
    """One line of the table."""

    part: str
    hits: int
    found: int
    gold: int

    @classmethod
    def of(cls, part: str, found: set[Argument], gold: set[Argument]) -> Counts:
        """What two sets have in common."""
        return cls(part, len(found & gold), len(found), len(gold))

    @property
    def precision(self) -> float:
        """Right ones among the found, 0 where nothing is found."""
        return self.hits / max(1, self.found)

    @property
    def recall(self) -> float:
        """Found ones among the right."""
        return self.hits / max(1, self.gold)

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.hits / max(1, self.found + self.gold)


@dataclass(frozen=True, slots=True)
class RoleScores:
    """What predicted roles are worth."""

    sentences: int
    predicates: Counts
    arguments: list[Counts]
    """End to end: the arguments of a predicate that is missed are missed, those of a wrong one are wrong."""
    given: list[Counts]
    """The same, counted over the predicates alone that are right."""


def role_scores(found: str | Path, gold: str | Path) -> RoleScores:
    """Count one file against another.

    Args:
        found: predictions in a form that :func:`role_sentences` reads, such as ``kplm predict`` writes.
        gold: the same sentences in the same order, with the right roles.

    Raises:
        DataError: a file cannot be read, or the sentences differ.
    """
    pairs = list(_paired(found, gold))
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    verbs = [set(_verbs(side)) for side in (ours, theirs)]
    spans = [set(_arguments(side)) for side in (ours, theirs)]
    right = {verb[:2] for verb in verbs[0] & verbs[1]}
    given = [{one for one in side if one[:2] in right} for side in spans]
    return RoleScores(len(pairs), Counts.of("predicates", *verbs), _table(*spans), _table(*given))


def _table(found: set[Argument], gold: set[Argument]) -> list[Counts]:
    lines = [Counts.of("arguments", found, gold)]
    for group in GROUPS:
        parts = ({one for one in side if one[2].partition("-")[0] == group} for side in (found, gold))
        lines.append(Counts.of(group, *parts))
    return lines


def _verbs(sentences: Iterable[RoleSentence]) -> Iterator[Argument]:
    return ((i, one.index, VERB, 0, 0) for i, sentence in enumerate(sentences) for one in sentence.predicates)


def _arguments(sentences: Iterable[RoleSentence]) -> Iterator[Argument]:
    for i, sentence in enumerate(sentences):
        for one in sentence.predicates:
            yield from ((i, one.index, *span) for span in one.spans if span[0] != VERB)


def _paired(found: str | Path, gold: str | Path) -> Iterator[tuple[RoleSentence, RoleSentence]]:
    """Each predicted sentence with the right one."""
    sides = list(role_sentences(found)), list(role_sentences(gold))
    for one, other in zip(*sides):
        if one.words != other.words:
            ours, theirs = " ".join(one.words[:8]), " ".join(other.words[:8])
            raise DataError(
                f"{one.where}: the words '{ours}' are not those of {other.where}, '{theirs}'. Predict that file itself: "
                f"kplm predict MODEL {gold} OUT --reader kplm.data.sources.Srl --reader.rows sentences"
            )
    if len(sides[0]) != len(sides[1]):
        counts = [f"{len(side):,}" for side in sides]
        raise DataError(f"{found} has {counts[0]} sentences, but {gold} has {counts[1]}. Predict the whole file.")
    yield from zip(*sides)
