"""Semantic roles to batch fields: BIO tags whose classes belong together in pairs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kplm.data.example import Example
from kplm.data.roles.base import OUTSIDE, VERB
from kplm.data.targets import TagTargets
from kplm.errors import LabelError
from kplm.text import Tokens
from kplm.text.tokens import NOWHERE, Ints

log = logging.getLogger(__name__)


class RoleTargets(TagTargets):
    """One BIO tag a word. A word of which the tokenizer leaves nothing, such as a zero-width space, is at no token.

    A role that is no class, such as one that only the validation file has, gets a number behind those of the classes, so that
    it counts as missed; each such role is told once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._strange: set[str] = set()

    @classmethod
    def of(cls, examples: Iterable[Example], least: int = 1) -> tuple[str, ...]:
        """Outside, then B- and I- of V and of every role with so many spans at least, whether or not both of its tags occur."""
        tags = (tag for example in examples for tag in cls.gold(example))
        counts = Counter(tag.removeprefix("B-") for tag in tags if tag.startswith("B-"))
        roles = sorted(role for role, count in counts.items() if count >= least and role != VERB)
        return (OUTSIDE, *(f"{kind}-{role}" for role in (VERB, *roles) for kind in "BI"))

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``word_positions [S]`` and ``tags [S]``; words without a gold tag get the ignore index."""
        return super().encode(example, tokens) | {"word_positions": _first_tokens(example, tokens)}

    def index(self, name: str, where: str) -> int:
        """Class number of a tag; C for the beginning and C + 1 for the inside of a role that is no class.

        Raises:
            LabelError: it is no BIO tag.
        """
        if name in self._index:
            return self._index[name]
        kind, _, role = name.partition("-")
        if kind not in ("B", "I") or not role:
            raise LabelError(f"{where or 'example'}: '{name}' is no tag of a role. Write B-ARG0, I-ARG0 or O.")
        if role not in self._strange:
            self._strange.add(role)
            log.warning(f"{where or 'example'}: the role '{role}' is no class and counts as missed.")
        return len(self.names) + (kind == "I")


def _first_tokens(example: Example, tokens: Tokens) -> Ints:
    """The first token of each word ``[S]``; that of no other word."""
    spans = np.array(example.words, dtype=np.int64).reshape(-1, 2)
    first = tokens.holding(spans[:, 0])
    own = (first >= 0) & (tokens.offsets[first, 0] < spans[:, 1])
    return np.where(own, first, NOWHERE)
