"""What a graph tells about an entity: which of its triples, in which words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from kg.errors import KgError, did_you_mean
from kg.names import Name
from kg.shuffle import one_cycle
from kg.store import TripleStore

Order = Literal["file", "degree", "rare"]
FIELDS = ("head", "relation", "tail")


@dataclass(frozen=True)
class Selection:
    """How triples are chosen and written.

    Attributes:
        most: triples an entity tells at most; the same words are told once.
        order: which come first: as in the ``file``, or those whose tail has the highest ``degree`` in the graph, or the
            lowest (``rare``).
        relations: ids or labels of the relations that are told; all where None.
        words: how a triple is written, with ``{head}``, ``{relation}`` and ``{tail}``: their labels, or their ids with blanks
            for underscores where they have none.
    """

    most: int = 2
    order: Order = "file"
    relations: Sequence[str] | None = None
    words: str = "{relation} {tail}"

    def __post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise KgError(f"There is no order '{self.order}'. {did_you_mean(self.order, get_args(Order))}")
        if self.most < 0:
            raise KgError(f"An entity cannot tell {self.most} triples; give 0 or more.")
        try:
            self.words.format(**dict.fromkeys(FIELDS, ""))
        except (KeyError, IndexError, ValueError) as error:
            raise KgError(
                f"'{self.words}' cannot be filled in ({error}). Use {{head}}, {{relation}} and {{tail}}, such as '{{tail}}'."
            ) from error


class Facts:
    """The chosen triples of each entity that is their head, as texts."""

    def __init__(self, store: TripleStore, selection: Selection) -> None:
        """Look the relations up.

        Raises:
            KgError: a relation is not in the graph.
        """
        self.store, self.selection = store, selection
        self._allowed = None if selection.relations is None else _numbers(store, selection.relations)
        self._told_by: dict[int, int] = {}

    def shuffled(self, seed: int) -> Facts:
        """The control 'right shape, wrong facts': each entity that tells something tells what another one should."""
        found, telling = Facts(self.store, self.selection), np.flatnonzero(self.telling)
        found._told_by = dict(zip(telling.tolist(), telling[one_cycle(len(telling), seed)].tolist()))
        return found

    def texts(self, entity: str) -> list[str]:
        """What is told about one entity, the first first; nothing about an unknown one."""
        number = self.store.number(entity)
        if number < 0:
            return []
        found: dict[str, None] = {}
        for row in self._ordered(self._rows(self._told_by.get(number, number))):
            if len(found) >= self.selection.most:
                break
            text = self._written(self.store.triples[row])
            if text:
                found[text] = None
        return list(found)

    def tells(self, entity: str) -> bool:
        """Whether there is a triple to tell about an entity."""
        number = self.store.number(entity)
        return number >= 0 and bool(self.telling[number])

    @cached_property
    def telling(self) -> np.ndarray:
        """Which entities tell something, by their number: ``[N] bool``."""
        triples = self.store.triples
        kept = triples if self._allowed is None else triples[self._allowed[triples[:, 1]]]
        return np.bincount(kept[:, 0], minlength=len(self.store.entities)) > 0

    def _rows(self, number: int) -> np.ndarray:
        rows = self.store.by_head.of(number)
        return rows if self._allowed is None else rows[self._allowed[self.store.triples[rows, 1]]]

    def _ordered(self, rows: np.ndarray) -> Iterator[int]:
        if self.selection.order != "file":
            degrees = self.store.degrees[self.store.triples[rows, 2]]
            rows = rows[np.argsort(degrees if self.selection.order == "rare" else -degrees, kind="stable")]
        yield from rows

    def _written(self, triple: np.ndarray) -> str:
        head, relation, tail = self.store.words(triple)
        heads, relations = self.store.named, self.store.named_relations
        words = {"head": (head, heads), "relation": (relation, relations), "tail": (tail, heads)}
        return self.selection.words.format(**{field: _readable(*one) for field, one in words.items()}).strip()


def _readable(key: str, names: Mapping[str, Name]) -> str:
    return (names[key].label if key in names else "") or key.replace("_", " ").strip()


def _numbers(store: TripleStore, relations: Sequence[str]) -> np.ndarray:
    """``[R] bool``, which relations are meant."""
    by_name = {store.relation_label(relation): i for i, relation in enumerate(store.relations)}
    by_name |= {relation: i for i, relation in enumerate(store.relations)}
    wrong = [name for name in relations if name not in by_name]
    if wrong:
        raise KgError(f"The graph has no relation '{wrong[0]}'. {did_you_mean(wrong[0], by_name)}")
    allowed = np.zeros(len(store.relations), dtype=bool)
    allowed[[by_name[name] for name in relations]] = True
    return allowed
