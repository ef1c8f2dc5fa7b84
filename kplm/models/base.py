"""What heads, objectives and training may expect of any model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.fields import Batch
from kplm.nn.embeddings import Embeddings
from kplm.nn.pooling import BertPooler
from kplm.spec import class_path, to_spec


class BaseEncoder(nn.Module, ABC):
    """A batch in, token states out."""

    config: EncoderConfig
    embeddings: Embeddings
    pooler: BertPooler | None
    """BERT's pooler; a head that does not read it sets it to None, so that no weight stays without a gradient."""
    fresh: tuple[str, ...] = ()
    """Names of the weights that started at random although others were loaded; they may learn at a rate of their own."""
    beside: Mapping[str, Tensor] = MappingProxyType({})
    """Pretraining heads its checkpoint held, by the names an objective gives their weights; an objective starts from them."""

    @property
    @abstractmethod
    def reads(self) -> frozenset[str]:
        """Names of the batch fields the forward pass needs."""

    @property
    def width(self) -> int:
        """Width D of the states that :meth:`forward` returns; heads build on it."""
        return self.config.hidden

    @abstractmethod
    def forward(self, batch: Batch, positions: Tensor | None = None) -> Tensor:
        """Encode a batch into token states ``[B, L, D]`` float; other states may stand behind those of the tokens.

        Args:
            batch: has the fields in :attr:`reads`.
            positions: ``[B, P]`` int; return the states of these tokens alone, ``[B, P, D]``, and leave uncomputed what they do not need.
        """

    def tokens(self, states: Tensor, batch: Batch) -> Tensor:
        """The states of the tokens ``[B, L, D]`` among those of :meth:`forward`."""
        return states

    @property
    def parts(self) -> dict[str, Any]:
        """Modules beside the config that the constructor was given, by argument; they keep their ``init_args``."""
        return {}

    @property
    def pictures(self) -> Mapping[str, Any]:
        """How the network that looks at pictures expects them, in the words of :class:`kplm.data.looks.Pixels`; empty: there is none."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Class, config and parts as JSON, from which the encoder can be built again."""
        parts = {name: to_spec(part) for name, part in self.parts.items()}
        found = {"class_path": class_path(self), "config": to_spec(self.config)}
        return {**found, "parts": parts} if parts else found


def initialise(module: nn.Module, std: float) -> None:
    """BERT's initialisation: weights N(0, std), biases 0, LayerNorm (1, 0)."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=std)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
