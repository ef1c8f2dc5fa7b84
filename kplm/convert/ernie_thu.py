"""Checkpoints of the ERNIE-THU authors (Zhang et al., 2019): ernie_config.json, pytorch_model.bin, vocab.txt."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kplm.config import EncoderConfig, ErnieThuConfig
from kplm.convert.bert import PRETRAINING as BERT_PRETRAINING
from kplm.convert.bert import sizes_from, to_sizes
from kplm.convert.keys import KeyTable, State, matrix
from kplm.convert.settings import built_from, check_layers, read_settings, vocabulary
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError
from kplm.heads import EntityType, Head, Relation
from kplm.models import ErnieThu
from kplm.objectives import EntityDenoising, MaskedWords, NextSentence, Weighted

log = logging.getLogger(__name__)

BODY = """
    bert.embeddings.word_embeddings                         encoder.embeddings.terms.input_ids
    bert.embeddings.position_embeddings                     encoder.embeddings.terms.position_ids
    bert.embeddings.token_type_embeddings                   encoder.embeddings.terms.segment_ids
    bert.embeddings.LayerNorm                               encoder.embeddings.norm
    bert.encoder.layer.{i}.attention.self.query             encoder.layers.{i}.read.attention.query
    bert.encoder.layer.{i}.attention.self.key               encoder.layers.{i}.read.attention.key
    bert.encoder.layer.{i}.attention.self.value             encoder.layers.{i}.read.attention.value
    bert.encoder.layer.{i}.attention.output.dense           encoder.layers.{i}.read.attention.output
    bert.encoder.layer.{i}.attention.output.LayerNorm       encoder.layers.{i}.read.norm
    bert.encoder.layer.{sim}.intermediate.dense             encoder.layers.{sim}.think.up
    bert.encoder.layer.{sim}.output.dense                   encoder.layers.{sim}.think.down
    bert.encoder.layer.{sim}.output.LayerNorm               encoder.layers.{sim}.think.norm
    bert.encoder.layer.{fused}.intermediate.dense           encoder.layers.{fused}.fusion.tokens.up
    bert.encoder.layer.{fused}.output.dense                 encoder.layers.{fused}.fusion.tokens.down
    bert.encoder.layer.{fused}.output.LayerNorm             encoder.layers.{fused}.fusion.tokens.norm
    bert.encoder.layer.{fused}.intermediate.dense_ent       encoder.layers.{fused}.fusion.entities.up
    bert.encoder.layer.{fused}.output.dense_ent             encoder.layers.{fused}.fusion.entities.down
    bert.encoder.layer.{fused}.output.LayerNorm_ent         encoder.layers.{fused}.fusion.entities.norm
    bert.encoder.layer.{norm}.attention.self_ent.query      encoder.layers.{norm}.read_entities.attention.query
    bert.encoder.layer.{norm}.attention.self_ent.key        encoder.layers.{norm}.read_entities.attention.key
    bert.encoder.layer.{norm}.attention.self_ent.value      encoder.layers.{norm}.read_entities.attention.value
    bert.encoder.layer.{norm}.attention.output_ent.dense        encoder.layers.{norm}.read_entities.attention.output
    bert.encoder.layer.{norm}.attention.output_ent.LayerNorm    encoder.layers.{norm}.read_entities.norm
    bert.pooler.dense                                       encoder.pooler.dense
"""
PRETRAINING = f"""{BERT_PRETRAINING}
    cls.predictions_ent.transform.dense                     objective.terms.entity_denoising.transform.dense
    cls.predictions_ent.transform.LayerNorm                 objective.terms.entity_denoising.transform.norm
"""
TYPING = "typing head.output"
CLASSIFIER = "classifier head.output"

WORDS, TIED = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
QA = "qa_outputs"
CONFIG, WEIGHTS, VOCAB = "ernie_config.json", "pytorch_model.bin", "vocab.txt"
EPS = 1e-12
"""Of every LayerNorm; a constant in the authors' code, like the entity width of 100 and the 4 entity heads."""
NONE = "NA"
"""What the authors call TACRED's no_relation."""


