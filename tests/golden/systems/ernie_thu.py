"""ERNIE-THU: pretraining, typing and relation cases of the authors' code, told apart by the tensors they hold."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from kplm.convert.ernie_thu import Converted, parameters, read
from kplm.errors import KplmError
from kplm.fields import IGNORE
from tests.golden.row import Row, differ
from tests.golden.systems.ernie_thu_text import featurise

Tensors = dict[str, Tensor]


def compare(folder: Path) -> list[Row]:
    """Compare every recorded tensor, the sparse slot layout, and the featurisation where raw data is there."""
    inputs, outputs = load_file(folder / "inputs.safetensors"), load_file(folder / "outputs.safetensors")
    labels = folder / "labels.json"
    model = read(folder, json.loads(labels.read_text(encoding="utf-8")) if labels.is_file() else None)
    for part in (model.encoder, model.head, model.objective):
        if part is not None:
            part.eval()
    got = _run(model, dense(inputs))
    if "loss_total_f64" in outputs:
        got["loss_total_f64"] = _double_loss(model, dense(inputs))
    rows = [differ(name, got[name], outputs[name]) for name in outputs if name in got]
    rows += _sparse(model, inputs, outputs)
    return rows + (list(_featurised(folder, inputs)) if (folder / "data.json").is_file() else [])


def dense(inputs: Tensors) -> Tensors:
    """A batch with a slot at every token, so that the whole entity stream can be compared."""
    ids, mask = inputs["input_ids"], inputs["ent_mask"]
    entities = inputs["corrupted_entity_ids"] if "candidate" in inputs else inputs["entity_ids"]
    order = torch.arange(ids.shape[1]).expand_as(ids)
    batch = {
        "input_ids": ids,
        "document": inputs["attention_mask"],
        "position_ids": order,
        "segment_ids": inputs["token_type_ids"],
        "entity_positions": order,
        "entity_ids": torch.where(mask == 1, entities + 1, -1),
        "entity_vectors": inputs["input_ent"],
    }
    return batch | (_pretraining(inputs) if "candidate" in inputs else _label(inputs["labels"]))


def sparse(batch: Tensors) -> Tensors:
    """The same batch with slots only where an entity is, as the data side makes it."""
    filled = batch["entity_ids"] >= 0
    first = (~filled).long().argsort(dim=1, stable=True)[:, : int(filled.sum(1).max())]  # [B, E], filled slots in front
    slots = {name: batch[name].gather(1, first) for name in ("entity_positions", "entity_ids")}
    wide = first[..., None].expand(-1, -1, batch["entity_vectors"].shape[-1])
    return batch | slots | {"entity_vectors": batch["entity_vectors"].gather(1, wide)}


def _pretraining(inputs: Tensors) -> Tensors:
    return {
        "mlm_labels": _ignoring(inputs["mlm_labels"]),
        "next_sentence": _ignoring(inputs["next_sentence_label"]),
        "entity_labels": _ignoring(inputs["ent_labels"]),
        "candidate_vectors": inputs["candidate"],
    }


def _label(labels: Tensor) -> Tensors:
    return {"labels": labels} if labels.is_floating_point() else {"label": labels}


def _ignoring(labels: Tensor) -> Tensor:
    return labels.masked_fill(labels < 0, IGNORE)


def _run(model: Converted, batch: Tensors) -> Tensors:
    """All recorded names to what this code computes, gradients included."""
    embedded = model.encoder.embeddings(batch)
    got = {"embeddings": embedded}
    for i, (tokens, entities) in enumerate(model.encoder.walk(embedded, batch)):
        got |= {f"layer{i}.token": tokens, f"layer{i}.entity": entities}
    states = model.encoder(batch)
    got["pooled"] = model.encoder.pooler(states)
    got |= _pretrained(model, states, batch) if model.objective is not None else _finetuned(model, batch)
    got["loss_total" if model.objective is not None else "loss"].backward()
    grads = {f"grad.{name}": value.grad for name, value in parameters(model).items() if value.grad is not None}
    return {name: tensor.detach() for name, tensor in (got | grads).items()}


def _pretrained(model: Converted, states: Tensor, batch: Tensors) -> Tensors:
    terms, losses = model.objective.terms, model.objective(model.encoder, batch)
    return {
        "mlm_logits": terms["masked_words"].logits(model.encoder, states),
        "nsp_logits": terms["next_sentence"].logits(model.encoder, states),
        "dea_logits": terms["entity_denoising"].logits(states, batch["candidate_vectors"]),
        "loss_mlm": losses["masked_words"],
        "loss_nsp": losses["next_sentence"],
        "loss_dea": losses["entity_denoising"],
        "loss_total": losses["loss"],
    }


def _finetuned(model: Converted, batch: Tensors) -> Tensors:
    if model.head is None:
        raise KplmError("the checkpoint holds neither a pretraining objective nor a head; there is nothing to compare.")
    logits = model.head(model.encoder, batch)
    return {"logits": logits, "loss": model.head.loss(logits, batch)}


def _double_loss(model: Converted, batch: Tensors) -> Tensor:
    wide = {name: value.double() if value.is_floating_point() else value for name, value in batch.items()}
    with torch.no_grad():
        return copy.deepcopy(model.objective).double()(copy.deepcopy(model.encoder).double(), wide)["loss"]


def _sparse(model: Converted, inputs: Tensors, outputs: Tensors) -> list[Row]:
    batch = sparse(dense(inputs))
    with torch.no_grad():
        walked = [tokens for tokens, _ in model.encoder.walk(model.encoder.embeddings(batch), batch)]
    wanted = [(f"layer{i}.token", tokens) for i, tokens in enumerate(walked) if f"layer{i}.token" in outputs]
    return [differ(f"{name} (sparse slots)", tokens, outputs[name]) for name, tokens in wanted]


def _featurised(folder: Path, inputs: Tensors) -> Iterator[Row]:
    made = featurise(folder, inputs)
    names = ("input_ids", "token_type_ids", "attention_mask", "entity_ids", "ent_mask", "input_ent", "labels")
    for name in names:
        yield differ(f"{name} (from data.json)", made[name], inputs[name], exact=True)
