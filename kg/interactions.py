"""TransE and DistMult scored against all entities by one matrix product."""

from __future__ import annotations

import torch
from pykeen.models import Model
from pykeen.nn import DistMultInteraction, TransEInteraction
from torch import Tensor


class Translation(TransEInteraction):
    """The same scores as PyKEEN's TransE (Bordes et al., 2013), but no ``[B, N, D]`` tensor when all N are scored."""

    def forward(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """Score triples.

        Args:
            h: ``[B, 1, D]`` float, or ``[1, N, D]`` when all heads are scored.
            r: ``[B, 1, D]`` float.
            t: ``[B, 1, D]`` float, or ``[1, N, D]`` when all tails are scored; other shapes are left to PyKEEN.

        Returns: ``[B, N]`` float, the negative distance between head plus relation and tail.
        """
        if self.power_norm or not _one_relation_each(h, r, t):
            return super().forward(h, r, t)
        if h.shape[1] == 1 and t.shape[0] == 1:
            return -torch.cdist((h + r)[:, 0], t[0], p=self.p)
        if t.shape[1] == 1 and h.shape[0] == 1:
            return -torch.cdist((t - r)[:, 0], h[0], p=self.p)
        return super().forward(h, r, t)


class Diagonal(DistMultInteraction):
    """The same scores as PyKEEN's DistMult (Yang et al., 2015), but no ``[B, N, D]`` tensor when all N are scored."""

    def forward(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """Score triples; shapes as in `Translation.forward`.

        Returns: ``[B, N]`` float, the sum of head times relation times tail.
        """
        if not _one_relation_each(h, r, t):
            return super().forward(h, r, t)
        if h.shape[1] == 1 and t.shape[0] == 1:
            return (h * r)[:, 0] @ t[0].T
        if t.shape[1] == 1 and h.shape[0] == 1:
            return (t * r)[:, 0] @ h[0].T
        return super().forward(h, r, t)


def quicken(model: Model) -> None:
    """Give PyKEEN's TransE and DistMult the quicker interaction; other models are left as they are."""
    interaction = getattr(model, "interaction", None)
    if type(interaction) is TransEInteraction:
        model.interaction = Translation(p=interaction.p, power_norm=interaction.power_norm)
    elif type(interaction) is DistMultInteraction:
        model.interaction = Diagonal()


def _one_relation_each(h: Tensor, r: Tensor, t: Tensor) -> bool:
    return all(part.ndim == 3 for part in (h, r, t)) and r.shape[1] == 1
