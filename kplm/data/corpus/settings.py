"""What decides the rows of a corpus, and a key that changes when any of it does."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

from kg.blocks.stamps import key
from kplm.errors import KplmError, did_you_mean
from kplm.text import Tokenizer

VERSION = 1
SHAPES = ("pairs", "packed")
SHORTEST = 8


@dataclass(frozen=True)
class Settings:
    """See `kplm.data.corpus.prepare.prepare` for what each of them means.

    Raises:
        KplmError: one of them is impossible.
    """

    tokenizer: str
    format: str
    shape: str
    max_length: int
    graph: str | None
    titles: str | None
    table: str | None
    min_entities: int
    language: str
    short_seq_prob: float
    seed: int
    block_bytes: int

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            hint = did_you_mean(self.shape, SHAPES)
            raise KplmError(f"There is no shape '{self.shape}'.{hint} Possible: {', '.join(SHAPES)}.")
        wiki = self.format.startswith("wiki")
        if self.titles and not wiki:
            raise KplmError(f"titles are for wiki pages, but the input is {self.format}. Leave them out.")
        if self.graph and wiki:
            raise KplmError("graph is for texts without links, but wiki pages have anchors. Give titles instead.")
        _at_least("max_length", self.max_length, SHORTEST)
        _at_least("block_bytes", self.block_bytes, 1)
        _at_least("min_entities", self.min_entities, 0)
        if not 0 <= self.short_seq_prob <= 1:
            raise KplmError(f"short_seq_prob is {self.short_seq_prob}; it must be from 0 to 1.")

    def key(self, tokenizer: Tokenizer) -> str:
        """A digest of the settings, and of names, sizes and times of the files that are read besides the texts."""
        about = asdict(self) | {"version": VERSION, "tokenizer": digest(tokenizer)}
        return key(about, [self.graph, self.titles, self.table])


def digest(tokenizer: Tokenizer) -> str:
    """SHA-256 of the tokenizer, whatever file it came from."""
    return hashlib.sha256(tokenizer.to_json().encode()).hexdigest()


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise KplmError(f"{name} is {value}; it must be {least} or more.")
