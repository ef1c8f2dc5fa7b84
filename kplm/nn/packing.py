"""Several examples in one row of the layers, so that less of what they compute is padding.

Heads, objectives and poolers see ``[B, L]``, a padded row an example. Between the embeddings and the last state the positions may
stand closer, in rows ``[G, P]`` that several examples share without seeing each other (Krell et al., 2021). Which share one is
decided where batches are made; see the field ``packed_rows``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kplm.errors import KplmError
from kplm.fields import PACKED, Batch
from kplm.nn.pooling import taken
from kplm.nn.relations import Relations
from kplm.nn.visibility import can_look

SPAN = 2**32
"""More than any number of a document, so that one number tells the example too."""


@dataclass(frozen=True)
class Rows:
    """Where the positions of a batch stand for the layers; here as they came, an example a row."""

    document: Tensor
    """``[B, L]`` int, 0 at padding."""

    @staticmethod
    def of(batch: Batch, document: Tensor | None = None) -> Rows:
        """The rows the batch asks for: packed where it has ``packed_rows``.

        Args:
            batch: padded fields.
            document: ``[B, L]`` int of what the layers read, where that is more than the tokens of the batch.

        Raises:
            KplmError: the batch was packed for other examples.
        """
        given = batch["document"] if document is None else document
        return PackedRows.planned(batch[PACKED], given) if PACKED in batch else Rows(given)

    def pack(self, states: Tensor) -> Tensor:
        """Into the rows of the layers, ``[B, L, X]`` to ``[G, P, X]``; 0 at places that are left over."""
        return states

    def unpack(self, states: Tensor) -> Tensor:
        """Back again, ``[G, P, X]`` to ``[B, L, X]``; 0 at padding where rows are packed."""
        return states

    def through(self, stack: nn.Module, states: Tensor, relations: Relations, positions: Tensor | None) -> Tensor:
        """Run the layers: ``[B, L, D]`` in and out, or ``[B, P, D]`` out at ``positions [B, P]`` int.

        Args:
            stack: a :class:`kplm.nn.stack.LayerStack`, whose last layer is asked for no others where examples have rows of their own.
            states: what the embeddings gave.
            relations: of the rows of the layers.
            positions: None for all.
        """
        return stack(states, relations, positions)

    def fields(self, batch: Batch) -> Batch:
        """The ``[B, L]`` fields of a batch as ``[G, P]``, in which each example has documents of its own."""
        return batch

    def places(self, positions: Tensor) -> Tensor:
        """``[B, E]`` positions of the examples as places of the layers, counted through all rows."""
        first = torch.arange(len(positions), device=positions.device) * self.document.shape[1]
        return positions + first[:, None]


@dataclass(frozen=True)
class PackedRows(Rows):
    """Rows that several examples share."""

    example: Tensor
    """``[G, P]`` int, the number of the example from 1; 0 is padding."""
    source: Tensor
    """``[G, P]`` int, the position of the batch that stands at a place, counted through all rows; -1 for none."""
    place: Tensor
    """``[B, L]`` int, the place of a position, counted through all rows; -1 for padding."""

    @classmethod
    def planned(cls, example: Tensor, document: Tensor) -> PackedRows:
        """Let the positions of each example stand where ``example [G, P]`` says, without waiting for a GPU.

        Raises:
            KplmError: that has too little room for an example.
        """
        real = document != 0  # [B, L]
        _check(example, real)
        size, order = example.numel(), torch.arange(max(example.numel(), document.numel()), device=document.device)
        first = order.new_full((len(document) + 1,), size)
        first = first.scatter_reduce(0, example.flatten(), order[:size], "amin")  # [B + 1]
        place = torch.where(real, first[1:, None] + real.cumsum(1) - 1, size)  # [B, L]
        source = order.new_full((size + 1,), -1).scatter(0, place.flatten(), order[: document.numel()])
        return cls(document, example, source[:-1].view_as(example), place.masked_fill(~real, -1))

    def pack(self, states: Tensor) -> Tensor:
        """See :meth:`Rows.pack`."""
        return _move(states, self.source, self.place)

    def unpack(self, states: Tensor) -> Tensor:
        """See :meth:`Rows.unpack`."""
        return _move(states, self.place, self.source)

    def through(self, stack: nn.Module, states: Tensor, relations: Relations, positions: Tensor | None) -> Tensor:
        """See :meth:`Rows.through`."""
        return taken(self.unpack(stack(self.pack(states), relations)), positions)

    def fields(self, batch: Batch) -> Batch:
        """See :meth:`Rows.fields`."""
        alike = {name: value for name, value in batch.items() if value.shape == self.document.shape}
        found = {name: self.pack(value[..., None])[..., 0] for name, value in alike.items()}
        number = (self.example * SPAN + found["document"]) * (self.source >= 0)
        return found | {"document": number, PACKED: self.example}

    def places(self, positions: Tensor) -> Tensor:
        """See :meth:`Rows.places`."""
        return self.place.gather(1, positions).clamp(min=0)


class _Moved(torch.autograd.Function):
    """Rows taken by an index whose inverse is known: the gradient is moved back by that, not added up."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
        """``[A, X]`` by ``index [N]`` to ``[N, X]``, 0 where that is negative; ``inverse [A]`` leads back."""
        ctx.save_for_backward(index, inverse)
        return states.index_select(0, index.clamp(min=0)).masked_fill_((index < 0)[:, None], 0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        index, inverse = ctx.saved_tensors
        return _Moved.apply(grads[0], inverse, index), None, None


def _move(states: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
    """``[A, B, X]`` to the shape of ``index`` and ``X``."""
    return _Moved.apply(states.flatten(0, 1), index.flatten(), inverse.flatten()).unflatten(0, index.shape)


def _check(example: Tensor, real: Tensor) -> None:
    """Refuse a plan of other examples, as far as one can look."""
    if not can_look(real):
        return
    room, need = torch.bincount(example.flatten(), minlength=len(real) + 1)[1:], real.sum(1)
    if len(room) > len(real) or bool((room < need).any()):
        raise KplmError(
            f"{PACKED} has room for {room.tolist()} positions of the examples, but they have {need.tolist()}. "
            f"Leave out {PACKED} where a batch is changed, or pack it again."
        )
