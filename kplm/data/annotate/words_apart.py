"""Words cut into sub-words one by one, as the authors of SemBERT cut them (Zhang et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from kplm.data.annotate.base import Annotator
from kplm.data.example import Example, Structures
from kplm.data.markers import Insertions
from kplm.errors import DataError
from kplm.text import Tokens


class WordsApart(Annotator):
    """Writes a blank between words that touch, so that no sub-word is of two: "didn't" is read as "did n't".

    The words are those of the roles, so this stands behind :class:`Roles`. It is for models that were trained on such texts, and for
    tasks about whole texts.
    """

    writes = frozenset()
    modes = frozenset({"on"})

    def __init__(self) -> None:
        super().__init__()
        self.init_args: dict[str, Any] = {}

    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """The texts with blanks between their words, and the words where they are now.

        Raises:
            DataError: an example also has marks, links, answers or the like, which would not be where they are said to be.
        """
        return [_apart(example) for example in examples]

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """No fields."""
        return {}


def _apart(example: Example) -> Example:
    blanks = [_blanks(example, part) for part in (0, 1)]
    if not any(one.at for one in blanks):
        return example
    for name in ("marks", "links", "words", "references", "spans"):
        if getattr(example, name):
            raise DataError(
                f"{example.where or 'a text'} has {name}, which WordsApart does not move. Leave it out of data.annotators."
            )
    roles = tuple(_moved(one, blanks[one.part]) for one in example.roles or ())
    pair = None if example.pair is None else blanks[1].apply(example.pair)
    return replace(example, text=blanks[0].apply(example.text), pair=pair, roles=roles)


def _moved(found: Structures, blanks: Insertions) -> Structures:
    return replace(found, words=tuple((blanks.start(start), blanks.end(end)) for start, end in found.words))


def _blanks(example: Example, part: int) -> Insertions:
    """A blank in front of every word that begins where another ends."""
    words = [word for one in example.roles or () if one.part == part for word in one.words if word[0] < word[1]]
    at = tuple(start for (_, end), (start, _) in pairwise(words) if start == end)
    return Insertions(at, (" ",) * len(at))
