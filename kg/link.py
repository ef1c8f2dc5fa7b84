"""Link the names in a text to the entities of a graph."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kg.aliases import Alias, Rules, store_aliases
from kg.errors import KgError
from kg.lines import numbered_lines
from kg.matcher import Matcher, Mention
from kg.places import locate, read_meta, whole_folder, write_meta
from kg.store import TripleStore

KIND = "kg.linker"
ALIASES, GRAPH = "aliases.jsonl", "graph"


@dataclass(frozen=True)
class Link:
    """One mention and the entity that it means.

    Attributes:
        start: offset of the first character.
        end: offset after the last character.
        entity: the id.
        score: how sure, in [0, 1].
    """

    start: int
    end: int
    entity: str
    score: float


class Linker:
    """Finds the longest names in a text and chooses an entity for each, by prior and by the company it keeps.

    Among the candidates of a mention each has the weight of its alias, times ``1 + context * n`` if n of its neighbours
    in the graph may be meant elsewhere in the text. The score is the winner's part of the sum of weights, times
    ``other_case`` where the text has another case than every alias.
    """

    def __init__(self, aliases: Iterable[Alias], graph: TripleStore | None = None, rules: Rules | None = None) -> None:
        """Build a linker; `from_store` takes the names out of a graph.

        Args:
            aliases: the names, each with its entity and weight.
            graph: where neighbours are looked up; without one only weights decide.
            rules: when a name counts.

        Raises:
            KgError: not one alias is usable.
        """
        self.rules, self.graph = rules or Rules(), graph
        self._matcher = Matcher(aliases, self.rules)
        self._neighbours: dict[str, frozenset[str]] = {}

    @classmethod
    def from_store(cls, store: TripleStore, **rules: Any) -> Linker:
        """A linker for the labels and aliases of ``store``; ``rules`` are the fields of `Rules`, such as ``case``."""
        return cls(store_aliases(store), store, Rules(**rules))

    def link(self, text: str) -> list[Link]:
        """The links in ``text``, from left to right, none overlapping another."""
        mentions = self._matcher.mentions(text)
        ambiguous = any(len(mention.weights) > 1 for mention in mentions)
        present = {entity for mention in mentions for entity in mention.weights} if ambiguous else set()
        links = [self._choose(mention, present) for mention in mentions]
        return [link for link in links if link.score >= self.rules.threshold]

    def link_many(self, texts: Iterable[str]) -> list[list[Link]]:
        """The links in each text."""
        return [self.link(text) for text in texts]

    def save(self, path: str | Path) -> None:
        """Write aliases, rules and graph to one folder, whole or not at all.

        Raises:
            KgError: the folder cannot be written, or holds something else.
        """
        with whole_folder(path, KIND) as folder:
            with (folder / ALIASES).open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(alias, ensure_ascii=False) + "\n" for alias in self._matcher.aliases)
            if self.graph is not None:
                self.graph.save(folder / GRAPH)
            rules = {**asdict(self.rules), "stop_words": sorted(self.rules.stop_words)}
            write_meta(folder, KIND, {"rules": rules})

    @classmethod
    def open(cls, path: str | Path) -> Linker:
        """Read a linker that `save` wrote; the automaton is built anew, nothing is unpickled.

        Raises:
            KgError: the folder holds no linker, or is damaged.
        """
        folder = locate(path)
        meta = read_meta(folder)
        if meta.get("kind") != KIND:
            raise KgError(f"{folder} holds no linker. Write one with Linker.save.")
        rules = Rules(**{**meta["rules"], "stop_words": frozenset(meta["rules"]["stop_words"])})
        graph = TripleStore.open(folder / GRAPH) if (folder / GRAPH).exists() else None
        return cls((_alias(folder / ALIASES, *line) for line in numbered_lines(folder / ALIASES)), graph, rules)

    def _choose(self, mention: Mention, present: set[str]) -> Link:
        weights = mention.weights
        if len(weights) > 1 and self.graph is not None and self.rules.context:
            weights = {entity: weight * self._company(entity, mention, present) for entity, weight in weights.items()}
        winner = max(weights, key=lambda entity: (weights[entity], entity))
        total = sum(weights.values())
        share = weights[winner] / total if total > 0 else 1 / len(weights)
        return Link(mention.start, mention.end, winner, share if mention.exact else share * self.rules.other_case)

    def _company(self, entity: str, mention: Mention, present: set[str]) -> float:
        """The factor for the neighbours of a candidate that the text may mention elsewhere."""
        if entity not in self._neighbours:
            assert self.graph is not None
            self._neighbours[entity] = frozenset(self.graph.neighbours(entity))
        others = self._neighbours[entity] & present
        return 1.0 + self.rules.context * len(others - mention.weights.keys())


def _alias(path: Path, number: int, line: str) -> Alias:
    try:
        entity, text, weight = json.loads(line)
    except ValueError as error:
        raise KgError(f"{path}:{number}: got {line[:80]!r}, expected [entity, text, weight]. Save it again.") from error
    return Alias(entity, text, weight)
