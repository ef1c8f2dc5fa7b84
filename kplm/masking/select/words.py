"""Whole words."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from kplm.masking.select.base import Selector, continuations, ranks
from kplm.text import Tokenizer


class WholeWords(Selector):
    """All sub-words of a word or none (BERT's whole-word masking; Cui et al., 2021, section 2.2).

    A word goes on while WordPiece marks its tokens with ``##``. Words are taken in random order until the next one does not fit;
    the first is taken even where it alone is longer than the budget, so that every row has something to predict.
    """

    def build(self, tokenizer: Tokenizer) -> None:
        """Remember which tokens continue a word."""
        self._continues = continuations(tokenizer)

    def __call__(self, ids: Tensor, allowed: Tensor, budget: Tensor, generator: Generator) -> Tensor:
        """At most ``budget`` positions a row, whole words only."""
        follows = self._continues[ids] & allowed & allowed.roll(1, dims=1)
        word = (~follows).cumsum(1) - 1  # [B, L], number of the word in its row
        luck = torch.rand(ids.shape, generator=generator).gather(1, word).masked_fill(~allowed, 2.0)
        place = ranks(luck)  # tokens of a word side by side, words in random order
        last = torch.zeros_like(word).scatter_reduce(1, word, place, "amax").gather(1, word)
        size = torch.zeros_like(word).scatter_add(1, word, torch.ones_like(word)).gather(1, word)
        return allowed & ((last < budget[:, None]) | (last == size - 1))
