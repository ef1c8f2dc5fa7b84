"""Model folders: config.json, model.safetensors, tokenizer.json and a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from kplm.config import EncoderConfig
from kplm.convert import bert as bert_format
from kplm.convert.settings import built_from
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError
from kplm.folder import FORMAT, load_whole, read_checkpoint, read_config, write_folder
from kplm.heads import Head
from kplm.locate import locate
from kplm.models import BaseEncoder, Encoder
from kplm.spec import build, class_named, from_spec
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

    Args:
        checkpoint: the .ckpt file of a training run.
        directory: folder to make: config.json, model.safetensors, tokenizer.json, README.md.

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
    model = build(
        Finetune, {"encoder": _skeleton(spec), "head": from_spec(spec["head"], Head), "labels": spec.get("labels")}
    )
    model.text = spec["text"]
    wanted = set(_trained(model.state_dict()))
    load_whole(model, _trained(state), wanted, found)
    return model.eval(), spec["text"]


def _bert(folder: Path, config: dict[str, Any]) -> Encoder:
    weights = read_weights(folder)
    encoder = built_from(folder / "config.json", weights, lambda: bert_format.config_from(config), Encoder)
    state, fresh = bert_format.encoder_state(weights, encoder.config)
    encoder.load_state_dict(state, strict=False)
    encoder.fresh, encoder.beside = tuple(sorted(fresh)), bert_format.pretraining_heads(weights)
    return encoder


def _skeleton(spec: dict[str, Any]) -> BaseEncoder:
    told = spec.get("encoder")
    parts = told.get("parts", {}) if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(parts, dict):
        raise CheckpointError(
            f"the checkpoint has {str(told)[:80]} where the class and the parts of an encoder belong."
        )
    kind = class_named(told.get("class_path"), BaseEncoder)
    return build(kind, {"config": from_spec(told.get("config"), EncoderConfig), **parts})


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
