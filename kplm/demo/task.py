"""A task whose answer is not in the sentence: on which continent is the place, or the home of the person, it is about?

The sentences say nothing about geography, and no entity of the test set occurs in training. A language model can only use
what it remembers of a name; a model with entity vectors can look up where the graph puts it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from kg import TripleStore

PATHS = {
    "city": ("capital_of", "located_in"),
    "river": ("flows_through",),
    "mountain": ("located_in",),
    "landmark": ("located_in",),
    "person": ("citizen_of",),
}
"""Types that are asked about, and the relations that lead from them towards a country."""

TEMPLATES = {
    "city": (
        "We met in {} last autumn and talked for hours.",
        "The train to {} was late again.",
        "She opened a small bookshop in {} after the war.",
        "Prices in {} rose faster than anyone expected.",
        "The conference in {} ended with a long dinner.",
        "He grew up in {} and never moved away.",
    ),
    "river": (
        "They followed the {} for three days by boat.",
        "Heavy rain made the {} rise by two metres.",
        "A new bridge over the {} opened in spring.",
        "Fishing in the {} is forbidden this year.",
    ),
    "mountain": (
        "Two climbers reached the top of {} at dawn.",
        "Snow fell early on {} this year.",
        "From the window you could see {} in clear weather.",
        "The path up {} was closed after the storm.",
    ),
    "landmark": (
        "Crowds gathered in front of {} to watch.",
        "The tickets for {} were sold out by noon.",
        "He had always wanted to see {} once.",
        "Repairs at {} will take another year.",
    ),
    "person": (
        "The lecture about {} lasted two hours.",
        "Few people read {} as carefully as she did.",
        "A statue of {} stands in front of the library.",
        "The new biography of {} is worth reading.",
    ),
}


@dataclass(frozen=True)
class Question:
    """One sentence about one entity, with the span that names it and the right answer."""

    text: str
    start: int
    end: int
    entity: str
    label: str

    def row(self) -> dict[str, object]:
        """As a row of kplm's JSON lines; the links are left to the linker."""
        return {"text": self.text, "mention": [self.start, self.end], "label": self.label, "id": self.entity}


class World:
    """Answers questions about a graph by walking it."""

    def __init__(self, store: TripleStore) -> None:
        self.store = store

    def of_type(self, kind: str) -> list[str]:
        """Entities of a type, sorted."""
        return sorted(triple.head for triple in self.store.incoming(kind) if triple.relation == "instance_of")

    def continent(self, entity: str, kind: str) -> str | None:
        """The continent, if the graph puts the entity on exactly one."""
        found = {
            place for country in self._countries(entity, PATHS[kind]) for place in self._tails(country, ("continent",))
        }
        return found.pop() if len(found) == 1 else None

    def questions(self, kind: str, entities: list[str], each: int, seed: int) -> Iterator[Question]:
        """``each`` sentences an entity, with different templates."""
        random_ = random.Random(seed)
        for entity in entities:
            label, name = self.continent(entity, kind), self.store.label(entity)
            for template in random_.sample(TEMPLATES[kind], each):
                start = template.index("{}")
                yield Question(template.format(name), start, start + len(name), entity, str(label))

    def _countries(self, entity: str, relations: tuple[str, ...]) -> set[str]:
        near = self._tails(entity, relations)
        return near | {country for place in near for country in self._tails(place, PATHS["city"])}

    def _tails(self, entity: str, relations: tuple[str, ...]) -> set[str]:
        return {triple.tail for triple in self.store.outgoing(entity) if triple.relation in relations}


def split(
    store: TripleStore, each: int = 2, held_out: float = 0.4, seed: int = 0
) -> tuple[list[Question], list[Question]]:
    """Training and test questions about disjoint entities.

    Args:
        store: the graph.
        each: sentences an entity.
        held_out: share of the entities of each type that is tested.
        seed: decides which.
    """
    world = World(store)
    train: list[Question] = []
    test: list[Question] = []
    for kind in PATHS:
        entities = [entity for entity in world.of_type(kind) if world.continent(entity, kind)]
        random.Random(seed).shuffle(entities)
        cut = round(len(entities) * held_out)
        test += world.questions(kind, entities[:cut], each, seed)
        train += world.questions(kind, entities[cut:], each, seed + 1)
    return train, test
