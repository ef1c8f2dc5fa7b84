"""Find every alias in a text in one pass (Aho and Corasick, 1975)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from kg.aliases import Alias, Rules
from kg.errors import KgError
from kg.words import spaced, word_matches

END = "\n"


class Mention(NamedTuple):
    """A place in a text, end exclusive, and the weight of every entity that it may mean."""

    start: int
    end: int
    weights: dict[str, float]
    exact: bool


class Matcher:
    """An automaton over words in lower case, a line end around each: an alias begins and ends where a word does.

    The case rule is asked for each match. One pass costs nearly the same whatever the number of aliases.
    """

    def __init__(self, aliases: Iterable[Alias], rules: Rules) -> None:
        """Build the automaton.

        Raises:
            KgError: not one alias is usable.
        """
        import ahocorasick

        self._rules = rules
        self._lengths: list[int] = []
        self._aliases: list[list[Alias]] = []
        self._automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for alias in aliases:
            self._add(alias)
        if not self._aliases:
            raise KgError(f"There is no usable alias among those given (min_length={rules.min_length}). Give names.")
        self._automaton.make_automaton()

    @property
    def aliases(self) -> Iterable[Alias]:
        """The aliases in use, with their words joined by blanks."""
        return (alias for group in self._aliases for alias in group)

    def mentions(self, text: str) -> list[Mention]:
        """The mentions in ``text``: of those that overlap the first, of those that begin together the longest."""
        matches = word_matches(text)
        words = [match[0] for match in matches]
        lines = [word.casefold() for word in words]
        ends = list(accumulate([len(line) + 1 for line in lines]))
        hits = []
        for end, key in self._automaton.iter(END + END.join(lines) + END):
            last = bisect_left(ends, end)
            hits.append((last + 1 - self._lengths[key], -last, key))
        found, free = [], 0
        for begin, last, key in sorted(hits):
            if begin < free:
                continue
            surface = " ".join(words[begin : 1 - last])
            if accepted := [alias for alias in self._aliases[key] if self._rules.accepts(alias.text, surface)]:
                found.append(self._mention(matches[begin].start(), matches[-last].end(), accepted, surface))
                free = 1 - last
        return found

    def _add(self, alias: Alias) -> None:
        form = spaced(alias.text)
        if not self._rules.usable(form):
            return
        words = [word.casefold() for word in form.split(" ")]
        key = END + END.join(words) + END
        place = self._automaton.get(key, len(self._aliases))
        if place == len(self._aliases):
            self._automaton.add_word(key, place)
            self._aliases.append([])
            self._lengths.append(len(words))
        self._aliases[place].append(alias._replace(text=form))

    def _mention(self, start: int, end: int, aliases: list[Alias], surface: str) -> Mention:
        """The best weight of each entity; one that is written otherwise weighs less."""
        weights: dict[str, float] = {}
        for entity, form, weight in aliases:
            weight = weight if form == surface else weight * self._rules.other_case
            weights[entity] = max(weight, weights.get(entity, 0.0))
        return Mention(start, end, weights, any(alias.text == surface for alias in aliases))
