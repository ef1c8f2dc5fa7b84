"""Checkpoints of K-BERT's authors (Liu et al., 2020), which are UER-py's: google_model.bin, google_config.json, google_vocab.txt.

K-BERT has no tensors of its own; the encoder is BERT's with three differences that end here, at conversion:

- *LayerNorm*: theirs divides by the unbiased deviation, ``gamma * (x - mean) / (std + 1e-6) + beta`` with H - 1 in the
  denominator of the variance. PyTorch's divides by the biased one, so ``gamma * sqrt((H - 1) / H)`` in ours gives the same
  output, for every LayerNorm, the one of masked words included. What is left is 1e-6 against a deviation, below float32's noise.
- *Segments*: their table counts from 1 and keeps row 0 for padding, which nobody reads; our rows 0, 1 are their rows 1, 2.
- *Word decoder*: a matrix of its own in the file. Ours is the word table, so the head comes along only where the two are equal.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kplm.config import EncoderConfig
from kplm.convert import kbert_files as files
from kplm.convert.keys import KeyTable, State, matrix
from kplm.convert.settings import built_from, number, sizes, vocabulary
from kplm.errors import CheckpointError
from kplm.heads import Classify, Head, TagInjected
from kplm.heads.official_span_f1 import INJECTED, PADDING
from kplm.models import Encoder
from kplm.objectives import MaskedWords, NextSentence, Weighted

log = logging.getLogger(__name__)

BODY = """
    embedding.layer_norm                                    encoder.embeddings.norm
    encoder.transformer.{i}.self_attn.linear_layers.0       encoder.stack.layers.{i}.read.attention.query
    encoder.transformer.{i}.self_attn.linear_layers.1       encoder.stack.layers.{i}.read.attention.key
    encoder.transformer.{i}.self_attn.linear_layers.2       encoder.stack.layers.{i}.read.attention.value
    encoder.transformer.{i}.self_attn.final_linear          encoder.stack.layers.{i}.read.attention.output
    encoder.transformer.{i}.layer_norm_1                    encoder.stack.layers.{i}.read.norm
    encoder.transformer.{i}.feed_forward.linear_1           encoder.stack.layers.{i}.think.up
    encoder.transformer.{i}.feed_forward.linear_2           encoder.stack.layers.{i}.think.down
    encoder.transformer.{i}.layer_norm_2                    encoder.stack.layers.{i}.think.norm
"""
TABLES = """
    embedding.word_embedding            encoder.embeddings.terms.input_ids
    embedding.position_embedding        encoder.embeddings.terms.position_ids
    embedding.segment_embedding         encoder.embeddings.terms.segment_ids
"""
NEWER_TABLES = """
    embedding.word.embedding            encoder.embeddings.terms.input_ids
    embedding.pos.embedding             encoder.embeddings.terms.position_ids
    embedding.seg.embedding             encoder.embeddings.terms.segment_ids
"""
TARGET = """
    target.mlm_linear_1                 target.terms.masked_words.transform.dense
    target.layer_norm                   target.terms.masked_words.transform.norm
    target.mlm_linear_2.weight          target.decoder
    target.mlm_linear_2.bias            target.terms.masked_words.bias
    target.nsp_linear_1                 target.pooler.dense
    target.nsp_linear_2                 target.terms.next_sentence.output
"""
NEWER_TARGET = """
    target.mlm.linear_1                 target.terms.masked_words.transform.dense
    target.mlm.layer_norm               target.terms.masked_words.transform.norm
    target.mlm.linear_2.weight          target.decoder
    target.mlm.linear_2.bias            target.terms.masked_words.bias
    target.sp.linear_1                  target.pooler.dense
    target.sp.linear_2                  target.terms.next_sentence.output
"""
CLASSIFIER = """
    output_layer_1                      encoder.pooler.dense
    output_layer_2                      head.output
