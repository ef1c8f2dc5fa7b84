"""The seam every kind of knowledge plugs into."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor

from kplm.data.example import Example
from kplm.text import Tokens

Knowledge = Literal["on", "off", "shuffled"]
"""'shuffled' keeps the shape of the knowledge and breaks its facts: the control that shows whether the facts matter."""


class Annotator(ABC):
    """A knowledge source, in three steps from raw text to the batch.

    :meth:`annotate` works on text and may be slow, :meth:`encode` turns its findings into fields of one example once the
    tokens are known, :meth:`complete` may add tensors to a whole batch.
    """

    writes: frozenset[str]
    """Batch fields this source provides."""

    def __init__(self) -> None:
        self.knowledge: Knowledge = "on"

    def switch(self, knowledge: Knowledge) -> None:
        """Use the knowledge, withhold it, or shuffle it; the fields stay the same, so the model does too."""
        self.knowledge = knowledge

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the encoder that this source's fields need, under the names of its config."""
        return {}

    @abstractmethod
    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """Add what the source knows about each text."""

    @abstractmethod
    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """Fields of one example, as arrays without a batch axis."""

    def complete(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add fields that are cheaper to make once a batch; nothing by default."""
        return batch

    def summary(self, examples: Sequence[Example]) -> str:
        """One line about what was found, for the log; empty when there is nothing to say."""
        return ""
