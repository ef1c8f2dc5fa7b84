"""Loading and saving models: folders with config.json, model.safetensors, tokenizer.json and a model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kg import EntityTable
from kplm.config import EncoderConfig, ErnieThuConfig, VlBertConfig
from kplm.convert import bert as bert_format
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError
from kplm.folder import FORMAT, load_whole, read_checkpoint, read_config, write_folder
from kplm.heads import Head
from kplm.locate import locate
from kplm.models import BaseEncoder, Encoder, ErnieThu, VlBert
from kplm.nn.entities import Learned
from kplm.spec import from_spec
from kplm.training import Finetune, Training

CHECKPOINT = ".ckpt"


def from_pretrained(name: str | Path, revision: str | None = None, local_files_only: bool = False) -> BaseEncoder:
    """The encoder of a saved model, or of a Hugging Face BERT checkpoint of any size.

    Args:
        name: folder, ``package:NAME/folder``, hub repository, or the checkpoint of a training run (``.ckpt``).
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.

    Raises:
        CheckpointError: nothing is there, the weights do not fit the config, or another system wrote them.
    """
    found = locate(name, revision, local_files_only)
    if found.suffix == CHECKPOINT:
        return _rebuild(*read_checkpoint(found), found)
    config = read_config(found)
    return _rebuild(config, read_weights(found), found) if FORMAT in config else _bert(found, config)


def bert(
    pretrained: str, revision: str | None = None, local_files_only: bool = False, dropout: float | None = None
) -> Encoder:
    """The shared encoder, from a checkpoint; this is what configs name.

    Args:
        pretrained: folder, ``package:NAME/folder`` or hub repository.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.
        dropout: replaces the checkpoint's dropout, for states and attention alike.
    """
    found = _with_dropout(from_pretrained(pretrained, revision, local_files_only), dropout)
    if not isinstance(found, Encoder):
        raise CheckpointError(f"{pretrained} holds a {type(found).__name__}, not a plain BERT encoder.")
    return found


def ernie_thu(
    pretrained: str,
    layer_types: Sequence[str] | None = None,
    entity_width: int = 100,
    entity_heads: int = 4,
    revision: str | None = None,
    local_files_only: bool = False,
    entity_init_std: float = 0.02,
    table: str | None = None,
) -> ErnieThu:
    """ERNIE-THU, from its own checkpoint or started from a BERT checkpoint with fresh entity layers.

    Args:
        pretrained: folder, ``package:NAME/folder`` or hub repository.
        layer_types: 'sim', 'mix' or 'norm' for each layer of a BERT start; by default the first half is plain, then one
            'mix', then 'norm', as published.
        entity_width: width of the entity table of a BERT start.
        entity_heads: heads of the entity stream of a BERT start.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.
        entity_init_std: spread of the fresh entity weights of a BERT start.
        table: entity table to put inside the model, where it is trained along; for small graphs and one machine. By default
            vectors are frozen and come with the data.
    """
    found = from_pretrained(pretrained, revision, local_files_only)
    if isinstance(found, Encoder):
        kinds = tuple(layer_types or published_layers(found.config.layers))
        found = _grow(found, kinds, entity_width, entity_heads, entity_init_std)
    if not isinstance(found, ErnieThu):
        raise CheckpointError(
            f"{pretrained} holds a {type(found).__name__}; ERNIE-THU starts from BERT or from itself."
        )
    return found if table is None else _with_table(found, EntityTable.open(table))


def vlbert(
    pretrained: str,
    features: nn.Module | None = None,
    feature_width: int = 2048,
    region_classes: int = 1601,
    visual_init: float = 0.0,
    special_words: int = 0,
    geometry_width: int = VlBertConfig.geometry_width,
    dropout: float | None = None,
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
        dropout: replaces the checkpoint's dropout, for states and attention alike; 0 where the picture network is learnt along.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.

    Raises:
        CheckpointError: the checkpoint is of another system.
        KplmError: ``features`` have another width than the checkpoint reads.
    """
    found = _with_dropout(from_pretrained(pretrained, revision, local_files_only), dropout)
    if isinstance(found, Encoder):
        width = int(getattr(features, "width", feature_width))
        choices = {"region_classes": region_classes, "visual_init": visual_init, "special_words": special_words}
        found = _see(found, width, geometry_width=geometry_width, **choices)
    if not isinstance(found, VlBert):
        raise CheckpointError(f"{pretrained} holds a {type(found).__name__}; VL-BERT starts from BERT or from itself.")
    if features is not None:
        found.compute(features)
    if getattr(features, "random", False):  # a network that is trained from scratch learns at the rate of fresh weights
        found.fresh = (*found.fresh, *(f"features.module.{name}" for name, _ in features.named_parameters()))  # type: ignore[union-attr]
    return found


