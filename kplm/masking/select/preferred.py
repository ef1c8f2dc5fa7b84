"""Some words before others."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Generator, Tensor

from kplm.masking.select.base import Selector, continuations, ranks
from kplm.masking.shares import check_shares
from kplm.text import Tokenizer

ROUNDING = 1e-9
"""Added before rounding down, since a tenth is no binary number."""


class Preferred(Selector):
    """A share of the preferred words first, then any that are left, the other preferred ones among them (Levine et al., 2020).

    Preferred are words of a single token; the first piece of a split word is not, whatever it means by itself. The published
    policy takes half of the words with one supersense, until they are 40 % of all that is hidden.

    Args:
        share: part of the preferred words of a row that is taken first.
        cap: part of the row's budget that these may fill.

    Raises:
        KplmError: one of the two is no part of a whole.
    """

    def __init__(self, share: float = 0.5, cap: float = 0.4) -> None:
        check_shares(share=share)
        check_shares(cap=cap)
        self.share, self.cap = share, cap

    @abstractmethod
    def preferred(self, tokenizer: Tokenizer) -> Tensor:
        """``[V]`` bool: the tokens that are taken first."""

    def build(self, tokenizer: Tokenizer) -> None:
        """Remember which tokens are preferred, and which continue a word."""
        self._preferred, self._continues = self.preferred(tokenizer), continuations(tokenizer)

    def __call__(self, ids: Tensor, allowed: Tensor, budget: Tensor, generator: Generator) -> Tensor:
        """Exactly ``budget`` positions a row, or all that are allowed where there are fewer."""
        first = self.first(ids, allowed, budget, generator)
        luck = torch.rand(ids.shape, generator=generator).masked_fill(~allowed, 2.0)
        return allowed & (ranks(luck.masked_fill(first, -1.0)) < budget[:, None])

    def first(self, ids: Tensor, allowed: Tensor, budget: Tensor, generator: Generator) -> Tensor:
        """The preferred words that are taken before all others; as :meth:`__call__`."""
        split = self._continues[ids]
        split[:, :-1] |= self._continues[ids[:, 1:]]
        liked = self._preferred[ids] & allowed & ~split
        share, cap = self.share * liked.sum(1).double(), self.cap * budget.double()
        most = torch.minimum(share.round(), (cap + ROUNDING).floor())
        luck = torch.rand(ids.shape, generator=generator).masked_fill(~liked, 2.0)
        return liked & (ranks(luck) < most[:, None])
