"""A dependency tree as the rules walk it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from kg.parsing import Parse

OPENING, CLOSING = {"``", "-LRB-"}, {"''", "-RRB-"}
MARKS = {",", ".", ":", "NFP", "_SP"}
ROOT = "ROOT"
SUBJECTS = {"nsubj", "nsubjpass", "csubj", "csubjpass"}


class Tree:
    """The words of a parse with their children and subtrees; a root is nothing to another word, whatever the parse calls it."""

    def __init__(self, parse: Parse) -> None:
        self.words, self.lemmas, self.tags = parse.words, parse.lemmas, parse.tags
        self.heads = parse.heads
        self.labels = tuple(
            ROOT if word == head else label for word, (head, label) in enumerate(zip(parse.heads, parse.labels))
        )
        self.children: list[list[int]] = [[] for _ in parse.words]
        for word, head in enumerate(parse.heads):
            if word != head:
                self.children[head].append(word)

    @cached_property
    def edges(self) -> np.ndarray:
        """``[N, 2]`` first word and end of the subtree of each word."""
        begin, heads = np.arange(len(self.words)), np.array(self.heads, dtype=int)
        end = begin + 1
        while True:
            lower, higher = begin.copy(), end.copy()
            np.minimum.at(lower, heads, begin)
            np.maximum.at(higher, heads, end)
            if (lower == begin).all() and (higher == end).all():
                return np.stack([begin, end], 1)
            begin, end = lower, higher

    def find(self, word: int, *labels: str) -> int | None:
        """The first child of these labels."""
        return next((child for child in self.children[word] if self.labels[child] in labels), None)

    def below(self, word: int) -> Iterator[tuple[int, str]]:
        """The children of a word, each with its label."""
        return ((child, self.labels[child]) for child in self.children[word])

    def subject(self, word: int) -> int | None:
        """The subject that stands with a verb."""
        return self.find(word, *SUBJECTS)

    def verb(self, word: int) -> bool:
        """Whether the parser takes it for a verb, modals left out."""
        return self.tags[word].startswith("VB")

    def span(self, word: int) -> tuple[int, int]:
        """First word and end of its subtree, without punctuation at the edges that is not of a pair inside."""
        begin, end = map(int, self.edges[word])
        return self.trimmed(begin, end, word)

    def trimmed(self, begin: int, end: int, word: int) -> tuple[int, int]:
        """A span around a word without such punctuation."""
        while begin < word and self._loose(begin, begin, end):
            begin += 1
        while end > word + 1 and self._loose(end - 1, begin, end):
            end -= 1
        return begin, end

    def _loose(self, mark: int, begin: int, end: int) -> bool:
        tag = self.tags[mark]
        if tag in OPENING or tag in CLOSING:
            inside = self.tags[begin:end]
            return sum(other in OPENING for other in inside) != sum(other in CLOSING for other in inside)
        return tag in MARKS
