"""A marked word shown to the encoder by its segment, such as the predicate whose arguments are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kplm.data.annotate.base import Annotator
from kplm.data.example import Example
from kplm.text import Tokens


class Indicator(Annotator):
    """Segment 1 on every sub-word of the spans with one role, segment 0 on all else of a text (Shi and Lin, 2019, section 3).

    No marker is written, so the text stays what it is. It is part of the question, no knowledge: no setting withholds it.

    Args:
        role: the role of the marks that are shown.
    """

    writes = frozenset({"segment_ids"})
    modes = frozenset({"on"})

    def __init__(self, role: str = "predicate") -> None:
        super().__init__()
        self.role = role
        self.init_args = {"role": role}

    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """The examples as they are: the marks come with them."""
        return list(examples)

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """``segment_ids [L]``."""
        segments = tokens.segments.copy()
        for mark in example.marks:
            if mark.role == self.role:
                begins, ends = tokens.offsets.T
                segments[(tokens.parts == mark.part) & (begins < mark.end) & (ends > mark.start)] = 1
        return {"segment_ids": segments}
