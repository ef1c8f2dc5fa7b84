"""Single tokens."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from kplm.masking.select.base import Selector, ranks


class Tokens(Selector):
    """Each token by itself, as the published ERNIE-THU does (Devlin et al., 2019, section 3.1)."""

    def __call__(self, ids: Tensor, allowed: Tensor, budget: Tensor, generator: Generator) -> Tensor:
        """Exactly ``budget`` positions a row, or all that are allowed where there are fewer."""
        luck = torch.rand(ids.shape, generator=generator).masked_fill(~allowed, 2.0)
        return (ranks(luck) < budget[:, None]) & allowed
