"""VL-BERT: bare encoders, pretraining and question answering of the authors' code, told apart by the tensors they hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from kplm.convert.vlbert import Converted, parameters, read
from kplm.models import VlBert
from kplm.nn.regions import geometry, hidden_regions
from kplm.objectives.base import cross_entropy
from tests.golden.row import Row, differ
from tests.golden.systems.vlbert_places import Places, Tensors, caption_batch, question_batch, text_batch

FLIPPED = "flipped_norm."
"""Losses whose mean is first over each row, then over the rows that have any."""
SMALL = 1e-4
"""What such means add to their counts."""
ECHOED = {"arg.text_input_ids": "input_ids", "arg.text_token_type_ids": "segment_ids"}


def compare(folder: Path) -> list[Row]:
    """Compare every recorded tensor at the places that mean something."""
    inputs, outputs = load_file(folder / "inputs.safetensors"), load_file(folder / "outputs.safetensors")
    model = read(folder / "model.bin")
    for part in (model.encoder, model.head, model.objective):
        if part is not None:
            part.eval()
    if "text_input_ids" in inputs:
        return list(_bare(model, inputs, outputs))
    batch = question_batch(inputs) if "question" in inputs else caption_batch(inputs)
    return list(_whole(model, batch, outputs))


def _bare(model: Converted, inputs: Tensors, outputs: Tensors) -> Iterator[Row]:
    """An encoder that is handed the visual vectors."""
    batch = text_batch(inputs["text_input_ids"], inputs["text_token_type_ids"], inputs["text_mask"])
    batch["regions"] = inputs["object_mask"].long()
    seen = inputs["text_visual_embeddings"].requires_grad_()
    objects = inputs["object_vl_embeddings"].requires_grad_()
    places = Places.of(inputs["text_mask"], inputs["object_mask"])
    looks, roles = objects.split([model.config.visual_size, model.config.hidden], dim=-1)
    yield from _echoed(batch, seen, objects, places, outputs)
    states = model.encoder.elements(batch, seen, looks, roles)
    walked = yield from _walked(model.encoder, batch, states, places, outputs)
    pooled = model.encoder.pooler(walked[-1])
    loss = walked[-1][:, 0].square().sum() + pooled.square().sum()
    loss.backward()
    yield differ("pooled", pooled, outputs["pooled"])
    yield differ("loss_for_gradient", loss, outputs["loss_for_gradient"])
    given = {"text_visual_embeddings": seen, "object_vl_embeddings": objects}
    yield from _gradients(
        {name.removeprefix("vlbert."): value for name, value in parameters(model).items()} | given, outputs
    )


def _whole(model: Converted, batch: Tensors, outputs: Tensors) -> Iterator[Row]:
    """A model from boxes and stored features to its loss."""
    encoder, mask = model.encoder, batch["document"]
    places = Places.of(mask, batch["regions"])
    looks = encoder.regions(batch["region_boxes"], encoder.features(batch))
    roles = torch.where(hidden_regions(batch)[..., None], encoder.hidden_region.weight, encoder.region.weight)
    seen = encoder.seen(batch, looks)
    if "coordinate_embeddings" in outputs:
        want = outputs["coordinate_embeddings"]
        got = geometry(batch["region_boxes"][places.objects][: len(want)], want[0].numel())
        yield differ("coordinate_embeddings", got.view_as(want), want)
    yield _at(places.objects, "obj_reps", looks, outputs)
    yield from _echoed(batch, seen, torch.cat([looks, roles], dim=-1), places, outputs)
    walked = yield from _walked(encoder, batch, encoder.elements(batch, seen, looks, roles), places, outputs)
    yield differ(
        "last state (forward)", places.packed(encoder(batch)), places.recorded(outputs[f"hidden_states.{len(walked)}"])
    )
    yield differ("pooled", encoder.pooler(walked[-1]), outputs["pooled"])
    loss = yield from (_pretrained if model.objective is not None else _answered)(
        model, batch, walked[-1], places, outputs
    )
    loss.backward()
    yield from _gradients(parameters(model), outputs)


def _echoed(batch: Tensors, seen: Tensor, objects: Tensor, places: Places, outputs: Tensors) -> Iterator[Row]:
    """What the authors' module hands to their encoder, and what they make of it: positions, segments, masks."""
    for name, field in ECHOED.items():
        yield differ(name, batch[field][places.text], outputs[name][places.text], exact=True)
    yield differ("arg.text_mask", batch["document"], outputs["arg.text_mask"], exact=True)
    regions = batch["regions"][:, : outputs["arg.object_mask"].shape[1]]
    yield differ("arg.object_mask", regions, outputs["arg.object_mask"], exact=True)
    yield _at(places.text, "arg.text_visual_embeddings", seen, outputs)
    yield _at(places.objects, "arg.object_vl_embeddings", objects, outputs)
    length, slots = batch["input_ids"].shape[1], outputs["attention_mask"].shape[1]
    end = length + batch["regions"].shape[1]
    ranges = {"text_positions": (0, length), "object_positions": (length, end), "attention_mask": (0, end + 1)}
    for name, (first, last) in ranges.items():
        yield differ(name, places.kind(first, last, slots), outputs[name], exact=True)
    after = batch["document"].sum(1, keepdim=True)
    positions = torch.cat([batch["position_ids"], after.expand(-1, end - length), after + 1], dim=1)
    visual = torch.full((len(after), end - length + 1), 2)
    segments = torch.cat([batch["segment_ids"], visual], dim=1)
    for name, ours in (("position_ids", positions), ("token_type_ids", segments)):
        yield differ(name, places.packed(ours), places.recorded(outputs[name]), exact=True)


