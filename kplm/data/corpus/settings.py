"""What decides the rows of a corpus, and a key that changes when any of it does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kg.places import PACKAGE, locate
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

    def key(self, tokenizer: Tokenizer, files: Sequence[Path]) -> str:
        """A digest of the settings and of names, sizes and times of all files that are read."""
        found = asdict(self) | {"version": VERSION, "tokenizer": digest(tokenizer), "files": _stamps(files)}
        for name in ("graph", "titles", "table"):
            found[f"{name} files"] = _files_of(getattr(self, name))
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]


def digest(tokenizer: Tokenizer) -> str:
    """SHA-256 of the tokenizer, whatever file it came from."""
    return hashlib.sha256(tokenizer.to_json().encode()).hexdigest()


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise KplmError(f"{name} is {value}; it must be {least} or more.")


def _files_of(name: str | None) -> list[list[Any]]:
    """The stamps of a file or of all files in a folder; none for a graph that is no path."""
    if name is None or (":" in name and not name.startswith(PACKAGE)):
        return []
    path = locate(name)
    return _stamps(sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path])


def _stamps(files: Sequence[Path]) -> list[list[Any]]:
    found = [(file.resolve(), file.stat()) for file in files]
    return [[str(path), about.st_size, about.st_mtime_ns] for path, about in found]
