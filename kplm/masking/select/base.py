"""What every rule of selection can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor

from kplm.text import Tokenizer


class Selector(ABC):
    """Chooses positions at random, within a budget a row."""

    def build(self, tokenizer: Tokenizer) -> None:  # noqa: B027 (optional)
        """Look at the vocabulary; nothing by default."""

    @abstractmethod
    def __call__(self, ids: Tensor, allowed: Tensor, budget: Tensor, generator: Generator) -> Tensor:
        """Choose positions.

        Args:
            ids: ``[B, L]`` int, the tokens.
            allowed: ``[B, L]`` bool, False on padding and special tokens.
            budget: ``[B]`` int, most positions of each row.
            generator: the only source of randomness.

        Returns: ``[B, L]`` bool.
        """


def continuations(tokenizer: Tokenizer, rows: int | None = None) -> Tensor:
    """``[V]`` bool: the tokens that go on with the word before them; ``rows`` where a table has more than the tokenizer."""
    return torch.tensor([tokenizer.continues(token) for token in range(rows or len(tokenizer))])


def ranks(keys: Tensor) -> Tensor:
    """The place each entry would have if its row were sorted, equal ones in order: ``[B, L]`` to ``[B, L]`` int."""
    return keys.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
