"""Noise on aligned entities: what the denoising entity auto-encoder has to undo."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from kplm.fields import IGNORE, Batch
from kplm.masking.base import Masker
from kplm.masking.shares import check_shares


class EntityNoise(Masker):
    """Exchanges or removes entities for :class:`kplm.objectives.EntityDenoising` (Zhang et al., 2019, section 3.4).

    Of the aligned entities 5 % are replaced by one drawn from the batch, to correct wrong links; 15 % are removed, to find missing
    ones; the rest is kept. All of them are predicted, among the batch's distinct entities. As in the authors' code candidate 0 is
    the zero vector, which is never right, and a replacement may happen to be the entity itself.

    Args:
        replaced: part that is exchanged.
        removed: part that is taken away.

    Raises:
        KplmError: the two parts are no parts of a whole.
    """

    reads = frozenset({"entity_ids"})
    writes = frozenset({"entity_labels", "candidate_ids"})

    def __init__(self, replaced: float = 0.05, removed: float = 0.15) -> None:
        check_shares(replaced=replaced, removed=removed)
        self.replaced, self.removed = replaced, removed

    def __call__(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        """Change ``entity_ids`` and write ``entity_labels``, both ``[B, E]``, and ``candidate_ids`` ``[N]``.

        A batch without entities has the zero vector as its only candidate and no label.
        """
        ids = batch["entity_ids"]
        known = ids > 0  # 0 is the sentence slot, -1 an empty one
        candidates = torch.cat([ids.new_zeros(1), ids[known].unique()])  # [N], ascending
        labels = torch.searchsorted(candidates, ids.clamp(min=0)).masked_fill(~known, IGNORE)
        luck = torch.rand(ids.shape, generator=generator)
        drawn = candidates[torch.randint(min(1, len(candidates) - 1), len(candidates), ids.shape, generator=generator)]
        noisy = torch.where(known & (luck < self.replaced), drawn, ids)
        noisy = noisy.masked_fill(known & (luck >= self.replaced) & (luck < self.replaced + self.removed), -1)
        return {**batch, "entity_ids": noisy, "entity_labels": labels, "candidate_ids": candidates}
