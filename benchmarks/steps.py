"""Training steps of our models and of transformers' BERT: the same head, the same optimizer, autocast alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertModel

from benchmarks.harness import Step
from kplm.fields import Batch
from kplm.models import BaseEncoder

CLASSES = 16
Pool = Callable[[Batch], Tensor]


def fine_tuning(model: nn.Module, pool: Pool, batches: Sequence[Batch], precision: str, device: str) -> Step:
    """A step that classifies texts by what ``pool`` makes of a batch, ``[B, D]``.

    Args:
        model: its parameters are trained.
        pool: runs it.
        batches: taken in turn.
        precision: 'float32' or 'bfloat16'.
        device: where to.
    """
    placed = [moved(batch, device) for batch in batches]
    model.to(device)
    with torch.no_grad():
        head = nn.Linear(pool(placed[0]).shape[-1], CLASSES).to(device)

    def loss(batch: Batch) -> Tensor:
        gold = torch.arange(len(batch["document"]), device=device) % CLASSES
        return F.cross_entropy(head(pool(batch)).float(), gold)

    return training([model, head], loss, placed, precision)


def training(
    modules: Sequence[nn.Module], loss: Callable[[Batch], Tensor], batches: Sequence[Batch], precision: str
) -> Step:
    """Forward, backward and AdamW on one batch after the other."""
    update = updating(modules, precision)
    return lambda number: update(lambda: loss(batches[number % len(batches)]))


def updating(modules: Iterable[nn.Module], precision: str) -> Callable[[Callable[[], Tensor]], None]:
    """What one update takes, given the loss as a function that is called under autocast."""
    weights = [weight for module in modules for weight in module.train().parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-5, fused=True)
    kind, device = getattr(torch, precision), weights[0].device.type

    def update(loss: Callable[[], Tensor]) -> None:
        with torch.autocast(device, dtype=kind, enabled=kind != torch.float32):
            value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad()

    return update


def ours(model: BaseEncoder) -> Pool:
    """The pooled output of an encoder of ours."""

    def pool(batch: Batch) -> Tensor:
        assert model.pooler is not None
        return model.pooler(model(batch, model.pooler.positions(batch)), batch)

    return pool


def theirs(model: BertModel) -> Pool:
    """That of transformers' BERT on the same fields; a sentence tree is read through its visible matrix."""
    return lambda batch: model(**inputs(batch)).pooler_output


def inputs(batch: Batch) -> dict[str, Any]:
    """The arguments of transformers' BERT."""
    found = {"input_ids": batch["input_ids"], "token_type_ids": batch["segment_ids"]}
    found |= {"position_ids": batch["position_ids"], "attention_mask": (batch["document"] != 0).long()}
    return found | ({"attention_mask": batch["visible"]} if "visible" in batch else {})


def moved(batch: Batch, device: str) -> dict[str, Tensor]:
    """The batch on a device."""
    return {name: value.to(device) for name, value in batch.items()}