@dataclass(frozen=True)
class Converted:
    """What one of the authors' folders holds."""

    config: ErnieThuConfig
    encoder: ErnieThu
    head: Head | None
    """Of a fine-tuned checkpoint."""
    objective: Weighted | None
    """Of a pretrained checkpoint."""
    vocab: Path | None
    """The vocabulary file, if the folder has one."""


def read(folder: str | Path, names: Sequence[str] | None = None) -> Converted:
    """Read one of the authors' folders, pretrained or fine-tuned.

    Args:
        folder: holds ernie_config.json and pytorch_model.bin, and usually vocab.txt.
        names: class names of a fine-tuned checkpoint, which does not store them: its sorted training labels.

    Raises:
        CheckpointError: a file is missing or damaged, or keys and config do not fit each other.
    """
    folder = Path(folder)
    found, state = _settings(folder), read_weights(folder)
    encoder = built_from(folder / CONFIG, state, lambda: config_from(found, state), ErnieThu)
    config = encoder.config
    objective, head = _objective(encoder, state), _head(encoder, state, names)
    model = _joined(encoder, head, objective)
    model.load_state_dict(_table(config, head).to_ours(_untied(state), model.state_dict()))
    return Converted(config, encoder, head, objective, vocabulary(folder / VOCAB, config.vocab_size))


def to_theirs(model: Converted) -> tuple[dict[str, Any], State]:
    """The authors' form of a model: the content of ernie_config.json and the state dict, with their very keys."""
    joined = _joined(model.encoder, model.head, model.objective)
    state = _table(model.config, model.head).to_theirs(joined.state_dict())
    if model.objective is not None:
        state[TIED] = state[WORDS]
    return {**_sizes(model.config), "layer_types": list(model.config.layer_types)}, state


def parameters(model: Converted) -> dict[str, nn.Parameter]:
    """All parameters under the authors' names, tied ones once."""
    table = _table(model.config, model.head)
    named = _joined(model.encoder, model.head, model.objective).named_parameters()
    return {table.theirs(name): parameter for name, parameter in named}


def config_from(found: Mapping[str, Any], state: Mapping[str, Tensor]) -> ErnieThuConfig:
    """Sizes from ernie_config.json; what it leaves out is read off the keys.

    As in the authors' code, 'sim' layers follow a ``layer_types`` that is too short, and one that is longer than
    ``num_hidden_layers`` wins.

    Raises:
        CheckpointError: ``layer_types`` contradicts the keys, or a size has no counterpart.
    """
    given, sizes = tuple(found.get("layer_types") or ()), sizes_from(found)
    layers = max(sizes.get("layers", EncoderConfig.layers), len(given))
    check_layers(layers, state)
    seen = tuple(_kind(i, state) for i in range(layers))
    kinds = given + ("sim",) * (layers - len(given)) if given else seen
    if kinds != seen:
        pairs = enumerate(zip(kinds, seen))
        wrong = [f"layer {i} is '{a}' but has the keys of '{b}'" for i, (a, b) in pairs if a != b]
        raise CheckpointError(
            f"layer_types of {CONFIG} does not fit {WEIGHTS}: {'; '.join(wrong[:3])}. "
            f"Use the config of these weights, or remove layer_types from it: the keys alone say {list(seen)}."
        )
    widths = [tensor.shape[-1] for key, tensor in state.items() if key.endswith("intermediate.dense_ent.weight")]
    width = widths[0] if widths else ErnieThuConfig.entity_width
    return ErnieThuConfig(**sizes | {"layers": layers, "eps": EPS}, layer_types=kinds, entity_width=width)


