"""What every masker can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Generator, Tensor

from kplm.fields import Batch
from kplm.text import Tokenizer


class Masker(ABC):
    """Hides a part of a batch and writes down what was there.

    A masker is built in two steps, so that a config can name it before anyone knows the vocabulary: the constructor takes
    choices, :meth:`build` reads what it needs off the tokenizer.
    """

    reads: frozenset[str]
    """Batch fields it needs."""
    writes: frozenset[str]
    """Batch fields it adds."""

    def build(self, tokenizer: Tokenizer) -> None:  # noqa: B027 (optional)
        """Look at the vocabulary; nothing by default."""

    @abstractmethod
    def __call__(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        """The batch with a part of it hidden; the one given is left as it is.

        Args:
            batch: padded tensors.
            generator: the only source of randomness.
        """
