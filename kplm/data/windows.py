"""Long contexts in overlapping windows, each behind the whole question, as BERT reads SQuAD (Devlin et al., 2019, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kplm.data.example import Example
from kplm.errors import DataError, KplmError
from kplm.text.tokens import Pieces


@dataclass(frozen=True)
class Windows:
    """Where windows begin, and how long they are."""

    paired: int
    """Most sub-words of a question and a window together, special tokens not counted."""
    stride: int
    """From the beginning of one window to that of the next, in sub-words."""

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise KplmError(f"stride={self.stride}, but the next window must begin further on; give 1 or more.")

    def __call__(self, example: Example, question: Pieces, context: Pieces | None) -> Iterator[Pieces]:
        """The windows of one context; they leave nothing out, and one that fits is a single window.

        Raises:
            DataError: there is no context, or the question leaves too little room for it.
        """
        where = example.where or f"question '{example.text[:80]}'"
        if context is None:
            raise DataError(f"{where}: there is no context to find the answer in. Give it as the second text, 'pair'.")
        size, room = len(context.ids), self.paired - len(question.ids)
        if size > room and room < self.stride:
            raise DataError(
                f"{where}: the question has {len(question.ids)} tokens, which leaves room for {max(room, 0)} tokens of its context "
                f"in a row, fewer than a stride of {self.stride}. Shorten the question, raise data.max_length, or lower data.stride."
            )
        steps = -(-max(0, size - room) // self.stride)
        for first in range(0, steps * self.stride + 1, self.stride):
            yield Pieces(context.ids[first : first + room], context.offsets[first : first + room])
