"""The models that are measured, with random weights, and made-up batches for them: no step's time depends on what is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor
from transformers import BertConfig

from kplm.config import EncoderConfig, ErnieThuConfig, SemBertConfig, SenseBertConfig, VlBertConfig
from kplm.convert.bert import SIZES as THEIR_NAMES
from kplm.fields import Batch
from kplm.hub.starts import published_layers
from kplm.models import BaseEncoder, Encoder, ErnieThu, SemBert, SenseBert, VlBert
from kplm.role_tags import tags_of

Sizes = Mapping[str, Any]
"""What an encoder config takes."""
SIZES: dict[str, dict[str, int]] = {
    "base": {},
    "minilm": {"hidden": 384, "layers": 6, "ffn": 1536},
    "tiny": {"hidden": 24, "layers": 1, "heads": 2, "ffn": 32},
}
"""BERT-base; MiniLM of six layers (Wang et al., 2020); and one to see that a benchmark runs."""
CHINESE = 21128
"""Words of Google's Chinese BERT, which K-BERT starts from."""
WORDS = (1000, 20000)
"""Words that texts are made of; the first ones are special or unused."""
PADDED = 4
"""Positions of the first row that are padding, so that all sides need a mask."""
APART = 10
"""Tokens from one entity, or one branch of a tree, to the next: a dozen in a text of 128, as in FewRel and ChnSentiCorp."""
MENTION, BRANCH = 2, 3
"""Tokens of a mention and of the branch that grows from it; 30 % of all are on branches, as with HowNet."""
ENTITIES = 5000
PIECES = (0.82, 0.1, 0.05, 0.02, 0.01)
"""How often a word has one piece, two, ...; 1.3 in the mean."""
SENSES, KNOWN, MEANINGS = 45, 0.59, 2.8
"""WordNet's supersenses; of BERT's words 59 % have some, 2.8 each."""
REGIONS = 36


def _nothing(batch: Batch, draw: Generator) -> dict[str, Tensor]:
    return dict(batch)


@dataclass(frozen=True)
class System:
    """A model and the knowledge its batches carry."""

    build: Callable[[Sizes], BaseEncoder]
    """Takes sizes of the encoder."""
    know: Callable[[Batch, Generator], dict[str, Tensor]] = _nothing
    """Adds made-up knowledge to a batch of texts."""
    extra: int = 0
    """Positions of a row besides its tokens."""
    sizes: Sizes = field(default_factory=dict)
    """Those that are not BERT's."""


def their_config(sizes: Sizes) -> BertConfig:
    """The same sizes for transformers, with its fused attention."""
    config = EncoderConfig(**sizes)
    names = {theirs: getattr(config, ours) for theirs, ours in THEIR_NAMES.items()}
    return BertConfig(**{**names, "attn_implementation": "sdpa"})


def texts(rows: int, length: int, draw: Generator) -> dict[str, Tensor]:
    """Made-up rows ``[B, L]`` of so many tokens, the first one a little shorter."""
    document = torch.ones(rows, length, dtype=torch.long)
    document[0, length - PADDED :] = 0
    return {
        "input_ids": torch.randint(*WORDS, (rows, length), generator=draw),
        "document": document,
        "position_ids": torch.arange(length).repeat(rows, 1),
        "segment_ids": torch.zeros(rows, length, dtype=torch.long),
    }


def seeded(seed: int = 0) -> Generator:
    """A fresh source of randomness."""
    return torch.Generator().manual_seed(seed)


def _bert(sizes: Sizes) -> Encoder:
    return Encoder(EncoderConfig(**sizes))


def _ernie_thu(sizes: Sizes) -> ErnieThu:
    layers = EncoderConfig(**sizes).layers
    return ErnieThu(ErnieThuConfig(**sizes, layer_types=published_layers(layers)))


def _sembert(sizes: Sizes, tag_encoder: str = "linear") -> SemBert:
    return SemBert(SemBertConfig(**sizes, tags=tags_of("full"), tag_encoder=tag_encoder))


