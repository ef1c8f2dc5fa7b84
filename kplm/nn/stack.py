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

    def walk(self, hidden: Tensor, relations: Relations) -> Iterator[Tensor]:
        """Yield the ``[B, L, D]`` state after each layer; the consumer decides when to stop and what to keep."""
        for layer in self.layers:
            hidden = layer(hidden, relations)
            yield hidden

    def forward(self, hidden: Tensor, relations: Relations, asking: Tensor | None = None) -> Tensor:
        """The state after the last layer, ``[B, L, D]``, or ``[B, Q, D]`` of the positions ``asking [B, Q]`` int alone.

        All layers below need every state; the last one reads them all too, but computes only what is asked for.
        """
        *below, last = self.layers
        for layer in below:
            hidden = layer(hidden, relations)
        if asking is None:
            return last(hidden, relations)
        return last(taken(hidden, asking), relations.at(asking), memory=hidden)
