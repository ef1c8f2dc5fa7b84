"""The encoders that configs name: each system from its own checkpoint, or started from one of BERT's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from kg import EntityTable
from kg.wordnet import SUPERSENSES, Exceptions
from kplm.config import ErnieThuConfig, SemBertConfig, SenseBertConfig, VlBertConfig
from kplm.data.supersenses import allowed_of
from kplm.errors import CheckpointError
from kplm.hub.begin import Kernel, begin, is_plain, of_kind
from kplm.locate import locate
from kplm.masking.select.base import continuations
from kplm.models import Encoder, ErnieThu, SemBert, SenseBert, VlBert
from kplm.nn.entities import Learned
from kplm.role_tags import Inventory, tags_of
from kplm.text import Tokenizer
from kplm.text.beside import tokenizer_beside


def bert(
    pretrained: str,
    attention: Kernel | None = None,
    dropout: float | None = None,
    attention_dropout: float | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
) -> Encoder:
    """The shared encoder, from a checkpoint; this is what configs name.

    Args:
        pretrained: folder, ``package:NAME/folder`` or hub repository.
        attention: kernel of attention, 'auto', 'sdpa' or 'flex', in place of the checkpoint's.
        dropout: replaces the checkpoint's dropout, for states and attention alike.
        attention_dropout: replaces the dropout of attention alone.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.
    """
    found = begin(pretrained, attention, dropout, attention_dropout, revision, local_files_only)
    if not is_plain(found):
        raise CheckpointError(f"{pretrained} holds a {type(found).__name__}, not a plain BERT encoder.")
    return found


def ernie_thu(
    pretrained: str,
    layer_types: Sequence[str] | None = None,
    entity_width: int = 100,
    entity_heads: int = 4,
    entity_init_std: float = 0.02,
    table: str | None = None,
    attention: Kernel | None = None,
    dropout: float | None = None,
    attention_dropout: float | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
) -> ErnieThu:
    """ERNIE-THU, from its own checkpoint or started from a BERT checkpoint with fresh entity layers.

    Args:
        pretrained: folder, ``package:NAME/folder`` or hub repository.
        layer_types: 'sim', 'mix' or 'norm' for each layer of a BERT start; by default the first half is plain, then one
            'mix', then 'norm', as published.
        entity_width: width of the entity table of a BERT start.
        entity_heads: heads of the entity stream of a BERT start.
        entity_init_std: spread of the fresh entity weights of a BERT start.
        table: entity table to put inside the model, where it is trained along; for small graphs and one machine. By default
            vectors are frozen and come with the data.
        attention: kernel of attention, 'auto', 'sdpa' or 'flex', in place of the checkpoint's.
        dropout: replaces the checkpoint's dropout, for states and attention alike.
        attention_dropout: replaces the dropout of attention alone.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.
    """
    found = begin(pretrained, attention, dropout, attention_dropout, revision, local_files_only)
    if is_plain(found):
        kinds = tuple(layer_types or published_layers(found.config.layers))
        found = _grow(found, kinds, entity_width, entity_heads, entity_init_std)
    model = of_kind(found, ErnieThu, pretrained, "ERNIE-THU")
    return model if table is None else _with_table(model, EntityTable.open(table))


def vlbert(
    pretrained: str,
    features: nn.Module | None = None,
    feature_width: int = 2048,
    region_classes: int = 1601,
    visual_init: float = 0.0,
    special_words: int = 0,
    geometry_width: int = VlBertConfig.geometry_width,
    attention: Kernel | None = None,
    dropout: float | None = None,
    attention_dropout: float | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
) -> VlBert:
    """VL-BERT, from its own checkpoint or started from a BERT checkpoint with a fresh visual side.

    Args:
        pretrained: folder, ``package:NAME/folder`` or hub repository.
        features: module that computes region features from pixels while training; by default they come stored, with the data.
        feature_width: width of the stored features of a BERT start.
        region_classes: classes of the detector behind the features, for a BERT start that is pretrained with masked regions.
        visual_init: scale of the visual vectors at the start; at 0, as published, a BERT start sees nothing at first.
        special_words: rows of a BERT start's word table that are trained while the rest is frozen; 0: all are trained.
        geometry_width: numbers that tell a BERT start where a region is; few where the features are narrow too.
        attention: kernel of attention, 'auto', 'sdpa' or 'flex', in place of the checkpoint's.
        dropout: replaces the checkpoint's dropout, for states and attention alike; 0 where the picture network is learnt along.
        attention_dropout: replaces the dropout of attention alone.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.

    Raises:
        CheckpointError: the checkpoint is of another system.
        KplmError: ``features`` have another width than the checkpoint reads.
    """
    found = begin(pretrained, attention, dropout, attention_dropout, revision, local_files_only)
    if is_plain(found):
        width = int(getattr(features, "width", feature_width))
        choices = {"region_classes": region_classes, "visual_init": visual_init, "special_words": special_words}
        found = _see(found, width, geometry_width=geometry_width, **choices)
    model = of_kind(found, VlBert, pretrained, "VL-BERT")
    if features is not None:
        model.compute(features)
    if getattr(features, "random", False):  # a network that is trained from scratch learns at the rate of fresh weights
        model.fresh = (*model.fresh, *(f"features.module.{name}" for name, _ in features.named_parameters()))  # type: ignore[union-attr]
    return model


def sensebert(
    pretrained: str,
    wordnet: str | None = None,
    sense_init_std: float = 0.02,
    shortest: int = 4,
    stop_words: list[str] | None = None,
    attention: Kernel | None = None,
    dropout: float | None = None,
    attention_dropout: float | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
) -> SenseBert:
    """SenseBERT, from its own checkpoint or started from a BERT checkpoint whose words learn of WordNet's supersenses.

    Args:
        pretrained: folder, ``package:NAME/folder`` or hub repository; a BERT start needs its tokenizer there too.
        wordnet: folder of WordNet for a BERT start; by default it is looked for. A saved SenseBERT needs none.
        sense_init_std: spread of a BERT start's sense table; at 0 it begins as plain BERT.
        shortest: shorter words of a BERT start's vocabulary have no supersense, in characters.
        stop_words: words that have none; by default English function words.
        attention: kernel of attention, 'auto', 'sdpa' or 'flex', in place of the checkpoint's.
        dropout: replaces the checkpoint's dropout, for states and attention alike.
        attention_dropout: replaces the dropout of attention alone.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.

    Raises:
        CheckpointError: the checkpoint is of another system, or a BERT start has no tokenizer, or one that does not fit.
        KgError: WordNet is not found, or of another language than the vocabulary.
    """
    found = begin(pretrained, attention, dropout, attention_dropout, revision, local_files_only)
    if is_plain(found):
        tokenizer = tokenizer_beside(locate(pretrained, revision, local_files_only), found.config.vocab_size)
        found = _sense(found, tokenizer, wordnet, Exceptions(shortest, stop_words), sense_init_std)
    return of_kind(found, SenseBert, pretrained, "SenseBERT")


def sembert(
    pretrained: str,
    tags: Inventory | list[str] = "full",
    tag_width: int = SemBertConfig.tag_width,
    aspects: int = SemBertConfig.aspects,
    tag_encoder: Literal["linear", "gru"] = "linear",
    pooling: Literal["max", "first"] = "max",
    attention: Kernel | None = None,
    dropout: float | None = None,
    attention_dropout: float | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
) -> SemBert:
    """SemBERT, from its own checkpoint or started from a BERT checkpoint whose words get their semantic roles beside them.

    Args:
        pretrained: folder, ``package:NAME/folder`` or hub repository.
        tags: role tags of a BERT start: 'full', 'sembert22' (the released ones) or a list; as those of the annotator of roles.
        tag_width: width of the role vectors of a BERT start.
        aspects: predicate-argument structures a BERT start reads; as many as the annotator of roles gives.
        tag_encoder: what reads the tags in a BERT start: 'linear', as released, or 'gru', the paper's BiGRU.
        pooling: what stands for a text in a BERT start: 'max' over its words, or the 'first' one, which is [CLS].
        attention: kernel of attention, 'auto', 'sdpa' or 'flex', in place of the checkpoint's.
        dropout: replaces the checkpoint's dropout, for states and attention alike.
        attention_dropout: replaces the dropout of attention alone.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.

    Raises:
        CheckpointError: the checkpoint is of another system.
        KplmError: there is no such inventory.
    """
    found = begin(pretrained, attention, dropout, attention_dropout, revision, local_files_only)
    if is_plain(found):
        choices: dict[str, Any] = {"tag_encoder": tag_encoder, "pooling": pooling}
        choices |= {"tags": tags_of(tags), "tag_width": tag_width, "aspects": aspects}
        found = _label(found, SemBertConfig(**asdict(found.config), **choices))
    return of_kind(found, SemBert, pretrained, "SemBERT")


def published_layers(layers: int) -> tuple[str, ...]:
    """The published pattern for any depth: just under half plain layers, one 'mix', the rest 'norm' (5 + 1 + 6 of 12)."""
    plain = (layers - 1) // 2
    return ("sim",) * plain + ("mix",) + ("norm",) * (layers - plain - 1)


def _grow(start: Encoder, layer_types: tuple[str, ...], width: int, heads: int, std: float) -> ErnieThu:
    config = ErnieThuConfig(**asdict(start.config), layer_types=layer_types, entity_width=width, entity_heads=heads)
    model = ErnieThu(config)
    fresh = model.start_from(start)
    for name, weight in model.named_parameters():
        if name in fresh and weight.ndim > 1:
            nn.init.normal_(weight, std=std)
    model.fresh, model.beside = (*sorted(fresh), *start.fresh), start.beside
    return model


def _see(start: Encoder, width: int, **choices: Any) -> VlBert:
    sizes = asdict(start.config) | {"segments": VlBertConfig.segments, "visual_size": start.config.hidden}
    model = VlBert(VlBertConfig(**sizes, feature_width=width, **choices))
    if start.pooler is None:
        model.pooler = None
    model.fresh, model.beside = (*sorted(model.start_from(start)), *start.fresh), start.beside
    return model


def _sense(start: Encoder, tokenizer: Tokenizer, wordnet: str | None, exceptions: Exceptions, std: float) -> SenseBert:
    rows = start.config.vocab_size
    allowed = allowed_of(tokenizer, rows, wordnet, exceptions)
    model = SenseBert(SenseBertConfig(**asdict(start.config), senses=SUPERSENSES))
    if start.pooler is None:
        model.pooler = None
    model.know(allowed, continuations(tokenizer, rows))
    model.fresh, model.beside = (*sorted(model.start_from(start)), *start.fresh), start.beside
    nn.init.normal_(model.sense_table, std=std)
    return model


def _label(start: Encoder, config: SemBertConfig) -> SemBert:
    model = SemBert(config)
    model.fresh = tuple(sorted(model.start_from(start) | {*start.fresh}))
    return model


def _with_table(model: ErnieThu, table: EntityTable) -> ErnieThu:
    if table.width != model.config.entity_width:
        raise CheckpointError(
            f"the table {table.path} has vectors of width {table.width}, the model's entity stream is "
            f"{model.config.entity_width} wide. Set entity_width={table.width} for a BERT start, or use another table."
        )
    learned = Learned(len(table), table.width)
    learned.start_from(torch.from_numpy(table.vectors(np.arange(len(table)))))
    model.entities, model.config = learned, replace(model.config, entity_rows=len(table))
    return model