def _kind(layer: int, state: Mapping[str, Tensor]) -> str:
    prefix = f"bert.encoder.layer.{layer}."
    own = {key.removeprefix(prefix) for key in state if key.startswith(prefix)}
    if any(key.startswith("attention.self_ent.") for key in own):
        return "norm"
    return "mix" if any(key.startswith("intermediate.dense_ent.") for key in own) else "sim"


def _settings(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        there = ", ".join(sorted(item.name for item in folder.glob("*"))[:10]) or "nothing"
        raise CheckpointError(
            f"{folder} has no {CONFIG}; found {there}. The authors' folders hold {CONFIG}, {WEIGHTS} and {VOCAB}."
        )
    return read_settings(folder / CONFIG)


def _objective(encoder: ErnieThu, state: Mapping[str, Tensor]) -> Weighted | None:
    if not any(key.startswith("cls.") for key in state):
        return None
    objective = Weighted([MaskedWords(), NextSentence(), EntityDenoising()])
    objective.build(encoder)
    return objective


def _head(encoder: ErnieThu, state: Mapping[str, Tensor], names: Sequence[str] | None) -> Head | None:
    kind = next((kind for kind in ("typing", "classifier") if f"{kind}.weight" in state), None)
    if kind is None:
        return None
    classes = len(matrix(state, f"{kind}.weight"))
    if names is None:
        log.warning(f"the checkpoint does not name its {classes} classes; they are called 0 to {classes - 1}")
    names = [str(i) for i in range(classes)] if names is None else list(names)
    if len(names) != classes:
        raise CheckpointError(
            f"{len(names)} class names were given, but {kind}.weight has {classes} rows. Give one name a row, in order."
        )
    head: Head = EntityType() if kind == "typing" else Relation(none=NONE if NONE in names else None)
    head.build(encoder, names)
    return head


def _joined(encoder: ErnieThu, head: Head | None, objective: Weighted | None) -> nn.ModuleDict:
    parts = {"encoder": encoder, "head": head, "objective": objective}
    return nn.ModuleDict({name: part for name, part in parts.items() if part is not None})


def _table(config: ErnieThuConfig, head: Head | None) -> KeyTable:
    rows = BODY + PRETRAINING + (TYPING if isinstance(head, EntityType) else CLASSIFIER)
    kinds = list(enumerate(config.layer_types))
    sim, norm = ([i for i, kind in kinds if kind == wanted] for wanted in ("sim", "norm"))
    fused = [i for i, kind in kinds if kind != "sim"]
    return KeyTable(rows, dropped=[QA], i=range(config.layers), sim=sim, fused=fused, norm=norm)


def _untied(state: Mapping[str, Tensor]) -> State:
    """Without the copy of the word table that the word head shares; it must be a copy."""
    tied, words = state.get(TIED), state.get(WORDS)
    if tied is not None and words is not None and not torch.equal(tied, words):
        raise CheckpointError(
            f"{TIED} differs from {WORDS}, but the two are one tensor in this model. Use an unaltered checkpoint."
        )
    if any(key.startswith(f"{QA}.") for key in state):
        log.warning(f"{QA} is not used: there is no head for question answering yet")
    return {key: tensor for key, tensor in state.items() if key != TIED}


def _sizes(config: ErnieThuConfig) -> dict[str, Any]:
    """Sizes under their names; what their code holds as constants is checked instead of written."""
    fixed = {"entity_width": 100, "entity_heads": 4, "eps": EPS}
    other = [f"{name}={getattr(config, name)}" for name, value in fixed.items() if getattr(config, name) != value]
    if other or config.activation == "gelu_tanh":
        got = ", ".join([*other, f"activation={config.activation}"])
        raise CheckpointError(
            f"the authors' code is fixed to {fixed} and the exact gelu, relu or swish; this model has {got}."
        )
    sizes = {name: value for name, value in to_sizes(config).items() if name != "layer_norm_eps"}
    return sizes | ({"hidden_act": "swish"} if config.activation == "silu" else {})
