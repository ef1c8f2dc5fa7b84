"""Where the entity stream takes its vectors from."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from kplm.fields import Batch


class EntityVectors(nn.Module, ABC):
    """A batch in, the vectors of its slots and of its candidates out."""

    reads: frozenset[str]
    """Batch fields :meth:`forward` needs."""
    candidates_read: frozenset[str]
    """Batch fields :meth:`candidates` needs."""

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """The vectors of the slots, ``[B, E, W]`` float; 0 for the sentence slot and for empty ones."""

    @abstractmethod
    def candidates(self, batch: Batch) -> Tensor:
        """The vectors of the batch's distinct entities, ``[N, W]`` float, row 0 the zero vector."""


class Shipped(EntityVectors):
    """Frozen vectors that come with the batch, from a table on disk (Zhang et al., 2019, section 4.1)."""

    reads = frozenset({"entity_vectors"})
    candidates_read = frozenset({"candidate_vectors"})

    def forward(self, batch: Batch) -> Tensor:
        """``[B, E, W]`` float."""
        return batch["entity_vectors"]

    def candidates(self, batch: Batch) -> Tensor:
        """``[N, W]`` float."""
        return batch["candidate_vectors"]


class Learned(EntityVectors):
    """A table inside the model whose rows are trained; each step touches only the rows of its batch (sparse gradients).

    It and the two moments of its optimizer have to fit in memory, and gloo, not NCCL, is what adds up sparse gradients: a table
    for small graphs, on one machine.

    Args:
        rows: entities N of the table.
        width: W.
    """

    reads = frozenset({"entity_ids"})
    candidates_read = frozenset({"candidate_ids"})

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(rows + 1, width, padding_idx=0, sparse=True)

    def forward(self, batch: Batch) -> Tensor:
        """``[B, E, W]`` float."""
        return self.table(batch["entity_ids"].clamp(min=0))

    def candidates(self, batch: Batch) -> Tensor:
        """``[N, W]`` float."""
        return self.table(batch["candidate_ids"])

    @torch.no_grad()
    def start_from(self, vectors: Tensor) -> None:
        """Begin with the vectors of a trained table, ``[N, W]`` float."""
        self.table.weight[1:] = vectors
        self.table.weight[0] = 0
