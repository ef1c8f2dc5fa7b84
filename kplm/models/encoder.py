"""The shared encoder: post-norm BERT (Devlin et al., 2019)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.fields import Batch
from kplm.models.base import BaseEncoder, initialise
from kplm.nn.embeddings import Embeddings, bert_terms
from kplm.nn.layer import EncoderLayer
from kplm.nn.packing import Rows
from kplm.nn.pooling import BertPooler, taken
from kplm.nn.relations import Relations
from kplm.nn.stack import LayerStack
from kplm.nn.visibility import Visibility, by_fields


class Encoder(BaseEncoder):
    """Embed, decide who sees whom, run the stack; every part can be handed in.

    Args:
        config: sizes.
        embeddings: input terms; BERT's word, position and segment tables by default.
        stack: layers; ``config.layers`` BERT layers by default.
        visible: batch to :class:`Visibility`; by default chosen from the fields the batch carries. It sees a packed batch in rows
            of the layers.
        attend: scoring rule of the default stack; by default the one that ``config.attention`` names.
    """

    shortens: bool
    """Whether the last layer computes the states alone that are asked for; a stack or a rule that was handed in computes all."""

    def __init__(
        self,
        config: EncoderConfig,
        embeddings: Embeddings | None = None,
        stack: nn.Module | None = None,
        visible: Callable[[Batch], Visibility] = by_fields,
        attend: Callable[[], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.visible = config, visible
        self.shortens = stack is None and attend is None
        self.embeddings = embeddings or Embeddings(bert_terms(config), config)
        self.stack = stack or LayerStack(EncoderLayer(config, attend) for _ in range(config.layers))
        self.pooler = BertPooler(config)
        self.apply(lambda module: initialise(module, config.init_std))

    @property
    def reads(self) -> frozenset[str]:
        """Names of the batch fields the forward pass needs."""
        return frozenset(self.embeddings.terms) | {"document"}

    def forward(self, batch: Batch, positions: Tensor | None = None) -> Tensor:
        """Encode a batch into states ``[B, L, D]`` float, or ``[B, P, D]`` at ``positions [B, P]`` int.

        Raises:
            MissingFieldError: the batch lacks a field in :attr:`reads`.
        """
        states, rows = self.embeddings(batch), Rows.of(batch)
        relations = self.relations(rows.fields(batch))
        if self.shortens:
            return rows.through(self.stack, states, relations, positions)
        return taken(rows.unpack(self.stack(rows.pack(states), relations)), positions)

    def relations(self, batch: Batch) -> Relations:
        """What the layers may know about pairs of positions, once a batch."""
        return Relations.of(self.visible(batch))
