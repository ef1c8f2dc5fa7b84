"""Hugging Face BERT checkpoints of any size (Devlin et al., 2019), in both directions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from kplm.config import EncoderConfig
from kplm.convert.keys import KeyTable, State
from kplm.convert.settings import sizes
from kplm.errors import CheckpointError, did_you_mean
from kplm.models import Encoder

log = logging.getLogger(__name__)

SIZES = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "intermediate_size": "ffn",
    "max_position_embeddings": "positions",
    "type_vocab_size": "segments",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "layer_norm_eps": "eps",
    "initializer_range": "init_std",
}
"""Their config fields and ours; a field that is absent has BERT-base's value in both."""

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}

HEADS = ("cls", "classifier", "qa_outputs")
"""Heads of their classes; the encoder does not need them. Pretraining goes on from ``cls``, see :func:`pretraining_heads`."""

ROWS = """
    embeddings.word_embeddings                      embeddings.terms.input_ids
    embeddings.position_embeddings                  embeddings.terms.position_ids
    embeddings.token_type_embeddings                embeddings.terms.segment_ids
    embeddings.LayerNorm                            embeddings.norm
    encoder.layer.{i}.attention.self.query          stack.layers.{i}.read.attention.query
    encoder.layer.{i}.attention.self.key            stack.layers.{i}.read.attention.key
    encoder.layer.{i}.attention.self.value          stack.layers.{i}.read.attention.value
    encoder.layer.{i}.attention.output.dense        stack.layers.{i}.read.attention.output
    encoder.layer.{i}.attention.output.LayerNorm    stack.layers.{i}.read.norm
    encoder.layer.{i}.intermediate.dense            stack.layers.{i}.think.up
    encoder.layer.{i}.output.dense                  stack.layers.{i}.think.down
    encoder.layer.{i}.output.LayerNorm              stack.layers.{i}.think.norm
    pooler.dense                                    pooler.dense
"""

PRETRAINING = """
    cls.predictions.transform.dense         objective.terms.masked_words.transform.dense
    cls.predictions.transform.LayerNorm     objective.terms.masked_words.transform.norm
    cls.predictions.bias                    objective.terms.masked_words.bias
    cls.seq_relationship                    objective.terms.next_sentence.output
"""


def config_from(found: Mapping[str, Any]) -> EncoderConfig:
    """Sizes from a ``config.json``, or from the older ``bert_config.json`` that names no model type.

    Raises:
        CheckpointError: it describes another architecture, or something this encoder does not have.
    """
    kind = found.get("model_type", "bert")
    if kind != "bert":
        raise CheckpointError(f"the config is of model_type '{kind}'; this reads 'bert'. Choose a BERT checkpoint.")
    positions = found.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise CheckpointError(
            f"position_embedding_type is '{positions}'; only 'absolute' can be read. Choose such a checkpoint."
        )
    for switch in ("is_decoder", "add_cross_attention"):
        if found.get(switch):
            raise CheckpointError(
                f"the config sets {switch}; only encoders can be read. Choose a checkpoint of a plain BERT."
            )
    return EncoderConfig(**sizes_from(found))


def sizes_from(found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of :class:`EncoderConfig` that a BERT-like config file sets.

    Raises:
        CheckpointError: the activation has no counterpart, or a size is no number.
    """
    name = found.get("hidden_act", "gelu")
    if not isinstance(name, str) or name not in ACTIVATIONS:
        near = did_you_mean(str(name), ACTIVATIONS)
        raise CheckpointError(f"hidden_act is '{str(name)[:40]}'; possible are {', '.join(ACTIVATIONS)}.{near}")
    return {**sizes(found, SIZES), "activation": ACTIVATIONS[name]}


def to_sizes(config: EncoderConfig) -> dict[str, Any]:
    """The inverse of :func:`sizes_from`."""
    back = {ours: theirs for theirs, ours in reversed(ACTIVATIONS.items())}
    return {theirs: getattr(config, ours) for theirs, ours in SIZES.items()} | {"hidden_act": back[config.activation]}


def encoder_state(state: Mapping[str, Tensor], config: EncoderConfig) -> tuple[State, frozenset[str]]:
    """Rename a checkpoint for :class:`kplm.models.Encoder`, with or without ``bert.`` prefix; task heads are left out.

    Returns: the tensors under our names, and the names it lacks because it has no pooler; those stay as initialised.

    Raises:
        CheckpointError: keys or shapes do not fit ``config``.
    """
    bare = {key.removeprefix("bert."): tensor for key, tensor in state.items()}
    heads = sorted({key.split(".")[0] for key in bare} & set(HEADS) - {"cls"})
    if heads:
        log.info(f"the checkpoint's task heads are not used: {', '.join(heads)}")
    with torch.device("meta"):
        expected = Encoder(config).state_dict()
    found = _table(config).to_ours(bare, expected, optional=("pooler",))
    return found, frozenset(expected) - frozenset(found)


def pretraining_heads(state: Mapping[str, Tensor]) -> State:
    """The heads of masked words and next sentence that a checkpoint holds, by the names an objective gives them."""
    found = KeyTable(PRETRAINING).known(state)
    return {name.removeprefix("objective."): tensor for name, tensor in found.items()}


def encoder_to_hf(encoder: Encoder) -> tuple[dict[str, Any], State]:
    """An encoder as Hugging Face's ``BertModel``: the content of its ``config.json``, and its state dict."""
    config = {"architectures": ["BertModel"], "model_type": "bert", **to_sizes(encoder.config)}
    return config, _table(encoder.config).to_theirs(encoder.state_dict())


def _table(config: EncoderConfig) -> KeyTable:
    return KeyTable(ROWS, dropped=(*HEADS, "embeddings.position_ids"), i=range(config.layers))
