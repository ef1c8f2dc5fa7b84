"""ERNIE-THU: enhanced language representation with informative entities (Zhang et al., ACL 2019).

The entity stream lives on *slots*: ``entity_positions`` says which token a slot is aligned with. A sentence of 256 tokens
has a dozen slots, so the second stream costs next to nothing; a slot at every token gives the authors' dense layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor, nn

from kplm.config import EncoderConfig, ErnieThuConfig
from kplm.fields import Batch
from kplm.models.base import BaseEncoder, initialise
from kplm.models.encoder import Encoder
from kplm.nn.embeddings import Embeddings, bert_terms
from kplm.nn.entities import EntityVectors, Learned, Shipped
from kplm.nn.layer import AttentionBlock, EncoderLayer, FeedForward
from kplm.nn.packing import Rows
from kplm.nn.pooling import BertPooler, taken
from kplm.nn.relations import Relations
from kplm.nn.visibility import Documents, Padding, by_fields


@dataclass(frozen=True)
class Slots:
    """Where the entities of a batch sit, and which slots see each other; their rows stay those of the batch where tokens are packed."""

    places: Tensor
    """``[B, E]`` int, the aligned token, counted through all rows of tokens."""
    real: Tensor
    """``[B, E, 1]`` float, 0 in empty slots."""
    relations: Relations

    def gather(self, tokens: Tensor) -> Tensor:
        """The token states under the slots: ``[B, L, X]`` to ``[B, E, X]``."""
        return tokens.flatten(0, 1).gather(0, self._index(tokens)).unflatten(0, self.places.shape)

    def add_to(self, tokens: Tensor, slots: Tensor) -> Tensor:
        """Add slot values ``[B, E, X]``, in place, to the tokens ``[B, L, X]`` they are aligned with."""
        added = slots.to(tokens.dtype).flatten(0, 1)
        return tokens.flatten(0, 1).scatter_add_(0, self._index(tokens), added).view_as(tokens)

    def _index(self, like: Tensor) -> Tensor:
        return self.places.flatten()[:, None].expand(-1, like.shape[-1])


class Fusion(nn.Module):
    """Information fusion: both streams meet in one hidden layer and part again (section 3.3, equations 4 and 5).

    As in the authors' code, every token receives the entity bias, aligned or not, and dropout, residual and LayerNorm
    stand where the paper writes an activation.
    """

    def __init__(self, config: ErnieThuConfig) -> None:
        super().__init__()
        self.tokens = FeedForward(config)
        self.entities = FeedForward(_entity_sizes(config))

    def forward(self, tokens: Tensor, entities: Tensor, slots: Slots) -> tuple[Tensor, Tensor]:
        """Tokens ``[B, L, D]`` and entities ``[B, E, W]``, masked to the real slots, in and out."""
        wide, narrow = self.tokens.up, self.entities.up
        inner = F.linear(tokens, wide.weight, wide.bias + narrow.bias)  # [B, L, ffn]
        inner = self.tokens.activation(slots.add_to(inner, F.linear(entities, narrow.weight)))
        return self.tokens.close(tokens, inner), self.entities.close(entities, slots.gather(inner))


class PlainLayer(EncoderLayer):
    """'sim': a BERT layer; the entity stream passes by untouched."""

    def fuse(self, tokens: Tensor, entities: Tensor, relations: Relations, slots: Slots) -> tuple[Tensor, Tensor]:
        """Tokens ``[B, L, D]`` and entities ``[B, E, W]`` in and out."""
        return self(tokens, relations), entities


class MixLayer(nn.Module):
    """'mix': the first fusion, on the raw entity vectors."""

    def __init__(self, config: ErnieThuConfig) -> None:
        super().__init__()
        self.read = AttentionBlock(config)
        self.fusion = Fusion(config)

    def fuse(self, tokens: Tensor, entities: Tensor, relations: Relations, slots: Slots) -> tuple[Tensor, Tensor]:
        """Tokens ``[B, L, D]`` and entities ``[B, E, W]`` in and out."""
        return self.fusion(self.read(tokens, relations), entities * slots.real, slots)


class KnowledgeLayer(MixLayer):
    """'norm': a full K-Encoder layer, entities attend to each other before the fusion."""

    def __init__(self, config: ErnieThuConfig) -> None:
        super().__init__(config)
        self.read_entities = AttentionBlock(_entity_sizes(config))

    def fuse(self, tokens: Tensor, entities: Tensor, relations: Relations, slots: Slots) -> tuple[Tensor, Tensor]:
        """Tokens ``[B, L, D]`` and entities ``[B, E, W]`` in and out."""
        return super().fuse(tokens, self.read_entities(entities, slots.relations), relations, slots)


class ErnieThu(BaseEncoder):
    """BERT with a second, narrow stream of entity vectors.

    The last fusion's entity output feeds nothing, so those weights get no gradient; they are kept, frozen, because the
    authors' checkpoints hold them.
    """

    kinds = {"sim": PlainLayer, "mix": MixLayer, "norm": KnowledgeLayer}

    def __init__(self, config: ErnieThuConfig) -> None:
        super().__init__()
        self.config: ErnieThuConfig = config
        self.embeddings = Embeddings(bert_terms(config), config)
        self.entities: EntityVectors = (
            Learned(config.entity_rows, config.entity_width) if config.entity_rows else Shipped()
        )
        self.layers = nn.ModuleList(self.kinds[kind](config) for kind in config.layer_types)
        self.pooler = BertPooler(config)
        self.apply(lambda module: initialise(module, config.init_std))
        self._freeze_last_entity_output()

    @property
    def reads(self) -> frozenset[str]:
        """Names of the batch fields the forward pass needs."""
        return frozenset(self.embeddings.terms) | {"document", "entity_positions", "entity_ids"} | self.entities.reads

    def forward(self, batch: Batch, positions: Tensor | None = None) -> Tensor:
        """Encode a batch into token states ``[B, L, D]``, or ``[B, P, D]`` at ``positions``; the entity stream stays inside."""
        states, rows = self.embeddings(batch), Rows.of(batch)
        for tokens, _ in self.walk(rows.pack(states), batch, rows):
            states = tokens
        return taken(rows.unpack(states), positions)

    def walk(self, tokens: Tensor, batch: Batch, rows: Rows | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield tokens ``[B, L, D]`` and entities ``[B, E, W]`` after each layer.

        Args:
            tokens: ``[B, L, D]`` float, what the embeddings gave.
            batch: the fields beside them.
            rows: where the tokens stand, if not as in the batch; they are yielded so too.
        """
        rows = rows or Rows(batch["document"])
        relations = Relations.of(by_fields(rows.fields(batch)))
        entities = self.entities(batch).to(tokens.dtype)
        slots = _slots(batch, rows, relations, entities)
        for layer in self.layers:
            tokens, entities = layer.fuse(tokens, entities, relations, slots)  # type: ignore[operator]
            yield tokens, entities

    def start_from(self, encoder: Encoder) -> frozenset[str]:
        """Copy a plain encoder's weights into the token stream; returns the names of the weights that stay fresh."""
        state = {name.removeprefix("stack."): value for name, value in encoder.state_dict().items()}
        for i, kind in enumerate(self.config.layer_types):
            if kind != "sim":
                old, new = f"layers.{i}.think.", f"layers.{i}.fusion.tokens."
                state = {name.replace(old, new): value for name, value in state.items()}
        return frozenset(self.load_state_dict(state, strict=False).missing_keys)

    def _freeze_last_entity_output(self) -> None:
        fusions = [layer.fusion for layer in self.layers if isinstance(layer, MixLayer)]
        for part in (fusions[-1].entities.down, fusions[-1].entities.norm) if fusions else ():
            part.requires_grad_(False)


def _entity_sizes(config: ErnieThuConfig) -> EncoderConfig:
    plain = {name: getattr(config, name) for name in EncoderConfig.__dataclass_fields__}
    return replace(EncoderConfig(**plain), hidden=config.entity_width, heads=config.entity_heads)


def _slots(batch: Batch, rows: Rows, tokens: Relations, like: Tensor) -> Slots:
    positions, filled = batch["entity_positions"], batch["entity_ids"] >= 0
    document = batch["document"].gather(1, positions) * filled  # [B, E]
    single = isinstance(tokens.visibility, Padding)
    seen = Padding(filled.long()) if single else Documents(document)
    return Slots(rows.places(positions), filled[..., None].to(like), Relations.of(seen))
