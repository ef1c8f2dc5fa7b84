"""What the sources that read a graph share: its names found in texts, and its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from kg.link import Link as Found
from kplm.data.example import Example, Link


class FindsNames(Protocol):
    """``kg.Linker``, ``kg.dictionary.Dictionary``, or whatever links texts as they do."""

    def link_many(self, texts: Iterable[str]) -> list[list[Found]]:
        """The links in each text."""


def linked(examples: Sequence[Example], linker: Callable[[], FindsNames], again: bool) -> list[Example]:
    """Link texts that carry no links yet, pairs included.

    Args:
        examples: the texts.
        linker: called only when there is something to link.
        again: link every text, even where links were given.
    """
    wanted = [i for i, example in enumerate(examples) if again or example.links is None]
    found = list(examples)
    if not wanted:
        return found
    texts = linker().link_many([examples[i].text for i in wanted])
    pairs: list[list[Found]] = [[]] * len(wanted)
    if any(examples[i].pair for i in wanted):
        pairs = linker().link_many([examples[i].pair or "" for i in wanted])
    for i, *parts in zip(wanted, texts, pairs):
        links = tuple(Link(x.start, x.end, x.entity, x.score, part) for part, some in enumerate(parts) for x in some)
        found[i] = replace(examples[i], links=links)
    return found


def from_anywhere(path: str) -> str:
    """The path a checkpoint keeps: absolute, so that it is found from any folder."""
    return path if ":" in path else str(Path(path).expanduser().resolve())
