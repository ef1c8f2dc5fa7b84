"""What stands in the place of a hidden word."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from kplm.masking.shares import check_shares
from kplm.text import Tokenizer


class Corrupt:
    """80 % become [MASK], 10 % a random word, 10 % stay (Devlin et al., 2019, section 3.1).

    Args:
        mask: part of the chosen positions that becomes [MASK].
        random: part that becomes a word drawn uniformly from the vocabulary, special tokens excepted.

    Raises:
        KplmError: the two parts are no parts of a whole.
    """

    def __init__(self, mask: float = 0.8, random: float = 0.1) -> None:
        check_shares(mask=mask, random=random)
        self.mask, self.random = mask, random

    def build(self, tokenizer: Tokenizer) -> None:
        """Find [MASK] and the words that may be drawn."""
        self._mask_id = tokenizer.mask
        special = torch.zeros(len(tokenizer), dtype=torch.bool)
        special[list(tokenizer.special_ids)] = True
        self._words = (~special).nonzero()[:, 0]

    def __call__(self, ids: Tensor, chosen: Tensor, generator: Generator) -> Tensor:
        """Token ids ``[B, L]`` with the ``chosen`` ones ``[B, L]`` bool exchanged."""
        luck = torch.rand(ids.shape, generator=generator)
        drawn = self._words[torch.randint(len(self._words), ids.shape, generator=generator)]
        masked = ids.masked_fill(chosen & (luck < self.mask), self._mask_id)
        return torch.where(chosen & (luck >= self.mask) & (luck < self.mask + self.random), drawn, masked)