def _walked(encoder: VlBert, batch: Tensors, states: Tensor, places: Places, outputs: Tensors) -> Iterator[Row]:
    """The states before the layers and after each; returns those after each."""
    yield differ("embedding_output", places.packed(states), places.recorded(outputs["embedding_output"]))
    relations, walked = encoder.relations(batch), []
    for number, layer in enumerate(encoder.stack.layers, start=1):
        if f"attention_probs.{number}" in outputs:
            yield _attention(number, layer, states, places, outputs)
        states = layer(states, relations)
        walked.append(states)
        name = f"hidden_states.{number}"
        yield differ(name, places.packed(states), places.recorded(outputs[name]))
        text, regions = encoder.split(states, batch)
        if f"text_out.{number}" in outputs:
            yield _at(places.text, f"text_out.{number}", text, outputs)
            yield _at(places.objects, f"object_out.{number}", regions, outputs)
    return walked


def _attention(number: int, layer: torch.nn.Module, states: Tensor, places: Places, outputs: Tensors) -> Row:
    """The probabilities among the elements of each row, written out."""
    name, attention = f"attention_probs.{number}", layer.read.attention
    asked, found = (
        part(states).unflatten(-1, (attention.heads, -1)).transpose(1, 2) for part in (attention.query, attention.key)
    )
    scores = asked @ found.transpose(-1, -2) / asked.shape[-1] ** 0.5  # [B, H, Q, K]
    got, want = [], []
    for row in range(len(states)):
        own, slots = places.own[places.rows == row], places.slots[places.rows == row]
        got.append(scores[row][:, own][:, :, own].softmax(-1).flatten())
        want.append(outputs[name][row][:, slots][:, :, slots].flatten())
    return differ(name, torch.cat(got), torch.cat(want))


def _pretrained(model: Converted, batch: Tensors, states: Tensor, places: Places, outputs: Tensors) -> Iterator[Row]:
    """Logits and losses of the three terms; returns their sum."""
    encoder, objective = model.encoder, model.objective
    text, regions = encoder.split(states, batch)
    terms = objective.terms
    yield _at(places.text, "mlm_logits", terms["masked_words"].logits(encoder, text), outputs)
    yield _at(places.objects, "mvrc_logits", terms["masked_regions"].logits(regions), outputs)
    yield differ("relationship_logits", terms["sentence_image"].logits(encoder, states), outputs["relationship_logits"])
    losses = objective(encoder, batch)
    names = {
        "mlm_loss": "masked_words",
        "mvrc_loss": "masked_regions",
        "relationship_loss": "sentence_image",
        "loss": "loss",
    }
    for theirs, ours in names.items():
        yield differ(theirs, losses[ours], outputs[theirs])
    flipped = {
        "mlm_loss": _by_rows(
            terms["masked_words"].logits(encoder, text), batch["mlm_labels"], batch["mlm_labels"] >= 0
        ),
        "mvrc_loss": _by_rows(
            terms["masked_regions"].logits(regions), batch["region_labels"], batch["region_labels"].sum(-1) > 0.5
        ),
        "relationship_loss": losses["sentence_image"],
    }
    for name, loss in (flipped | {"loss": sum(flipped.values())}).items():
        yield differ(f"{FLIPPED}{name}", loss, outputs[f"{FLIPPED}{name}"])
    return losses["loss"]


def _by_rows(logits: Tensor, gold: Tensor, asked: Tensor) -> Tensor:
    """The authors' other mean of a loss, over the rows that ask for anything."""
    sums = torch.stack([cross_entropy(one[m], g[m]) * m.sum() for one, g, m in zip(logits, gold, asked)])
    counts = asked.sum(1)
    return (sums / (counts + SMALL)).sum() / ((counts > 0).sum() + SMALL)


def _answered(model: Converted, batch: Tensors, states: Tensor, places: Places, outputs: Tensors) -> Iterator[Row]:
    """Scores of the answers; returns the loss."""
    logits = model.head(model.encoder, batch)
    for name in ("label_logits", "inference.label_logits"):
        yield differ(name, logits, outputs[name])
    loss = model.head.loss(logits, batch)
    yield differ("loss", loss, outputs["loss"])
    return loss


def _gradients(named: Tensors, outputs: Tensors) -> Iterator[Row]:
    """All recorded ones, those of which only the norm was kept included."""
    for name in outputs:
        if name.startswith("grad."):
            yield differ(name, named[name.removeprefix("grad.")].grad, outputs[name])
    if "gradnorm.obj_downsample_weight" in outputs:
        grad = named["image_feature_extractor.obj_downsample.1.weight"].grad
        want = outputs["gradnorm.obj_downsample_weight"]  # 80, which processors sum up to different last digits
        yield differ("gradnorm.obj_downsample_weight", grad.norm(), want, limit=1e-5 * want.item())


def _at(mask: Tensor, name: str, got: Tensor, outputs: Tensors) -> Row:
    """Compare where the mask is set; their tensors may be narrower than the mask."""
    rows, places = mask.nonzero(as_tuple=True)
    return differ(name, got[rows, places], outputs[name][rows, places])
