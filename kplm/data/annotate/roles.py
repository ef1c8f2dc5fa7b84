"""Semantic roles as SemBERT reads them: a tag a word, in several predicate-argument structures (Zhang et al., 2020, section 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

import numpy as np

from kplm.data.annotate.base import Annotator
from kplm.data.example import Example, Structures
from kplm.data.roles.base import Predicate, RoleSource
from kplm.errors import DataError, KplmError
from kplm.role_tags import OUTSIDE, SPECIALS, Inventory, tags_of
from kplm.text import Tokens
from kplm.text.tokens import FAR, NOWHERE, Ints

CLS, SEP = SPECIALS.index("[CLS]"), SPECIALS.index("[SEP]")
Spans = tuple[tuple[int, int], ...]
Asked = tuple[str, Spans]
"""A text and the words it comes with, if it does."""


class Roles(Annotator):
    """Finds the predicates of a text and of its pair, and gives each word its tags in the structures of the first few.

    Where a sentence has fewer predicates than ``aspects``, the structure with the most arguments is repeated; where it has none,
    all tags are 'O'. The k-th structures of all sentences share a row. A token belongs to the word that holds its first character;
    tokens of no word, such as markers, are words of their own with the tag 'O'. A word of which no token is left loses its tag.

    Args:
        source: finds the predicates; without one every text must bring its own. The words of tagging tasks are its words too.
        aspects: structures A of a sentence that are read, in the order of its words; the model has as many.
        inventory: tags that are told apart: 'full', 'sembert22' (the released ones) or a list; others count as 'O'.
        sentences: cut texts into sentences first, each with structures of its own; by default, as published, a text is one.

    Raises:
        KplmError: there is no such inventory, or ``aspects`` is not positive.
    """

    writes = frozenset({"word_of", "role_tags"})

    def __init__(
        self,
        source: RoleSource | None = None,
        aspects: int = 3,
        inventory: Inventory | list[str] = "full",
        sentences: bool = False,
    ) -> None:
        super().__init__()
        if aspects < 1:
            raise KplmError(f"aspects={aspects}; read one structure of each sentence or more.")
        self.source, self.aspects, self.sentences, self.tags = source, aspects, sentences, tags_of(inventory)
        self.init_args = {"source": source, "aspects": aspects, "inventory": inventory, "sentences": sentences}
        self._index = {tag: row for row, tag in enumerate(self.tags)}

    @property
    def sizes(self) -> dict[str, int]:
        """The model reads as many structures, and has a row a tag."""
        return {"aspects": self.aspects, "tag_rows": len(self.tags)}

    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """Find the predicates of texts that bring none; 'off' drops all, 'shuffled' gives every sentence those of one that is about as long.

        Raises:
            DataError: a text brings none and there is no source, or the source gives another number of tags than words.
        """
        found = self._labelled(examples)
        if self.knowledge == "shuffled":
            return _shuffled(found)
        return [_with(example, repeat(())) for example in found] if self.knowledge == "off" else found

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``word_of [L]`` and ``role_tags [A, S]``."""
        found = example.roles or ()
        owner = owners(found, tokens)
        begins = (np.diff(owner, prepend=NOWHERE) != 0) | (owner == NOWHERE)
        columns = self._columns(owner[begins], self._aside(tokens)[begins], found)
        return {"word_of": begins.cumsum(), "role_tags": self._tagged(found, *columns)}

    def summary(self, examples: Sequence[Example]) -> str:
        """How many sentences have a predicate, how many have more than are read, and how many tags are not told apart."""
        counts = [len(one.predicates) for example in examples for one in example.roles or ()]
        more = sum(count > self.aspects for count in counts)
        line = (
            f"roles ({self.knowledge}): {sum(counts):,} predicates in {sum(map(bool, counts)):,} of {len(counts):,} sentences, "
            f"of which {more:,} have more than the {self.aspects} that are read"
        )
        unknown = self._unknown(examples)
        return line + (f"; {unknown:.1%} of their tags are not in the inventory" if unknown else "")

    def _labelled(self, examples: Sequence[Example]) -> list[Example]:
        asked = {i: _asked(example) for i, example in enumerate(examples) if example.roles is None}
        if not asked:
            return list(examples)
        if self.source is None:
            where = next(examples[i].where for i in asked) or "a text"
            raise DataError(
                f"{where} brings no semantic roles, and no source finds them. Give kplm.data.annotate.Roles a source in its "
                f"init_args, such as kplm.data.roles.Rules, or data with roles."
            )
        known = self._structures(list(dict.fromkeys(chain.from_iterable(asked.values()))))
        found = list(examples)
        for i, texts in asked.items():
            parts = (replace(one, part=part) for part, text in enumerate(texts) for one in known[text])
            found[i] = replace(examples[i], roles=tuple(parts))
        return found

    def _structures(self, texts: Sequence[Asked]) -> dict[Asked, list[Structures]]:
        """What the source finds in texts that differ."""
        assert self.source is not None
        cut = iter(self.source.words([text for text, words in texts if not words]))
        words = [own or tuple(next(cut)) for _, own in texts]
        parted = _sentences([text for text, _ in texts], words) if self.sentences else [[one] for one in words]
        spans = [(asked, one) for asked, some in zip(texts, parted) for one in some]
        predicates = self.source.ask([[text[start:end] for start, end in one] for (text, _), one in spans])
        found: dict[Asked, list[Structures]] = {asked: [] for asked in texts}
        for (asked, one), some in zip(spans, predicates):
            found[asked].append(Structures(one, tuple(some)))
        return found

    def _tagged(self, found: Sequence[Structures], owner: Ints, aside: Ints) -> Ints:
        """``[A, S]``: of each column the tags of its word, or the tag beside where it has none."""
        table = np.concatenate([np.zeros((self.aspects, 0), np.int64), *map(self._rows, found)], axis=1)
        tags, inside = np.tile(aside, (self.aspects, 1)), owner >= 0
        tags[:, inside] = table[:, owner[inside]]
        return tags

    def _rows(self, found: Structures) -> Ints:
        """The rows of a sentence, ``[A, N]`` of its N words."""
        rows = [one.tags for one in found.predicates[: self.aspects]] or [(OUTSIDE,) * len(found.words)]
        fullest = max(rows, key=lambda tags: len(tags) - tags.count(OUTSIDE))
        rows += [fullest] * (self.aspects - len(rows))
        other = self._index[OUTSIDE]
        return np.array([[self._index.get(tag, other) for tag in tags] for tags in rows], dtype=np.int64)

    def _aside(self, tokens: Tokens) -> Ints:
        """``[L]``, the tag of a token that is of no word: [CLS] in front, [SEP] behind a text, 'O' within it."""
        special = (tokens.parts == NOWHERE) & (tokens.branch == 0)
        found = np.where(special, SEP, self._index[OUTSIDE])
        found[:1][special[:1]] = CLS
        return found

    def _columns(self, owner: Ints, aside: Ints, found: Sequence[Structures]) -> tuple[Ints, Ints]:
        """The word each of S columns is of, -1 for none, and its tag then; given is what the tokens say."""
        return owner, aside

    def _unknown(self, examples: Sequence[Example]) -> float:
        """Share of the tags that are read, 'O' aside, that are not in the inventory."""
        sentences = (one for example in examples for one in example.roles or ())
        counts = Counter(tag for one in sentences for row in one.predicates[: self.aspects] for tag in row.tags)
        del counts[OUTSIDE]
        return sum(count for tag, count in counts.items() if tag not in self._index) / max(counts.total(), 1)


