"""Layers in a row that a consumer may stop after any of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from kplm.nn.pooling import taken
from kplm.nn.relations import Relations


class LayerStack(nn.Module):
    """Apply layers one after another; :meth:`walk` hands out every intermediate state."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def walk(self, hidden: Tensor, relations: Relations, asking: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the ``[B, L, D]`` state after each layer; the consumer decides when to stop and what to keep.

        The layers below need every state. The last one reads them all too, but computes only those at ``asking [B, Q]`` int, if given.
        """
        for number, layer in enumerate(self.layers, 1):
            if asking is None or number < len(self.layers):
                hidden = layer(hidden, relations)
            else:
                hidden = layer(taken(hidden, asking), relations.at(asking), memory=hidden)
            yield hidden

    def forward(self, hidden: Tensor, relations: Relations, asking: Tensor | None = None) -> Tensor:
        """The state after the last layer, ``[B, L, D]``, or ``[B, Q, D]`` of the positions ``asking [B, Q]`` int alone."""
        for state in self.walk(hidden, relations, asking):
            hidden = state
        return hidden
