"""A graph of triples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kg.adjacency import Adjacency
from kg.errors import KgError, did_you_mean
from kg.gather import Gather
from kg.names import Name
from kg.readers import Triple

if TYPE_CHECKING:
    from pykeen.triples import TriplesFactory


class TripleStore:
    """Triples with look-ups from both ends, the splits they came in, and the names of entities and relations.

    Attributes:
        entities: the N entity ids.
        relations: the relation ids.
        triples: ``[T, 3] int64``, the numbers of head, relation and tail; split after split.
        notes: what was passed over on reading: bad lines, repeated triples, literals.
    """

    def __init__(
        self,
        entities: Sequence[str],
        relations: Sequence[str],
        splits: Mapping[str, np.ndarray],
        names: Mapping[str, Name] | None = None,
        relation_names: Mapping[str, Name] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a graph.

        Args:
            entities: the ids that heads and tails count in.
            relations: the ids that relations count in.
            splits: for each split its triples, ``[T, 3] int64``; all of them serve look-ups.
            names: how entities are called, by id.
            relation_names: how relations are called, by id.
            notes: what to remember about the reading.

        Raises:
            KgError: there is not a single triple.
        """
        self.entities, self.relations = list(entities), list(relations)
        self._splits = {split: np.asarray(triples) for split, triples in splits.items()}
        self._names, self._relation_names = dict(names or {}), dict(relation_names or {})
        self.notes = dict(notes or {})
        self.triples = _stacked(self._splits)

    @classmethod
    def open(
        cls,
        path: str | Path,
        names: str | Path | None = None,
        max_bad: int = 10,
        relation_names: str | Path | None = None,
    ) -> TripleStore:
        """Read a graph, whatever form it has.

        Args:
            path: a folder that `save` wrote; a folder with ``triples.tsv``, or with ``train.txt``, ``valid.txt``,
                ``test.txt`` (or another ending that a reader knows), and, if there, ``entities.tsv`` and
                ``relations.tsv`` with names; one file of triples; ``package:NAME/folder``; ``pykeen:NAME``, a data
                set of PyKEEN; or ``wordnet:`` and, if it is not found by itself, the folder of WordNet's files.
            names: a file of labels and aliases besides, see `kg.names.read_names`.
            max_bad: so many bad lines are passed over with a warning, one more is an error.
            relation_names: the same for relations, such as the ``relations.json`` of CoDEx.

        Raises:
            KgError: nothing is found, too many lines are bad, or the graph is empty.
        """
        from kg.opening import open_store

        return open_store(path, names, relation_names, max_bad)

    @classmethod
    def from_triples(
        cls, triples: Iterable[tuple[str, str, str]], names: Mapping[str, Name] | None = None
    ) -> TripleStore:
        """A store of triples from anywhere.

        Raises:
            KgError: there is not a single triple.
        """
        gather = Gather()
        gather.add((Triple(*triple) for triple in triples), "train")
        gather.add_names(dict(names or {}))
        return cls(list(gather.entities), list(gather.relations), gather.triples(), gather.names)

    @classmethod
    def from_pykeen(cls, source: str | TriplesFactory) -> TripleStore:
        """The triples of a PyKEEN data set (by name, downloaded by PyKEEN where needed) or of a ``TriplesFactory``.

        Raises:
            KgError: PyKEEN knows no such data set, or cannot get it.
        """
        from kg.opening import from_pykeen

        return from_pykeen(source)

    def save(self, path: str | Path) -> None:
        """Write the graph to one folder, whole or not at all; `open` reads it.

        Raises:
            KgError: the folder cannot be written, or holds something else.
        """
        from kg.opening import save_store

        save_store(self, path)

    def __len__(self) -> int:
        return len(self.triples)

    def __contains__(self, entity: str) -> bool:
        return entity in self._numbers

    @property
    def splits(self) -> dict[str, int]:
        """How many triples each split has."""
        return {split: len(triples) for split, triples in self._splits.items()}

    def split(self, name: str) -> np.ndarray:
        """The triples of one split, ``[T, 3] int64``.

        Raises:
            KgError: the graph has no such split.
        """
        if name not in self._splits:
            raise KgError(f"The graph has no split '{name}'. {did_you_mean(name, self._splits)}")
        return self._splits[name]

    def number(self, entity: str) -> int:
        """The place of an entity in ``entities``, -1 where it is unknown."""
        return self._numbers.get(entity, -1)

    def outgoing(self, entity: str) -> list[Triple]:
        """The triples whose head is ``entity``; none for an unknown one."""
        return self._at(self.by_head, entity)

    def incoming(self, entity: str) -> list[Triple]:
        """The triples whose tail is ``entity``; none for an unknown one."""
        return self._at(self.by_tail, entity)

    def neighbours(self, entity: str) -> list[str]:
        """The entities one triple away in either direction, each once."""
        number = self.number(entity)
        return [] if number < 0 else [self.entities[other] for other in self.neighbour_numbers(number)]

    def neighbour_numbers(self, number: int) -> np.ndarray:
        """The numbers of the entities one triple away from an entity given by its number, sorted."""
        tails = self.triples[self.by_head.of(number), 2]
        heads = self.triples[self.by_tail.of(number), 0]
        others = np.unique(np.concatenate([tails, heads]))
        return others[others != number]

    @cached_property
    def by_head(self) -> Adjacency:
        """Rows of triples by the number of their head."""
        return Adjacency(self.triples[:, 0], len(self.entities))

    @cached_property
    def by_tail(self) -> Adjacency:
        """Rows of triples by the number of their tail."""
        return Adjacency(self.triples[:, 2], len(self.entities))

    @property
    def degrees(self) -> np.ndarray:
        """How many triples touch each entity, in the order of ``entities``: ``[N] int64``."""
        return self.by_head.degrees + self.by_tail.degrees

    @property
    def named(self) -> Mapping[str, Name]:
        """The names that are known, by entity id."""
        return self._names

    @property
    def named_relations(self) -> Mapping[str, Name]:
        """The names that are known, by relation id."""
        return self._relation_names

    def name(self, entity: str) -> Name:
        """How an entity is called; an empty name where nothing is known."""
        return self._names.get(entity, Name())

    def label(self, entity: str) -> str:
        """The label of an entity, its id where it has none."""
        return self.name(entity).label or entity

    def relation_label(self, relation: str) -> str:
        """The label of a relation, its id where it has none."""
        return self._relation_names.get(relation, Name()).label or relation

    def words(self, triple: Sequence[int] | np.ndarray) -> Triple:
        """One row of ``triples`` as ids."""
        head, relation, tail = triple
        return Triple(self.entities[head], self.relations[relation], self.entities[tail])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {entity: number for number, entity in enumerate(self.entities)}

    def _at(self, index: Adjacency, entity: str) -> list[Triple]:
        number = self.number(entity)
        return [] if number < 0 else [self.words(triple) for triple in self.triples[index.of(number)].tolist()]


def _stacked(splits: Mapping[str, np.ndarray]) -> np.ndarray:
    if not sum(map(len, splits.values())):
        raise KgError("The graph is empty: not a single triple was read. Expected lines of head TAB relation TAB tail.")
    parts = list(splits.values())
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