def published_layers(layers: int) -> tuple[str, ...]:
    """The published pattern for any depth: just under half plain layers, one 'mix', the rest 'norm' (5 + 1 + 6 of 12)."""
    plain = (layers - 1) // 2
    return ("sim",) * plain + ("mix",) + ("norm",) * (layers - plain - 1)


def save_pretrained(
    model: BaseEncoder | Training,
    directory: str | Path,
    text: dict[str, Any] | None = None,
    objective: nn.Module | None = None,
) -> Path:
    """Write a model so that :func:`from_pretrained` and :func:`kplm.load` read it; the folder appears only when it is whole.

    Args:
        model: an encoder, or a :class:`kplm.training.Training` whose head or objective comes along.
        directory: folder to make; files of an earlier save are replaced.
        text: description of the text side, see :meth:`kplm.data.encode.TextEncoder.describe`; a fine-tuned model knows it.
        objective: pretraining heads to keep beside an encoder.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    if isinstance(model, Training):
        spec = model.describe()
        state = _trained(model.state_dict())
    else:
        spec = {"encoder": model.describe()}
        state = {f"encoder.{name}": value for name, value in model.state_dict().items()}
        state |= {f"objective.{name}": value for name, value in objective.state_dict().items()} if objective else {}
    return write_folder(Path(directory), {**spec, "text": spec.get("text") or text}, state)


def export(checkpoint: str | Path, directory: str | Path) -> Path:
    """Turn the checkpoint of a training run into a model folder, its head or its objective included.

    Raises:
        CheckpointError: it is no checkpoint of such a run, or the folder cannot be written.
    """
    spec, state = read_checkpoint(locate(checkpoint))
    return write_folder(Path(directory), spec, _trained(state))


def load_finetuned(path: str | Path) -> tuple[Finetune, dict[str, Any]]:
    """A fine-tuned model and the description of its text side, from a folder or a Lightning checkpoint.

    Raises:
        CheckpointError: the file holds no fine-tuned kplm model.
    """
    found = locate(path)
    if found.is_file():
        spec, state = read_checkpoint(found)
    else:
        spec, state = read_config(found), read_weights(found)
    if "encoder" not in spec:
        kind = spec.get("model_type", "unknown")
        raise CheckpointError(
            f"{path} holds a model of another kind (model_type '{kind}'), not a fine-tuned kplm model."
        )
    if not spec.get("head") or not spec.get("text"):
        raise CheckpointError(
            f"{path} holds an encoder without a head; fine-tune it first, or read it with from_pretrained."
        )
    encoder = _skeleton(spec)
    model = Finetune(encoder, from_spec(spec["head"], Head), spec["labels"])
    model.text = spec["text"]
    wanted = set(_trained(model.state_dict()))
    load_whole(model, _trained(state), wanted, found)
    return model.eval(), spec["text"]


def _bert(folder: Path, config: dict[str, Any]) -> Encoder:
    sizes = bert_format.config_from(config)
    encoder = Encoder(sizes)
    weights = read_weights(folder)
    state, fresh = bert_format.encoder_state(weights, sizes)
    encoder.load_state_dict(state, strict=False)
    encoder.fresh, encoder.beside = tuple(sorted(fresh)), bert_format.pretraining_heads(weights)
    return encoder


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


def _with_dropout(encoder: BaseEncoder, dropout: float | None) -> BaseEncoder:
    if dropout is None:
        return encoder
    config = replace(encoder.config, dropout=dropout, attention_dropout=dropout)
    again = type(encoder)(config, **encoder.parts)
    if encoder.pooler is None:
        again.pooler = None
    again.load_state_dict(encoder.state_dict())
    again.fresh, again.beside = encoder.fresh, encoder.beside
    return again


def _skeleton(spec: dict[str, Any]) -> BaseEncoder:
    config = from_spec(spec["encoder"]["config"], EncoderConfig)
    module, _, name = spec["encoder"]["class_path"].rpartition(".")
    kind = getattr(import_module(module), name)
    if not issubclass(kind, BaseEncoder):
        raise CheckpointError(f"config.json names {module}.{name} as the encoder, which is no encoder of kplm's.")
    return kind(config, **{name: from_spec(part) for name, part in spec["encoder"].get("parts", {}).items()})


def _rebuild(spec: dict[str, Any], state: dict[str, torch.Tensor], where: Path) -> BaseEncoder:
    encoder, own = _skeleton(spec), _part(state, "encoder.")
    if not any(name.startswith("pooler.") for name in own):
        encoder.pooler = None
    load_whole(encoder, own, set(encoder.state_dict()), where)
    encoder.beside = _part(state, "objective.")
    return encoder


def _trained(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of the encoder and of what stands on it; metrics and the like stay behind."""
    return {name: value for name, value in state.items() if name.startswith(("encoder.", "head.", "objective."))}


def _part(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
