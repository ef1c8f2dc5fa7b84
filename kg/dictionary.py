"""Names found in raw characters, for graphs whose names are words of a script without blanks; K-BERT's look-up table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import numpy as np

from kg.aliases import Alias
from kg.errors import KgError, did_you_mean
from kg.link import Link
from kg.words import CJK

Order = Literal["longest", "forward"]
ORDERS = ("longest", "forward")
TAGS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[ENT]", "[SUB]", "[PRE]", "[OBJ]")
"""What K-BERT's authors never split; these words never grow a branch."""
CHUNK, BETWEEN = 1024, "\n"
BITS = 20
FACTORS = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
"""Odd multipliers that spread code points over `BITS` bits; a clash costs a look-up, never a wrong answer."""
INSIDE_WORD = re.compile(f"[^\\W{CJK}]{{2}}")
"""Two letters or digits of a script that writes blanks between its words."""


class Dictionary:
    """Exact names in a text, none overlapping another.

    ``longest`` takes the longest name at each place, and in alphabetic scripts no part of a word. ``forward`` is the forward
    maximum matching of K-BERT's authors, with what their segmenter does when a longer name fails half-way: the whole stretch
    up to the failure is one word, so that the shorter name in it is lost.
    """

    def __init__(self, aliases: Iterable[Alias], order: Order = "longest") -> None:
        """Prepare the names; of entities that share one, the weightier is meant.

        Raises:
            KgError: there is no name, or no such order.
        """
        import marisa_trie

        if order not in ORDERS:
            raise KgError(f"There is no order '{order}'. {did_you_mean(order, ORDERS)}")
        best: dict[str, Alias] = {}
        for alias in aliases:
            if alias.text and (alias.text not in best or alias.weight > best[alias.text].weight):
                best[alias.text] = alias
        if not best:
            raise KgError("There is no name to look for. Give a graph whose entities have names.")
        self.order = order
        self._trie = marisa_trie.Trie([*best, *(TAGS if order == "forward" else ())])
        self._entities = {self._trie[name]: alias.entity for name, alias in best.items()}
        self._longest = max(map(len, best))
        self._begins = _Beginnings(self._trie.iterkeys())
        self._find: Callable[[str, list[int]], Iterator[tuple[int, int]]] = (
            self._taken if order == "longest" else self._forward
        )

    @property
    def names(self) -> int:
        """How many names are looked for."""
        return len(self._entities)

    def link(self, text: str) -> list[Link]:
        """The names in a text, from left to right."""
        return self.link_many([text])[0]

    def link_many(self, texts: Iterable[str]) -> list[list[Link]]:
        """The names in each text."""
        texts = list(texts)
        return [self._linked(text, places) for text, places in zip(texts, self._begins.among(texts))]

    def _linked(self, text: str, places: list[int]) -> list[Link]:
        trie, entities = self._trie, self._entities
        words = ((start, end, trie.get(text[start:end], -1)) for start, end in self._find(text, places))
        return [Link(start, end, entities[key], 1.0) for start, end, key in words if key in entities]

    def _taken(self, text: str, places: list[int]) -> Iterator[tuple[int, int]]:
        free = 0
        for start in places:
            found = self._trie.prefixes(text[start : start + self._longest]) if start >= free else ()
            if found and not _inside_word(text, start):
                ends = (start + len(name) for name in reversed(found))
                end = next((end for end in ends if not _inside_word(text, end)), None)
                if end is not None:
                    yield start, end
                    free = end

    def _forward(self, text: str, places: list[int]) -> Iterator[tuple[int, int]]:
        free = 0
        for start in places:
            found = self._trie.prefixes(text[start : start + self._longest]) if start >= free else ()
            whole = [name for name in found if not any(map(str.isspace, name))]  # white space always ends a word
            if whole:
                free = self._cut(text, start, start + len(whole[-1]))
                yield start, free

    def _cut(self, text: str, start: int, end: int) -> int:
        """Where the word ends: as far as any name goes on like the text, unless white space or the text's end comes first."""
        at = end
        while at < len(text) and not text[at].isspace():
            if not self._trie.has_keys_with_prefix(text[start : at + 1]):
                return at
            at += 1
        return end


class _Beginnings:
    """Tells by the first one to three characters where a name may begin, for a whole text at once."""

    def __init__(self, names: Iterable[str]) -> None:
        self._tables = [np.zeros(1 << BITS, dtype=bool) for _ in FACTORS]
        grouped: list[list[str]] = [[], [], []]
        for name in names:
            grouped[min(len(name), 3) - 1].append(name[:3])
        self._sizes = [size for size, group in enumerate(grouped, start=1) if group]
        for size in self._sizes:
            self._tables[size - 1][_hashes(_points("".join(grouped[size - 1])), size)[::size]] = True

    def among(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """The places in each text, ascending."""
        for at in range(0, len(texts), CHUNK):
            yield from self._among(texts[at : at + CHUNK])

    def _among(self, texts: Sequence[str]) -> Iterator[list[int]]:
        points = _points(BETWEEN.join(texts))
        found = np.zeros(len(points), dtype=bool)
        for size in self._sizes:
            if len(points) >= size:
                found[: len(points) - size + 1] |= self._tables[size - 1][_hashes(points, size)]
        places = np.flatnonzero(found)
        ends = np.cumsum([len(text) + 1 for text in texts])
        cuts = np.searchsorted(places, ends).tolist()
        starts = (ends - [len(text) + 1 for text in texts]).tolist()
        for begin, end, start in zip([0, *cuts], cuts, starts):
            yield (places[begin:end] - start).tolist()


def _points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _hashes(points: np.ndarray, size: int) -> np.ndarray:
    """A number below ``2 ** BITS`` for each stretch of ``size`` characters."""
    last = len(points) - size + 1
    mixed = points[:last] * np.uint32(FACTORS[0])
    for shift in range(1, size):
        mixed = (mixed ^ (mixed >> np.uint32(15))) + points[shift : last + shift] * np.uint32(FACTORS[shift])
    return mixed >> np.uint32(32 - BITS)


def _inside_word(text: str, at: int) -> bool:
    """Whether a word of an alphabetic script or a number goes on across this place."""
    return at > 0 and INSIDE_WORD.match(text, at - 1) is not None
