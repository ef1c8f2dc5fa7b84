"""Aliases in memory, all found in one pass over a text (Aho and Corasick, 1975)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kg.alias_index import write_index
from kg.aliases import Alias, Rules
from kg.words import END, folded, spaced


class Automaton:
    """An automaton over folded words, a line end around each: an alias begins and ends where a word does.

    One pass costs nearly the same whatever the number of aliases; see `kg.alias_index` for more than fit in memory.
    """

    def __init__(self, aliases: Iterable[Alias], rules: Rules) -> None:
        """Build the automaton of the aliases that are usable by ``rules``.

        Raises:
            KgError: not one is usable.
        """
        import ahocorasick

        self._rules = rules
        self._lengths: list[int] = []
        self._aliases: list[list[Alias]] = []
        self._automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for alias in aliases:
            self._add(alias)
        if not self._aliases:
            raise rules.nothing_usable()
        self._automaton.make_automaton()

    def __len__(self) -> int:
        return len(self._aliases)

    def hits(self, words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
        """See `kg.matcher.Aliases.hits`."""
        text, found = END + folded(words) + END, []
        last, counted = -1, 0
        for place, key in self._automaton.iter(text):
            last += text.count(END, counted, place)
            counted = place
            found.append((last + 1 - self._lengths[key], -last, key))
        for begin, minus_last, key in sorted(found):
            yield begin, 1 - minus_last, key

    def aliases(self, key: int) -> list[Alias]:
        """See `kg.matcher.Aliases.aliases`."""
        return self._aliases[key]

    def save(self, folder: Path) -> None:
        """Write the aliases as a `kg.alias_index.AliasIndex`."""
        write_index(folder, (alias for group in self._aliases for alias in group), self._rules)

    def _add(self, alias: Alias) -> None:
        form = spaced(alias.text)
        if not self._rules.usable(form):
            return
        words = form.split(" ")
        key = END + folded(words) + END
        place = self._automaton.get(key, len(self._aliases))
        if place == len(self._aliases):
            self._automaton.add_word(key, place)
            self._aliases.append([])
            self._lengths.append(len(words))
        self._aliases[place].append(alias._replace(text=form))