"""
TAGGER = "output_layer head.output"

HEADS: dict[str, Callable[[], Head]] = {"output_layer_2": partial(Classify, dropout=0.0), "output_layer": TagInjected}
"""The last map of a fine-tuned checkpoint, and the head it belongs to."""
SIZES = {"hidden_size": "hidden", "layers_num": "layers", "heads_num": "heads", "feedforward_size": "ffn"}
"""Their config fields and ours."""
EPS = 1e-12


@dataclass(frozen=True)
class Converted:
    """What one of the authors' checkpoints holds."""

    config: EncoderConfig
    encoder: Encoder
    """With its pretraining heads in ``beside``, as far as they fit our objectives."""
    head: Head | None
    """Of a fine-tuned checkpoint."""
    vocab: Path | None
    """The vocabulary file, if there is one."""
    pretraining: State
    """The heads of a pretrained checkpoint, by the names an objective gives them."""
    decoder: Tensor | None
    """``[V, D]`` weight of the word decoder of a pretrained checkpoint, if it is not the word table."""


def read(source: str | Path, names: Sequence[str] | None = None, head: str | Path | None = None) -> Converted:
    """Read a checkpoint of the authors, pretrained or fine-tuned, with key names of any age.

    Args:
        source: a folder with one weights file, its config and usually its vocabulary, or the weights file itself with the
            other two beside it.
        names: class names of a fine-tuned checkpoint, which does not store them. A tagger needs them: ``[PAD]``,
            ``[ENT]``, then the tags in the order in which they first occur in its training data.
        head: a file with the tensors of the head, where they are kept apart from the encoder's.

    Raises:
        CheckpointError: a file is missing, ambiguous, damaged or another system's, or keys and config do not fit.
    """
    path, state = files.weights(Path(source))
    state = state if head is None else files.joined(state, Path(head))
    source, found = files.config(path.parent, tuple(SIZES))
    encoder = built_from(source, state, lambda: config_from(found, state), Encoder)
    config = encoder.config
    on_top = _head(encoder, state, names)
    own = _folded(_table(config, state).to_ours(_without_padding(state), _expected(encoder, on_top, state)))
    target = _part(own, "target.")
    if on_top is None:
        own |= {f"encoder.{name}": value for name, value in target.items() if name.startswith("pooler.")}
    else:
        on_top.load_state_dict(_part(own, "head."))
    encoder.load_state_dict(_part(own, "encoder."))
    vocab = vocabulary(files.vocabulary_file(path.parent), config.vocab_size)
    return Converted(config, encoder, on_top, vocab, *(_beside(encoder, target) if on_top is None else ({}, None)))


def config_from(found: Mapping[str, Any], state: Mapping[str, Tensor]) -> EncoderConfig:
    """Sizes from their config file; the sizes of the three tables are read off the weights.

    Raises:
        CheckpointError: a table is missing, or the config describes an encoder that is not BERT's.
    """
    wanted = {"hidden_act": "gelu", "emb_size": found["hidden_size"], "layernorm_positioning": "post"}
    for field, value in wanted.items():
        if found.get(field, value) != value:
            raise CheckpointError(f"the config sets {field} to {found[field]}; this encoder has {value}.")
    words, positions, segments = (len(matrix(state, f"{row.split()[0]}.weight")) for row in _tables(state))
    dropout = number(found.get("dropout", EncoderConfig.dropout), "dropout", float)
    return EncoderConfig(
        **sizes(found, SIZES),
        vocab_size=words,
        positions=positions,
        segments=segments - 1,
        dropout=dropout,
        attention_dropout=dropout,
        eps=EPS,
    )


def _beside(encoder: Encoder, target: State) -> tuple[State, Tensor | None]:
    """Put those pretraining heads beside the encoder that can go on from here; returns all of them, and an untied decoder."""
    heads = {name: value for name, value in target.items() if name.startswith("terms.")}
    if torch.equal(target["decoder"], encoder.embeddings.get_parameter("terms.input_ids.weight")):
        encoder.beside = heads
        return heads, None
    log.warning(
        "the checkpoint's word decoder is a matrix of its own, but here masked words are scored with the word table; "
        "their head is left behind, and further pretraining starts it anew"
    )
    encoder.beside = {name: value for name, value in heads.items() if not name.startswith(f"terms.{MaskedWords.name}.")}
    return heads, target["decoder"]


