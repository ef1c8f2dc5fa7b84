"""Roles that somebody labelled before, looked up by the words of a sentence."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from textwrap import shorten
from typing import Literal

from tqdm import tqdm

from kg.places import locate
from kplm.data.roles.base import Predicate, RoleSource, Words
from kplm.data.roles.packed import digest, packed, unpacked
from kplm.data.roles.places import lasting
from kplm.data.roles.reading import role_sentences
from kplm.errors import DataError, KplmError

log = logging.getLogger(__name__)
SHOWN = 160
"""Characters of a sentence that an error tells."""
SLOW = 2.0
"""Seconds after which reading shows its progress."""


class Files(RoleSource):
    """Roles from files: of SemBERT's authors, AllenNLP, our own JSON lines, and CoNLL's columns; see :func:`role_sentences`.

    A text is cut into the words that a file has for its characters, whatever the white space between them.

    Args:
        paths: one file, or several.
        unknown: what a sentence is that no file has: an 'error', or one with no 'none' of roles.
        repair: read an I- that continues nothing as a B-, instead of refusing it.

    Raises:
        KplmError: no file is given.
    """

    def __init__(
        self, paths: str | list[str], unknown: Literal["error", "none"] = "error", repair: bool = False
    ) -> None:
        if not paths:
            raise KplmError("Files was given no file, so it knows no roles. Give one or several in paths.")
        self.paths = [lasting(path) for path in ([paths] if isinstance(paths, str) else paths)]
        self.unknown, self.repair = unknown, repair
        self.init_args = {"paths": self.paths, "unknown": unknown, "repair": repair}

    def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        """The predicates of each sentence.

        Raises:
            DataError: no file has a sentence, and that is an error; or a file cannot be read.
            KgError: a file is not there.
        """
        return [self._found(words) if words else () for words in sentences]

    def words(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """The words of the files, and for texts that they do not have those of spaCy's English tokenizer."""
        known = [self.index.cuts.get(digest([_squeezed(text)])) for text in texts]
        new = [text for text, sizes in zip(texts, known) if sizes is None]
        others = iter(super().words(new) if new else ())
        return [next(others) if sizes is None else _places(text, sizes) for text, sizes in zip(texts, known)]

    @property
    def places(self) -> list[Path]:
        """The files.

        Raises:
            KgError: one is not there.
            DataError: one is a folder.
        """
        found = [locate(path) for path in self.paths]
        for place in found:
            if place.is_dir():
                raise DataError(f"{place} is a folder, not a file of roles. Give its files in paths, one by one.")
        return found

    @cached_property
    def edition(self) -> str:  # type: ignore[override]
        """The digest of the files' content."""
        found = sha256()
        for place in self.places:
            found.update(sha256(place.read_bytes()).digest())
        return found.hexdigest()[:16]

    @cached_property
    def index(self) -> Index:
        """What the files have, read at the first use."""
        index = Index()
        for place in self.places:
            for sentence in tqdm(role_sentences(place, self.repair), place.name, unit=" sentences", delay=SLOW):
                index.add(sentence.words, sentence.predicates)
        if index.disagree:
            log.warning(
                "Sentences that are there twice with different roles: %d; the first ones count.", index.disagree
            )
        return index

    def _found(self, words: Words) -> tuple[Predicate, ...]:
        found = self.index.roles.get(digest(words))
        if found is None and self.unknown == "error":
            cut = " They have its characters, but other words." if self.index.other_words(words) else ""
            names = ", ".join(place.name for place in self.places)
            raise DataError(
                f"none of the {len(self.index.roles)} sentences in {names} is '{shorten(' '.join(words), SHOWN)}'.{cut} Label "
                f"it too, or give unknown='none' to take such sentences as having no roles."
            )
        return () if found is None else unpacked(found, len(words))


class Index:
    """Predicates by the words of a sentence, and words by its characters, both packed."""

    def __init__(self) -> None:
        self.roles: dict[bytes, str] = {}
        self.cuts: dict[bytes, array[int]] = {}
        """How many characters that are no white space each word has."""
        self.disagree = 0

    def add(self, words: Words, predicates: Sequence[Predicate]) -> None:
        """Add a sentence; one that is there already stays."""
        text = packed(predicates)
        if self.roles.setdefault(digest(words), text) != text:
            self.disagree += 1
        sizes = array("I", (len(_squeezed(word)) for word in words))
        self.cuts.setdefault(digest([_squeezed("".join(words))]), sizes)

    def other_words(self, words: Words) -> bool:
        """Whether a sentence has the same characters."""
        return digest([_squeezed("".join(words))]) in self.cuts


def _squeezed(text: str) -> str:
    """The text without white space."""
    return "".join(text.split())


def _places(text: str, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """The words of a text as ``[start, end)``, from the number of their characters; a word of white space is empty."""
    solid = [at for at, character in enumerate(text) if not character.isspace()]
    found, done = [], 0
    for size in sizes:
        start = solid[done] if done < len(solid) else len(text)
        done += size
        found.append((start, solid[done - 1] + 1 if size else start))
    return found
