"""The seam every kind of knowledge plugs into."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from kplm.data.example import Example
from kplm.errors import KplmError
from kplm.knowledge import Knowledge
from kplm.text import Tokenizer, Tokens


class Annotator(ABC):
    """A knowledge source, in steps from raw text to the batch.

    :meth:`annotate` works on text and may be slow, :meth:`grow` may write tokens of its own between those of the text,
    :meth:`encode` turns findings into fields of one example, :meth:`fetch` may open files when the row is asked for, and
    :meth:`complete` may add tensors to a whole batch.
    """

    writes: frozenset[str]
    """Batch fields this source provides."""
    modes: frozenset[str] = frozenset({"on", "off", "shuffled"})
    """Settings of :data:`Knowledge` that this source knows."""
    reads_graph = False
    """Whether :meth:`swap_graph` can give it another graph."""
    flip: float = 0.0
    """Share of training rows whose pictures are mirrored."""

    def __init__(self) -> None:
        self.knowledge: Knowledge = "on"

    def switch(self, knowledge: Knowledge) -> None:
        """Use the knowledge, withhold it, or shuffle it; the fields stay the same, so the model does too."""
        self.knowledge = knowledge

    def swap_graph(self, graph: str) -> None:
        """Take the knowledge from another graph, without training again.

        Raises:
            KplmError: this source reads no graph.
            KgError: there is no such graph.
        """
        raise KplmError(f"{type(self).__name__} reads no graph, so there is none to swap for {graph}.")

    def suit(self, expects: Mapping[str, Any]) -> None:  # noqa: B027 (optional)
        """Prepare pictures as the network in the encoder expects them; nothing by default.

        Args:
            expects: see :attr:`kplm.models.BaseEncoder.pictures`.

        Raises:
            KplmError: they were to be prepared in another way.
        """

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the encoder that this source's fields need, under the names of its config."""
        return {}

    @abstractmethod
    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """Add what the source knows about each text."""

    def grow(
        self, examples: Sequence[Example], tokens: Sequence[Tokens], tokenizer: Tokenizer, length: int | None
    ) -> list[Tokens]:
        """Write tokens of the knowledge between those of each text; none by default.

        Args:
            examples: the annotated examples, markers written in.
            tokens: their tokens.
            tokenizer: cuts the knowledge as it cut the texts.
            length: most tokens a row may have; None: whatever grows beyond is cut later.
        """
        return list(tokens)

    @abstractmethod
    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """Fields of one example, as arrays without a batch axis."""

    def beside(self, row: dict[str, Any]) -> int:
        """How many elements beside its tokens a row will have in the encoder; batches are planned by it."""
        return 0

    def fetch(self, row: dict[str, Any]) -> dict[str, Any]:
        """Exchange what :meth:`encode` noted for fields that are too large to keep, such as pixels.

        Called each time a row is asked for, in a data worker where there are any; the row given is left as it is.
        """
        return row

    def complete(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add fields that are cheaper to make once a batch; nothing by default."""
        return batch

    def summary(self, examples: Sequence[Example]) -> str:
        """One line about what was found, for the log; empty when there is nothing to say."""
        return ""
