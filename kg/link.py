"""Link the names in a text to the entities of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from kg.alias_index import AliasIndex, write_index
from kg.aliases import Alias, Rules, store_aliases
from kg.automaton import Automaton
from kg.errors import KgError
from kg.matcher import REMEMBERED, Matcher, Mention
from kg.opening import PYKEEN
from kg.places import META, locate, read_meta, whole_folder, write_meta
from kg.store import TripleStore

KIND = "kg.linker"
GRAPH = "graph"


@dataclass(frozen=True, slots=True)
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

    def __init__(
        self,
        aliases: Iterable[Alias] | Automaton | AliasIndex,
        graph: TripleStore | None = None,
        rules: Rules | None = None,
    ) -> None:
        """Build a linker in memory; `from_store` takes the names out of a graph, `build` makes one on disk.

        Args:
            aliases: the names, each with its entity and weight; or these already prepared for finding.
            graph: where neighbours are looked up; without one only weights decide.
            rules: when a name counts.

        Raises:
            KgError: not one alias is usable.
        """
        self.rules, self.graph = rules or Rules(), graph
        self._aliases = aliases if isinstance(aliases, Automaton | AliasIndex) else Automaton(aliases, self.rules)
        self._matcher = Matcher(self._aliases, self.rules)
        self._neighbours = lru_cache(REMEMBERED)(self._looked_up)
        self._folder: Path | None = None

    def __reduce__(self) -> tuple[Callable[..., Linker], tuple[Any, ...]]:
        """A linker that was opened travels to another process as the path of its folder."""
        return (Linker.open, (self._folder,)) if self._folder else (Linker, (self._aliases, self.graph, self.rules))

    @classmethod
    def from_store(cls, store: TripleStore, **rules: Any) -> Linker:
        """A linker for the labels and aliases of ``store``; ``rules`` are the fields of `Rules`, such as ``case``."""
        return cls(store_aliases(store), store, Rules(**rules))

    @property
    def names(self) -> int:
        """How many different names are found."""
        return len(self._aliases)

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
            self._aliases.save(folder)
            _write_rest(folder, self.graph, self.rules)

    @classmethod
    def build(
        cls, path: str | Path, aliases: Iterable[Alias], graph: TripleStore | None = None, rules: Rules | None = None
    ) -> Linker:
        """Write the folder of a linker without having all aliases in memory, for millions of them, and open it.

        Args:
            path: the folder, written whole or not at all.
            aliases: the names, each with its entity and weight; read once.
            graph: where neighbours are looked up; without one only weights decide.
            rules: when a name counts.

        Raises:
            KgError: not one alias is usable, the folder cannot be written, or holds something else.
        """
        rules = rules or Rules()
        with whole_folder(path, KIND) as folder:
            write_index(folder, aliases, rules)
            _write_rest(folder, graph, rules)
        return cls._at(locate(path).resolve(), graph, rules)

    @classmethod
    def open(cls, path: str | Path) -> Linker:
        """Open a linker that `save` or `build` wrote: the aliases are memory-mapped, nothing is unpickled.

        Raises:
            KgError: the folder holds no linker, or is damaged.
        """
        folder = locate(path).resolve()
        meta = read_meta(folder)
        if meta.get("kind") != KIND:
            raise KgError(f"{folder} holds no linker. Write one with kplm kg index or Linker.save.")
        return cls._at(folder, _graph(folder, meta), _rules(folder, meta))

    @classmethod
    def _at(cls, folder: Path, graph: TripleStore | None, rules: Rules) -> Linker:
        linker = cls(AliasIndex(folder), graph, rules)
        linker._folder = folder
        return linker

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
        others = self._neighbours(entity) & present
        return 1.0 + self.rules.context * len(others - mention.weights.keys())

    def _looked_up(self, entity: str) -> frozenset[str]:
        assert self.graph is not None
        return frozenset(self.graph.neighbours(entity))


def open_linker(place: str, names: str | Path | None = None, max_bad: int = 10, **rules: Any) -> Linker:
    """The linker saved in a folder, whose own rules then hold, or one for the names of a graph.

    Args:
        place: a folder that `Linker.save` or `Linker.build` wrote, or a graph as for `TripleStore.open`.
        names: for a graph, a file of labels and aliases besides.
        max_bad: so many bad lines are passed over with a warning, one more is an error.
        rules: for a graph, the fields of `Rules`.

    Raises:
        KgError: nothing is there, or it cannot be read.
    """
    if not place.startswith(PYKEEN) and (found := locate(place)).is_dir() and read_meta(found).get("kind") == KIND:
        return Linker.open(found)
    return Linker.from_store(TripleStore.open(place, names, max_bad), **rules)


def _write_rest(folder: Path, graph: TripleStore | None, rules: Rules) -> None:
    if graph is not None:
        graph.save(folder / GRAPH)
    written = {**asdict(rules), "stop_words": sorted(rules.stop_words)}
    write_meta(folder, KIND, {"rules": written, "graph": graph is not None})


def _graph(folder: Path, meta: dict[str, Any]) -> TripleStore | None:
    if not meta.get("graph"):
        return None
    if not (folder / GRAPH).exists():
        raise KgError(f"The linker in {folder} was written with a graph, and {GRAPH}/ is gone. Copy or write it again.")
    return TripleStore.open(folder / GRAPH)


def _rules(folder: Path, meta: dict[str, Any]) -> Rules:
    try:
        return Rules(**{**meta["rules"], "stop_words": frozenset(meta["rules"]["stop_words"])})
    except (KeyError, TypeError, AttributeError) as error:
        raise KgError(f"{folder / META} has no rules of a linker ({error}). Write it again.") from error
