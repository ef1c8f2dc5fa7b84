"""WordNet's synsets with their words, pointers and glosses (``man wndb``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kg.errors import KgError
from kg.wordnet.files import AGAIN, numbered, whole
from kg.wordnet.find import POS

LETTER = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
_MARK = re.compile(r"\((?:a|p|ip)\)$")
_EXAMPLES = re.compile(r'(?:^|[;:])\s*"')
_QUOTED = re.compile(r'"([^"]+)"?')


class Gloss(NamedTuple):
    """What a synset means, in words.

    Attributes:
        synset: its id, such as ``02084071-n``.
        definition: what the words mean.
        examples: sentences or phrases that use them.
    """

    synset: str
    definition: str
    examples: tuple[str, ...] = ()


class Synset(NamedTuple):
    """One line of a data file.

    Attributes:
        words: as written, with blanks.
        pointers: symbols (``man wninput``) and the ids of the synsets they point to.
        gloss: which has the synset's id.
    """

    words: tuple[str, ...]
    pointers: tuple[tuple[str, str], ...]
    gloss: Gloss


def read_synsets(folder: Path) -> Iterator[Synset]:
    """All synsets of WordNet, file by file; the ids are offset, hyphen and n, v, a or r, which satellites have as well.

    Raises:
        KgError: a file is truncated, or a line is no synset.
    """
    for pos in POS:
        path = folder / f"data.{pos}"
        for number, line in numbered(path, whole(path)):
            try:
                yield _synset(line, LETTER[pos])
            except (ValueError, IndexError) as error:
                expected = "offset, file, pos, words, pointers | gloss"
                raise KgError(f"{path}:{number}: got {line[:80]!r}, expected {expected}. {AGAIN}") from error


def _synset(line: str, letter: str) -> Synset:
    head, _, gloss = line.partition(" | ")
    fields = head.split()
    count = int(fields[3], 16)
    words = tuple(_MARK.sub("", word).replace("_", " ") for word in fields[4 : 4 + 2 * count : 2])
    first = 5 + 2 * count
    pointers = fields[first : first + 4 * int(fields[first - 1])]
    targets = (f"{offset}-{pos.replace('s', 'a')}" for offset, pos in zip(pointers[1::4], pointers[2::4], strict=True))
    pairs = tuple(zip(pointers[::4], targets, strict=True))
    return Synset(words, pairs, split_gloss(f"{fields[0]}-{letter}", gloss))


def split_gloss(synset: str, text: str) -> Gloss:
    """A gloss as definition and examples: they are in quotes after it, the first behind a semicolon or a colon.

    >>> split_gloss("00001740-n", 'a greeting; "hello there"; "hello, John"').examples
    ('hello there', 'hello, John')
    """
    text = text.strip()
    found = _EXAMPLES.search(text)
    if found is None:
        return Gloss(synset, text.strip(" ;"))
    examples = (example.strip(" ;:") for example in _QUOTED.findall(text, found.end() - 1))
    return Gloss(synset, text[: found.start()].strip(" ;"), tuple(filter(None, examples)))