class AuthorsRoles(Roles):
    """The columns of the released code: a word of which no token is left keeps its tag, so that all behind it move to the right.

    For predictions that must be the authors' own. Takes the arguments of :class:`Roles`.
    """

    def _columns(self, owner: Ints, aside: Ints, found: Sequence[Structures]) -> tuple[Ints, Ints]:
        """See :meth:`Roles._columns`; all words up to the last that has a token, with [CLS] in front and [SEP] behind."""
        words, first = [NOWHERE], 0
        for part in (0, 1):
            behind = first + sum(len(one.words) for one in found if one.part == part)
            last = owner[(owner >= first) & (owner < behind)].max(initial=first - 1)
            words += [*range(first, last + 1), NOWHERE]
            first = behind
        if len(words) < len(owner):  # with tokens of no word, of which the released code has none
            return owner, aside
        return np.array(words[: len(owner)]), np.array([CLS, *[SEP] * len(owner)])[: len(owner)]


def owners(found: Sequence[Structures], tokens: Tokens) -> Ints:
    """The word each token belongs to, counted through the sentences: ``[L]``; -1 where it belongs to none.

    Args:
        found: the sentences of the text, then those of its pair.
        tokens: what is left of both.
    """
    spans = [np.array(one.words, dtype=np.int64).reshape(-1, 2) + one.part * FAR for one in found]
    starts, ends = np.concatenate([np.full((1, 2), NOWHERE), *spans]).T  # in front one that holds nothing
    at = np.where(tokens.parts >= 0, tokens.parts * FAR + tokens.offsets[:, 0], NOWHERE)
    word = starts.searchsorted(at, side="right") - 1
    return np.where(at < ends[word], word - 1, NOWHERE)


def _asked(example: Example) -> tuple[Asked, ...]:
    text = (example.text, example.words)
    return (text,) if example.pair is None else (text, (example.pair, ()))


def _sentences(texts: Sequence[str], words: Sequence[Spans]) -> list[list[Spans]]:
    """The words of each text, sentence by sentence."""
    from kg.sentences import Sentences  # spaCy comes late

    found = []
    for begins, spans in zip(Sentences().starts(texts), words):
        number = np.searchsorted(begins, [start for start, _ in spans], side="right")
        cuts = np.flatnonzero(np.diff(number, prepend=-1)).tolist()
        found.append([spans[start:end] for start, end in zip(cuts, [*cuts[1:], len(spans)])])
    return found


def _with(example: Example, predicates: Iterable[tuple[Predicate, ...]]) -> Example:
    """The example with these predicates, sentence by sentence, in the place of its own."""
    pairs = zip(example.roles or (), predicates)
    return replace(example, roles=tuple(replace(one, predicates=found) for one, found in pairs))


def _shuffled(examples: Sequence[Example]) -> list[Example]:
    """Every sentence gets the predicates of another, which is about as long, cut or filled up with 'O'; a lone one gets none."""
    sentences = [one for example in examples for one in example.roles or ()]
    if len(sentences) < 2:
        return [_with(example, [()]) for example in examples]
    lengths = np.array([len(one.words) for one in sentences])
    order = np.lexsort((np.random.default_rng(0).permutation(len(lengths)), lengths))
    givers = np.empty_like(order)
    givers[order] = np.roll(order, 1)
    others = (_fitted(sentences[i].predicates, size) for i, size in zip(givers.tolist(), lengths.tolist()))
    return [_with(example, others) for example in examples]


def _fitted(predicates: Sequence[Predicate], size: int) -> tuple[Predicate, ...]:
    inside = (one for one in predicates if one.index < size)
    return tuple(replace(one, tags=(*one.tags, *[OUTSIDE] * size)[:size]) for one in inside)
