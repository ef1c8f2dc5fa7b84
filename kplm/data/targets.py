"""Gold labels to batch fields, one class a kind of task."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from math import isfinite
from typing import Any

import numpy as np

from kplm.data.example import Example
from kplm.data.sources.vqa_answers import normalised
from kplm.errors import LabelError, did_you_mean
from kplm.fields import IGNORE
from kplm.text import Tokens
from kplm.text.sides import exchanged
from kplm.text.tokens import Ints

log = logging.getLogger(__name__)


class Targets(ABC):
    """Knows the classes of a task and writes the gold ones; an example without gold labels is left unlabelled."""

    writes: frozenset[str]
    named = True
    """Whether its labels are classes that have names."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._index = {name: i for i, name in enumerate(self.names)}

    @classmethod
    def of(cls, examples: Iterable[Example], least: int = 1) -> tuple[str, ...]:
        """The sorted class names that occur in so many examples at least."""
        counts = Counter(name for example in examples for name in set(cls.gold(example)))
        return tuple(sorted(name for name, count in counts.items() if count >= least))

    @staticmethod
    @abstractmethod
    def gold(example: Example) -> Sequence[str]:
        """The class names one example carries."""

    def mirrored(self, example: Example) -> Example:
        """The example with the gold labels that it has when left and right change places; most labels are no such words."""
        return example

    @abstractmethod
    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """Label fields of one example.

        Raises:
            LabelError: the example carries a name that is no class.
        """

    def index(self, name: str, where: str) -> int:
        """Class number of a name."""
        if name not in self._index:
            shown = ", ".join(self.names[:20]) + (", ..." if len(self.names) > 20 else "")
            raise LabelError(
                f"{where or 'example'}: label '{name}' does not occur in the training data; the {len(self.names)} classes are: "
                f"{shown}.{did_you_mean(name, self.names)}\nCorrect the label, or name all classes in data.labels."
            )
        return self._index[name]


class ClassTargets(Targets):
    """One class an example."""

    writes = frozenset({"label"})

    @staticmethod
    def gold(example: Example) -> Sequence[str]:
        """Its label, if any."""
        return () if example.label is None else (example.label,)

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``label``: the class number, or the ignore index."""
        return {"label": IGNORE if example.label is None else self.index(example.label, example.where)}


class ChoiceTargets(ClassTargets):
    """One class a choice; the choices of a question have one number."""

    writes = frozenset({"label", "group"})

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._groups: dict[str, int] = {}
        self._next = count()

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``label``, and ``group``: questions are numbered as they come; a row without a group is a question of its own.

        Raises:
            LabelError: the example carries a name that is no class, or a label but no group.
        """
        if example.label is not None and not example.group:
            raise LabelError(
                f"{example.where or 'example'}: the choice has no group, so nobody knows which choices it stands against. "
                f"Name its question as 'group', or train with data.task: class."
            )
        number = self._groups.setdefault(example.group, next(self._next)) if example.group else next(self._next)
        return super().encode(example, tokens) | {"group": number}


