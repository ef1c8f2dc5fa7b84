"""Layers in a row that a consumer may stop after any of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

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

    def forward(self, hidden: Tensor, relations: Relations) -> Tensor:
        """The state after the last layer, ``[B, L, D]``."""
        for state in self.walk(hidden, relations):
            hidden = state
        return hidden
