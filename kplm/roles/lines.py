"""Files of roles, made block by block: examples in, lines of JSON out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from kg.blocks.folder import TextBlocks
from kg.blocks.part import Block
from kg.blocks.stamps import digest, key
from kg.blocks.summary import Summary
from kg.blocks.threads import limit_threads
from kplm.data.example import Example
from kplm.data.roles.base import RoleSource
from kplm.roles.answers import role_answer, with_words, words_of
from kplm.roles.opening import open_source
from kplm.spec import to_spec

VERSION = 1


@dataclass(frozen=True)
class RoleLines:
    """Opens a source of roles, once in each process."""

    by: str
    """See `kplm.roles.opening.open_source`."""
    threads: int
    folder: TextBlocks

    def __call__(self, turn: int) -> Callable[[Block[list[Example]]], Summary]:
        """A function that labels, writes and sums up one block."""
        limit_threads(self.threads)
        source = open_source(self.by)

        def make(block: Block[list[Example]]) -> Summary:
            answers = labelled(block.content, source)
            text = "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers)
            predicates = sum(len(answer["verbs"]) for answer in answers)
            summary = Summary(Counter(texts=len(answers), predicates=predicates), [])
            self.folder.write(block, text, summary)
            return summary

        return make


def labelled(examples: Sequence[Example], source: RoleSource) -> list[dict[str, Any]]:
    """What a source of roles says of examples, one object each; texts without words are cut as the source wants them."""
    cut = with_words(examples, source.words)
    found = source.ask([words_of(one) for one in cut])
    return [role_answer(*one) for one in zip(cut, found)]


def settings_key(by: str, threads: int) -> str:
    """A digest of what decides the roles."""
    source = open_source(by)
    about = {"source": to_spec(source), "edition": source.edition, "threads": threads, "version": VERSION}
    return key(about)


def example_blocks(examples: Iterable[Example], most: int) -> Iterator[Block[list[Example]]]:
    """Examples in blocks of so many."""
    rest = iter(examples)
    for number in count():
        some = list(islice(rest, most))
        if not some:
            return
        about = json.dumps([[one.id, one.text, one.words] for one in some])
        yield Block(number, some, len(some), digest([about.encode()]))
