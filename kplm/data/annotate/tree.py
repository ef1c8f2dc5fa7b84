"""Sentences grown with triples: K-BERT's knowledge layer (Liu et al., 2020, sections 3.2 and 3.3)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from kg import Linker, TripleStore
from kg.aliases import store_aliases
from kg.dictionary import Dictionary
from kg.facts import Facts, Selection
from kplm.data.annotate.base import Annotator
from kplm.data.annotate.linked import from_anywhere, linked
from kplm.data.example import Example, Link
from kplm.knowledge import Knowledge
from kplm.text import Tokenizer, Tokens
from kplm.text.branches import Branches, fitting, graft
from kplm.text.tokens import Ints, holding

Match = Literal["words", "longest", "forward"]


class Tree(Annotator):
    """Finds the names of a graph in a text and writes their triples behind them, as branches of a tree.

    The model is the plain encoder: it reads soft positions, and its visibility hides a branch from all but its mention.
    Two settings of ``knowledge`` are the ablations of the paper: 'no_soft_positions' counts all tokens through, and with
    'no_visible_matrix' everything sees everything.

    Args:
        graph: the triples, whatever form they have; see ``kg.TripleStore.open``.
        match: 'words' links names as ``kg.Linker`` does, with its rules for case and for names of several entities.
            'longest' takes the longest exact name among raw characters: the quick way for Chinese. 'forward' is the
            authors' segmenter, with its forward maximum matching. Texts that bring links keep them.
        select: which triples an entity grows, how many, and in which words.
        most: branches of a text at most, the first first; no limit where None.
        threshold: links must score strictly more than this.
        relink: match every text, even where links were given.
    """

    writes = frozenset({"branch", "anchor"})
    modes = frozenset({"on", "off", "shuffled", "no_soft_positions", "no_visible_matrix"})
    reads_graph = True

    def __init__(
        self,
        graph: str,
        match: Match = "words",
        select: Selection = Selection(),  # noqa: B008 (frozen)
        most: int | None = None,
        threshold: float = 0.0,
        relink: bool = False,
    ) -> None:
        super().__init__()
        self.match, self.select, self.most, self.threshold, self.relink = match, select, most, threshold, relink
        options = {"select": select, "most": most, "threshold": threshold, "relink": relink}
        self.init_args = {"graph": from_anywhere(graph), "match": match, **options}
        self._known: dict[str, Branches] = {}
        self._tokenizer: Tokenizer | None = None

    @property
    def graph(self) -> str:
        """Where the triples come from."""
        return str(self.init_args["graph"])

    def swap_graph(self, graph: str) -> None:
        """Grow the triples of another graph; names are looked for in it too."""
        self.init_args["graph"] = from_anywhere(graph)
        self._forget("store", "linker", "facts")

    def switch(self, knowledge: Knowledge) -> None:
        """'off' grows nothing; 'shuffled' grows the triples of another entity."""
        self.knowledge = knowledge
        self._forget("facts")

    @cached_property
    def store(self) -> TripleStore:
        """The graph, opened on first use."""
        return TripleStore.open(self.graph)

    @cached_property
    def linker(self) -> Linker | Dictionary:
        """Made on first use, from the names of those entities that have something to tell."""
        told = Facts(self.store, self.select)
        aliases = (alias for alias in store_aliases(self.store) if told.tells(alias.entity))
        return Linker(aliases, self.store) if self.match == "words" else Dictionary(aliases, self.match)

    @cached_property
    def facts(self) -> Facts:
        """What each entity tells."""
        found = Facts(self.store, self.select)
        return found.shuffled(seed=0) if self.knowledge == "shuffled" else found

    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """Find names in texts that carry no links yet, pairs included."""
        if self.knowledge == "off":
            return list(examples)
        return linked(examples, lambda: self.linker, self.relink)

    def grow(
        self, examples: Sequence[Example], tokens: Sequence[Tokens], tokenizer: Tokenizer, length: int | None
    ) -> list[Tokens]:
        """Write the branches behind their mentions, as many as fit, whole."""
        if self.knowledge == "off":
            return list(tokens)
        self._learn((link.entity for example in examples for link in example.links or ()), tokenizer)
        at, entities = self._mentions(examples, tokens)
        if not entities:
            return list(tokens)
        groups = [self._known[entity] for entity in entities]
        branches, owners = Branches.joined(groups), np.repeat(np.arange(len(groups)), [len(one) for one in groups])
        keep = self._fitting(tokens, at[owners, 0], branches, length)
        return graft(tokens, at, owners[keep], branches.kept(keep))

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``branch [L]`` and ``anchor [L]``."""
        if self.knowledge == "no_visible_matrix":
            return dict.fromkeys(("branch", "anchor"), np.zeros(len(tokens), dtype=np.int64))
        fields = {"branch": tokens.branch, "anchor": tokens.anchor}
        return fields if self.knowledge != "no_soft_positions" else {**fields, "position_ids": np.arange(len(tokens))}

    def summary(self, examples: Sequence[Example]) -> str:
        """How many names were found, and how many of them have triples."""
        ids = [link.entity for example in examples for link in example.links or () if link.score > self.threshold]
        told = sum(map(self.facts.tells, ids))
        reached = sum(bool(example.links) for example in examples)
        line = (
            f"tree ({self.knowledge}): {len(ids):,} names of {self.graph} in {reached:,} of {len(examples):,} texts, "
            f"{told:,} ({told / max(len(ids), 1):.1%}) with triples"
        )
        return line if told or self.knowledge == "off" else f"{line}. {self._nothing()}"

    def _nothing(self) -> str:
        names = ", ".join(repr(self.store.label(entity)) for entity in self.store.entities[:3])
        return f"Nothing will grow: are the names, such as {names}, in the language of the texts, and is match='{self.match}' right?"

    def _learn(self, entities: Iterable[str], tokenizer: Tokenizer) -> None:
        """Cut the branches of entities that were not met before, all at once."""
        if tokenizer is not self._tokenizer:
            self._known, self._tokenizer = {}, tokenizer
        new = {entity: self.facts.texts(entity) for entity in dict.fromkeys(entities) if entity not in self._known}
        pieces = iter(tokenizer.cut([text for texts in new.values() for text in texts], specials=False))
        for entity, texts in new.items():
            self._known[entity] = Branches.of([next(pieces).ids for _ in texts])

    def _mentions(self, examples: Sequence[Example], tokens: Sequence[Tokens]) -> tuple[Ints, list[str]]:
        """Where something grows, in order, of mentions that overlap the first.

        Returns: first and last token ``[M, 2]``, counted through all texts, and the M entities.
        """
        links = [(row, link) for row, one in enumerate(examples) for link in one.links or () if self._grows(link)]
        if not links:
            return np.zeros((0, 2), dtype=np.int64), []
        rows, starts, ends, parts = np.array([(row, x.start, x.end - 1, x.part) for row, x in links]).T
        first, last = (holding(tokens, rows, at, parts) for at in (starts, ends))
        whole = np.flatnonzero((first >= 0) & (last >= first))
        order = whole[np.lexsort((-last[whole], first[whole]))]
        order = order[_disjoint(first[order], last[order])]
        return np.stack([first[order], last[order]], axis=1), [links[i][1].entity for i in order.tolist()]

    def _fitting(self, tokens: Sequence[Tokens], stems: Ints, branches: Branches, length: int | None) -> np.ndarray:
        """Which branches there is room for: ``[N] bool``; ``stems`` ``[N]`` says where they grow."""
        sizes = np.array([len(one) for one in tokens])
        text = np.searchsorted(np.cumsum(sizes), stems, side="right")
        grown = np.bincount(text, branches.lengths, len(tokens))
        keep = np.ones(len(branches), dtype=bool)
        crowded = np.zeros(len(tokens), dtype=bool) if length is None else sizes + grown > length
        if self.most is not None:
            crowded |= np.bincount(text, minlength=len(tokens)) > self.most
        for row in np.flatnonzero(crowded).tolist():
            own = slice(*np.searchsorted(text, (row, row + 1)))
            room = int(grown[row]) if length is None else length - int(sizes[row])
            keep[own] = fitting(branches.lengths[own], room, self.most)
        return keep

    def _grows(self, link: Link) -> bool:
        return link.score > self.threshold and link.end > link.start and len(self._known[link.entity]) > 0

    def _forget(self, *made: str) -> None:
        """Drop parts that were made for another graph or another setting."""
        for name in made:
            self.__dict__.pop(name, None)
        self._known, self._tokenizer = {}, None

    def __getstate__(self) -> dict[str, Any]:
        state = copy.copy(self.__dict__)
        for name in ("store", "linker", "facts"):
            state.pop(name, None)  # workers only collate
        return state


def _disjoint(first: Ints, last: Ints) -> np.ndarray:
    """Which spans overlap none that was kept before: ``[M] bool``; they are sorted by their first token."""
    keep = np.ones(len(first), dtype=bool)
    if (first[1:] > last[:-1]).all():
        return keep
    free = 0
    for i, (begin, end) in enumerate(zip(first.tolist(), last.tolist())):
        keep[i] = begin >= free
        free = end + 1 if keep[i] else free
    return keep