class SetTargets(Targets):
    """Any number of classes an example, none included."""

    writes = frozenset({"labels"})

    @staticmethod
    def gold(example: Example) -> Sequence[str]:
        """Its set of labels."""
        return example.labels or ()

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``labels [C]``: 1 for every class that applies."""
        found = np.zeros(len(self.names), dtype=np.float32)
        for name in example.labels or ():
            found[self.index(name, example.where)] = 1
        return {"labels": found}


class TagTargets(Targets):
    """One tag a word, read at the word's first token."""

    writes = frozenset({"tags", "word_positions"})

    @staticmethod
    def gold(example: Example) -> Sequence[str]:
        """The tags of its words."""
        return [name for name in example.tags or () if name is not None]

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``word_positions [S]`` and ``tags [S]``; words without a gold tag get the ignore index."""
        at = tokens.holding(np.array([start for start, _ in example.words], dtype=np.int64))
        gold = example.tags or (None,) * len(at)
        return {
            "word_positions": at,
            "tags": [IGNORE if name is None else self.index(name, example.where) for name in gold],
        }


class SenseTargets(Targets):
    """The right supersenses of each word, read at any of its tokens; only words that carry gold are counted.

    A name that is no class, such as a supersense that only the validation file has, is nothing a model could answer: a word
    with no other gold teaches nothing and counts as a miss. Each such name is told once.
    """

    writes = frozenset({"tag_sets", "word_positions", "word_ends"})

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._strange: set[str] = set()

    @staticmethod
    def gold(example: Example) -> Sequence[str]:
        """All right supersenses of its words."""
        return [name for right in _right(example) for name in right]

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """First and last token of each word ``[S]``, and ``tag_sets [S, C]``: 1 where right, 0 where wrong, without gold ignored."""
        spans = np.array(example.words, dtype=np.int64).reshape(-1, 2)
        first = tokens.holding(spans[:, 0])
        sets = np.full((len(spans), len(self.names)), IGNORE, dtype=np.int8)
        for row, right in zip(sets, _right(example)):
            if right:
                row[:] = 0
                row[[self._index[name] for name in right if self._known(name, example.where)]] = 1
        return {"word_positions": first, "word_ends": _last(tokens, first, spans[:, 1]), "tag_sets": sets}

    def _known(self, name: str, where: str) -> bool:
        if name not in self._index and name not in self._strange:
            self._strange.add(name)
            log.warning(
                f"{where or 'example'}: supersense '{name}' does not occur in the training data; words with no other gold "
                f"count as misses. To learn it all the same, name all classes in data.labels."
            )
        return name in self._index


def _right(example: Example) -> Sequence[tuple[str, ...]]:
    if example.tag_sets is not None:
        return example.tag_sets
    return [() if name is None else (name,) for name in example.tags or ()]


def _last(tokens: Tokens, first: Ints, ends: Ints) -> Ints:
    """The last token that is left of words that begin at the tokens ``first`` and end before the characters ``ends``."""
    own = np.flatnonzero(tokens.parts == 0)
    if not len(own):
        return first
    before = tokens.offsets[own, 0].searchsorted(ends) - 1
    return np.where(first < 0, first, np.maximum(own[before], first))


class NumberTargets(Targets):
    """One number an example, written as its label."""

    writes = frozenset({"number"})
    named = False

    @staticmethod
    def gold(example: Example) -> Sequence[str]:
        """Numbers are no classes."""
        return ()

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``number``: as it is written, not scaled; nan where there is none.

        Raises:
            LabelError: the label is no number.
        """
        return {"number": float("nan") if example.label is None else _number(example.label, example.where)}


def _number(label: str, where: str) -> float:
    try:
        found = float(label)
    except ValueError:
        found = float("nan")
    if not isfinite(found):
        raise LabelError(
            f"{where or 'example'}: label '{label}' is no number, such as 3.8. Correct it, or name another column as the label; "
            f"for classes set data.task: class."
        )
    return found


class AnswerTargets(Targets):
    """Answers to a question, each with a score; those outside the vocabulary are left out, and no model can give them.

    Answers are compared in the form VQA's evaluation brings them to, so that 'Two.' is '2'.
    """

    writes = frozenset({"labels"})

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._index = {normalised(name): i for i, name in reversed(list(enumerate(self.names)))}

    @staticmethod
    def gold(example: Example) -> Sequence[str]:
        """The answer that most people gave where it is known, else all that score."""
        return ClassTargets.gold(example) or [answer for answer, score in example.scores or () if score > 0]

    def mirrored(self, example: Example) -> Example:
        """Answers are words of the same language as the question."""
        label = example.label and exchanged(example.label).text
        scores = example.scores and tuple((exchanged(answer).text, score) for answer, score in example.scores)
        return replace(example, label=label, scores=scores)

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``labels [C]``: what each answer scores; a label without scores scores 1."""
        found = np.zeros(len(self.names), dtype=np.float32)
        scores = example.scores if example.scores is not None else [(name, 1.0) for name in ClassTargets.gold(example)]
        for answer, score in scores:
            at = self._index.get(normalised(answer))
            if at is not None:
                found[at] = max(found[at], score)
        return {"labels": found}


class RegionTargets(Targets):
    """Regions of the picture; :class:`kplm.data.annotate.Regions` writes ``region_targets``, as it alone knows the boxes."""

    writes = frozenset()
    named = False

    @staticmethod
    def gold(example: Example) -> Sequence[str]:
        """Regions have no names."""
        return ()

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """Nothing."""
        return {}