def _head(encoder: Encoder, state: State, names: Sequence[str] | None) -> Head | None:
    kinds = [kind for kind in HEADS if f"{kind}.weight" in state]
    if len(kinds) > 1:
        raise CheckpointError(f"the checkpoint has the heads of two tasks, {' and '.join(kinds)}; give one of them.")
    if not kinds:
        return None
    head, key = HEADS[kinds[0]](), f"{kinds[0]}.weight"
    head.build(encoder, _names(key, len(matrix(state, key)), names, isinstance(head, TagInjected)))
    return head


def _names(key: str, classes: int, names: Sequence[str] | None, tags: bool) -> list[str]:
    order = f"{PADDING}, {INJECTED}, then the tags in the order in which they first occur in its training data"
    if names is None and tags:
        raise CheckpointError(
            f"the checkpoint is a tagger and does not name its {classes} classes. Give their names (--labels): {order}."
        )
    if names is None:
        log.warning(f"the checkpoint does not name its {classes} classes; they are called 0 to {classes - 1}")
        return [str(i) for i in range(classes)]
    if len(names) != classes:
        raise CheckpointError(
            f"{len(names)} class names were given, but {key} has {classes} rows. Give one name a row, in order"
            + (f": {order}." if tags else ".")
        )
    if tags and list(names[:2]) != [PADDING, INJECTED]:
        raise CheckpointError(
            f"the class names begin with {', '.join(names[:2])}; a tagger of the authors has {order}."
        )
    return list(names)


def _expected(encoder: Encoder, head: Head | None, state: State) -> State:
    """All names the checkpoint must hold, with tensors of the right shapes; a fine-tuned one may have kept its target."""
    found = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    if head is None:
        found = {name: value for name, value in found.items() if "pooler" not in name}
    else:
        found |= {f"head.{name}": value for name, value in head.state_dict().items()}
    has_target = any(key.startswith("target.") for key in state)
    return found | (_target(encoder.config) if head is None or has_target else {})


def _target(config: EncoderConfig) -> State:
    with torch.device("meta"):
        encoder, objective = Encoder(config), Weighted([MaskedWords(), NextSentence()])
        objective.build(encoder)
        assert encoder.pooler is not None
        shapes = objective.state_dict() | {"decoder": torch.empty(config.vocab_size, config.hidden)}
    shapes |= {f"pooler.{name}": value for name, value in encoder.pooler.state_dict().items()}
    return {f"target.{name}": value for name, value in shapes.items()}


def _table(config: EncoderConfig, state: State) -> KeyTable:
    newer = any(key.startswith(("target.mlm.", "target.sp.")) for key in state)
    head = CLASSIFIER if "output_layer_2.weight" in state else TAGGER
    tables = "\n".join(_tables(state))
    return KeyTable(BODY + tables + (NEWER_TARGET if newer else TARGET) + head, i=range(config.layers))


def _tables(state: Mapping[str, Tensor]) -> list[str]:
    """The rows of the word, position and segment table in the checkpoint's own naming."""
    newer = any(key.startswith("embedding.word.") for key in state)
    return (NEWER_TABLES if newer else TABLES).strip().splitlines()


def _without_padding(state: State) -> State:
    key = f"{_tables(state)[2].split()[0]}.weight"
    return {**state, key: state[key][1:]}


def _folded(state: State) -> State:
    """LayerNorm weights for PyTorch's biased variance, see the top of this file."""
    return {
        name: value * math.sqrt((len(value) - 1) / len(value)) if name.endswith("norm.weight") else value
        for name, value in state.items()
    }


def _part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