def _sensebert(sizes: Sizes) -> SenseBert:
    model, draw = SenseBert(SenseBertConfig(**sizes, senses=tuple(f"sense{i}" for i in range(SENSES)))), seeded()
    words = model.config.vocab_size
    known = torch.rand(words, 1, generator=draw) < KNOWN
    allowed = known & (torch.rand(words, SENSES, generator=draw) < MEANINGS / SENSES)
    model.know(allowed, torch.zeros(words, dtype=torch.bool))
    return model


def _vlbert(sizes: Sizes) -> VlBert:
    hidden = EncoderConfig(**sizes).hidden
    return VlBert(VlBertConfig(**sizes, visual_size=hidden, visual_init=1.0))


def _entities(batch: Batch, draw: Generator) -> dict[str, Tensor]:
    """A slot for the sentence and one for every tenth token, with frozen vectors."""
    rows, length = batch["document"].shape
    positions = torch.arange(0, length, APART).repeat(rows, 1)  # [B, E]
    ids = torch.randint(1, ENTITIES, positions.shape, generator=draw)
    ids[:, 0] = 0
    ids.masked_fill_(batch["document"].gather(1, positions) == 0, -1)
    vectors = torch.randn(*ids.shape, ErnieThuConfig.entity_width, generator=draw) * (ids > 0)[..., None]
    return {**batch, "entity_positions": positions, "entity_ids": ids, "entity_vectors": vectors}


def _tree(batch: Batch, draw: Generator) -> dict[str, Tensor]:
    """Every ten tokens end with a mention and its branch, whose positions count on from the mention."""
    rows, length = batch["document"].shape
    number, place = torch.arange(length) // APART + 1, torch.arange(length) % APART
    grown = place >= APART - BRANCH
    trunk = (~grown).cumsum(0) - 1
    fields = {
        "branch": number * grown,
        "anchor": number * (place >= APART - BRANCH - MENTION),
        "position_ids": trunk + (place - (APART - BRANCH) + 1) * grown,
    }
    real = (batch["document"] != 0).long()
    return {**batch, **{name: value.repeat(rows, 1) * real for name, value in fields.items()}}


def _roles(batch: Batch, draw: Generator) -> dict[str, Tensor]:
    """Words of 1.3 pieces in the mean, and three structures a row."""
    rows, length = batch["document"].shape
    shares = torch.tensor(PIECES).expand(rows, -1)
    pieces = torch.multinomial(shares, length, replacement=True, generator=draw) + 1
    words = torch.stack([torch.arange(1, length + 1).repeat_interleave(own)[:length] for own in pieces])
    word_of = words * (batch["document"] != 0)
    real = torch.arange(int(word_of.max())) < word_of.amax(1)[:, None]  # [B, S]
    shape, tags = (rows, SemBertConfig.aspects, real.shape[1]), len(tags_of("full"))
    return {**batch, "word_of": word_of, "role_tags": torch.randint(3, tags, shape, generator=draw) * real[:, None]}


def _regions(batch: Batch, draw: Generator) -> dict[str, Tensor]:
    """Boxes and stored features, the first row with fewer."""
    rows = len(batch["document"])
    real = torch.ones(rows, REGIONS, dtype=torch.long)
    real[0, REGIONS - PADDED :] = 0
    return {
        **batch,
        "regions": real,
        "region_boxes": torch.rand(rows, REGIONS, 2, 2, generator=draw).sort(dim=2).values.flatten(2),
        "region_features": torch.rand(rows, REGIONS, VlBertConfig.feature_width, generator=draw),
    }


SYSTEMS = {
    "bert": System(_bert),
    "ernie_thu": System(_ernie_thu, _entities),
    "kbert": System(_bert, _tree, sizes={"vocab_size": CHINESE}),
    "sembert": System(_sembert, _roles),
    "sembert_gru": System(lambda sizes: _sembert(sizes, "gru"), _roles),
    "sensebert": System(_sensebert),
    "vlbert": System(_vlbert, _regions, REGIONS),
}
