"""Semantic roles that need no parser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from kplm.data.roles import Predicate, RoleSource, Words


class SecondWord(RoleSource):
    """Words are cut at white space, and of each sentence the second is the predicate, the first its ARG0."""

    init_args: ClassVar[dict[str, Any]] = {}

    def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        """One predicate, none where there is no second word."""
        tags = [("B-ARG0", "B-V", *["O"] * (len(words) - 2)) for words in sentences]
        return [(Predicate(1, found),) if len(words) > 1 else () for words, found in zip(sentences, tags)]

    def words(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Character spans."""
        return [[found.span() for found in re.finditer(r"\S+", text)] for text in texts]
