"""Find the names in a text that count by the rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from kg.aliases import Alias, Rules
from kg.words import word_matches

REMEMBERED = 1 << 15


class Mention(NamedTuple):
    """A place in a text, end exclusive, and the weight of every entity that it may mean."""

    start: int
    end: int
    weights: dict[str, float]
    exact: bool


class Aliases(Protocol):
    """Where names are found and what they mean: `kg.automaton.Automaton` or `kg.alias_index.AliasIndex`.

    A name is compared as folded words; aliases that differ in their case only share one.
    """

    def __len__(self) -> int:
        """How many names there are."""

    def hits(self, words: Sequence[str]) -> Iterable[tuple[int, int, int]]:
        """Every name among ``words``: first word, last word + 1 and the name's number; by first word, longest first."""

    def aliases(self, key: int) -> list[Alias]:
        """The aliases of a name by its number, in the order they were given, with their words joined by blanks."""

    def save(self, folder: Path) -> None:
        """Write the aliases into an existing folder, where `kg.alias_index.AliasIndex` opens them."""


class Matcher:
    """Asks the rules about every name that is found, and settles overlaps."""

    def __init__(self, aliases: Aliases, rules: Rules) -> None:
        """Keep where names are found, and the rules."""
        self._aliases, self._rules = aliases, rules
        self._candidates = lru_cache(REMEMBERED)(self._weighed)

    def __reduce__(self) -> tuple[type[Matcher], tuple[Aliases, Rules]]:
        return Matcher, (self._aliases, self._rules)

    def mentions(self, text: str) -> list[Mention]:
        """The mentions in ``text``: of those that overlap the first, of those that begin together the longest."""
        matches = word_matches(text)
        words = [match[0] for match in matches]
        found, free = [], 0
        for begin, end, key in self._aliases.hits(words):
            if begin < free:
                continue
            weights, exact = self._candidates(key, " ".join(words[begin:end]))
            if weights:
                found.append(Mention(matches[begin].start(), matches[end - 1].end(), weights, exact))
                free = end
        return found

    def _weighed(self, key: int, surface: str) -> tuple[dict[str, float], bool]:
        """The best weight of each entity, and whether an alias is written as in the text; any other weighs less."""
        accepted = [alias for alias in self._aliases.aliases(key) if self._rules.accepts(alias.text, surface)]
        weights: dict[str, float] = {}
        for entity, form, weight in accepted:
            weight = weight if form == surface else weight * self._rules.other_case
            weights[entity] = max(weight, weights.get(entity, 0.0))
        return weights, any(alias.text == surface for alias in accepted)
