"""Masked region classification: hide regions of the picture, ask what a detector saw there."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from kplm.fields import Batch
from kplm.masking.base import Masker
from kplm.masking.shares import check_shares


class MaskRegions(Masker):
    """Hides regions for :class:`kplm.objectives.MaskedRegions` (Su et al., 2020, section 3.3).

    The whole picture, which is the first region of a row, is never asked for and never hidden.

    Args:
        share: part of the regions that is asked for, drawn for each on its own.
        hidden: part of these whose looks are hidden; the rest is seen and asked for all the same.

    Raises:
        KplmError: one of the two is no part of a whole.
    """

    reads = frozenset({"regions", "region_labels"})
    writes = frozenset({"hidden_regions", "region_labels"})

    def __init__(self, share: float = 0.15, hidden: float = 0.9) -> None:
        check_shares(share=share)
        check_shares(hidden=hidden)
        self.share, self.hidden = share, hidden

    def __call__(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        """Write ``hidden_regions`` ``[B, R]``, and keep the ``region_labels`` ``[B, R, K]`` of those that are asked for."""
        allowed = batch["regions"] > 0
        allowed[:, :1] = False
        asked = allowed & (torch.rand(allowed.shape, generator=generator) < self.share)
        hidden = asked & (torch.rand(allowed.shape, generator=generator) < self.hidden)
        return {**batch, "hidden_regions": hidden.long(), "region_labels": batch["region_labels"] * asked[..., None]}
