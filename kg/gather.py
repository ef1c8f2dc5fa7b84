"""From triples of strings to numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from kg.names import Name, merged
from kg.readers import Literal, Triple

LABELS = {"http://www.w3.org/2000/01/rdf-schema#label", "http://www.w3.org/2004/02/skos/core#prefLabel"}
ALIASES = {"http://www.w3.org/2004/02/skos/core#altLabel"}
DESCRIPTIONS = {"http://schema.org/description", "http://www.w3.org/2000/01/rdf-schema#comment"}
LANGUAGES = {"", "en", "mul"}


@dataclass
class Gather:
    """Collects triples and names, and numbers entities and relations in the order in which they are met.

    Attributes:
        entities: the number of each entity.
        relations: the number of each relation.
        names: how entities are called.
        splits: for each split its triples, three numbers each.
        literals: how many literals were passed over.
    """

    entities: dict[str, int] = field(default_factory=dict)
    relations: dict[str, int] = field(default_factory=dict)
    names: dict[str, Name] = field(default_factory=dict)
    splits: dict[str, array[int]] = field(default_factory=dict)
    literals: int = 0

    def add(self, triples: Iterable[Triple], split: str) -> None:
        """Take the triples of one split; a literal is a name, or is counted and passed over."""
        numbers = self.splits.setdefault(split, array("q"))
        entities, relations = self.entities, self.relations
        for head, relation, tail in triples:
            if isinstance(tail, Literal):
                self._add_literal(head, relation, tail)
                continue
            numbers.append(entities.setdefault(head, len(entities)))
            numbers.append(relations.setdefault(relation, len(relations)))
            numbers.append(entities.setdefault(tail, len(entities)))

    def add_names(self, names: dict[str, Name]) -> None:
        """Take names; an entity without a triple becomes an isolated one."""
        for entity, name in names.items():
            self.entities.setdefault(entity, len(self.entities))
            self.names[entity] = merged(self.names[entity], name) if entity in self.names else name

    def triples(self) -> dict[str, np.ndarray]:
        """For each split its triples ``[T, 3] int64``, each once, in the order of their first occurrence."""
        return {split: _distinct(np.array(numbers, np.int64).reshape(-1, 3)) for split, numbers in self.splits.items()}

    def _add_literal(self, head: str, relation: str, text: Literal) -> None:
        """Labels, aliases and descriptions in English or in no language are kept."""
        known = relation in LABELS or relation in ALIASES or relation in DESCRIPTIONS
        if not known or text.language.split("-")[0].lower() not in LANGUAGES:
            self.literals += 1
        elif relation in LABELS:
            self.add_names({head: Name(label=str(text))})
        elif relation in ALIASES:
            self.add_names({head: Name(aliases=(str(text),))})
        else:
            self.add_names({head: Name(description=str(text))})


def _distinct(triples: np.ndarray) -> np.ndarray:
    if not len(triples):
        return triples
    return triples[np.sort(np.unique(triples, axis=0, return_index=True)[1])]
