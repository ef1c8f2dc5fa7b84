"""Tiny models of every system with a loss of their own, and made-up batches of any lengths for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kplm.data.packing import shared_rows
from kplm.fields import IGNORE, PACKED
from kplm.heads import Classify
from kplm.models import BaseEncoder
from kplm.objectives import (
    EntityDenoising,
    MaskedRegions,
    MaskedWords,
    NextSentence,
    SentenceImage,
    Supersenses,
    Term,
    Weighted,
)
from tests.conftest import SIZES, WIDTH, tiny_encoder, tiny_ernie
from tests.models.sembert_batch import batch_of as role_batch
from tests.models.sembert_batch import tiny_sembert
from tests.models.sensebert_words import VOCABULARY, tiny_sensebert
from tests.models.vlbert_batch import SIZES as SEEN
from tests.models.vlbert_batch import made_up, tiny_vlbert

Tensors = dict[str, Tensor]
Loss = Callable[[BaseEncoder, Tensors], Tensor]
SLOTS = 3


CLOSE: dict[str, float] = {"atol": 1e-10, "rtol": 1e-8}
SHORTENED = ("bert", "kbert", "sensebert", "vlbert")
"""Systems whose last layer is BERT's, with nothing behind it that reads all states."""


@dataclass(frozen=True)
class System:
    """One of the models in float64 without dropout, what it is trained with, and batches for it."""

    encoder: BaseEncoder
    top: nn.Module
    loss: Loss
    batch: Callable[[Sequence[int]], Tensors]

    def elements(self, batch: Tensors) -> Tensor:
        """``[B, L']`` bool: what of the states is no padding."""
        parts = [batch["document"]]
        if "regions" in batch:
            parts += [batch["regions"], torch.ones(len(parts[0]), 1)]
        return torch.cat(parts, dim=1) > 0


def text(lengths: Sequence[int], words: int = SIZES["vocab_size"]) -> Tensors:
    """Random texts of these lengths, about a third of their words asked for."""
    torch.manual_seed(sum(lengths) + 31 * len(lengths))
    order = torch.arange(max(lengths)).expand(len(lengths), -1)
    real = order < torch.tensor(lengths)[:, None]
    asked = real & (torch.rand(real.shape) < 0.3)
    return {
        "input_ids": torch.randint(5, words, real.shape) * real,
        "document": real.long(),
        "position_ids": order * real,
        "segment_ids": torch.randint(0, 2, real.shape) * real,
        "mlm_labels": torch.randint(5, words, real.shape).masked_fill(~asked, IGNORE),
        "next_sentence": torch.randint(0, 2, (len(lengths),)),
        "label": torch.randint(0, 3, (len(lengths),)),
    }


def tree(lengths: Sequence[int]) -> Tensors:
    """Texts whose words hang from each other at random."""
    fields = text(lengths)
    anchor, branch = (torch.randint(0, 3, fields["document"].shape) * fields["document"] for _ in range(2))
    return fields | {"anchor": anchor, "branch": branch}


def several(lengths: Sequence[int]) -> Tensors:
    """Rows of which each holds two texts already, as far as it is long enough."""
    fields = text(lengths)
    return fields | {"document": fields["document"] * (1 + (fields["position_ids"] > 2))}


def linked(lengths: Sequence[int]) -> Tensors:
    """Texts with the sentence slot and one or two entities, or none."""
    fields, rows = text(lengths), len(lengths)
    last = torch.tensor(lengths) - 1
    filled = torch.rand(rows, SLOTS) < 0.7
    filled[:, 0] = True
    positions = torch.stack([0 * last, last, last // 2], 1) * filled
    vectors = torch.randn(rows, SLOTS, WIDTH, dtype=torch.float64) * filled[..., None]
    vectors[:, 0] = 0
    return fields | {
        "entity_positions": positions,
        "entity_ids": torch.tensor([0, 2, 3]).expand(rows, -1).masked_fill(~filled, -1),
        "entity_vectors": vectors,
        "entity_labels": torch.randint(1, 4, filled.shape).masked_fill(~filled, IGNORE),
        "candidate_vectors": torch.cat([torch.zeros(1, WIDTH), torch.randn(3, WIDTH)]).double(),
    }


def sensed(lengths: Sequence[int]) -> Tensors:
    """Texts in the words that have supersenses."""
    return text(lengths, len(VOCABULARY))


def described(lengths: Sequence[int]) -> Tensors:
    """Texts whose words have pieces and roles."""
    rows = [[2] * (length // 2) + [1] * (length % 2) for length in lengths]
    return role_batch(rows) | {"label": torch.arange(len(lengths)) % 3}


def pictured(lengths: Sequence[int]) -> Tensors:
    """Texts with one to three regions, the last of some hidden."""
    counts = [1 + length % 3 for length in lengths]
    fields = made_up(lengths, counts)
    hidden = torch.zeros_like(fields["regions"])
    hidden[0, counts[0] - 1] = 1
    classes = torch.rand(*hidden.shape, SEEN["region_classes"], dtype=torch.float64).softmax(-1)
    labels = {"region_labels": classes * hidden[..., None], "sentence_image": torch.arange(len(lengths)) % 2}
    words = (
        fields["input_ids"]
        .masked_fill(fields["position_ids"] != 1, IGNORE)
        .masked_fill(fields["document"] == 0, IGNORE)
    )
    return fields | labels | {"hidden_regions": hidden, "mlm_labels": words}


def pretrained(encoder: BaseEncoder, terms: Sequence[Term], batch: Callable[[Sequence[int]], Tensors]) -> System:
    """A system with an objective."""
    top = Weighted(terms)
    top.build(encoder)
    return System(encoder.double().eval(), top.double().eval(), lambda own, fields: top(own, fields)["loss"], batch)


def finetuned(encoder: BaseEncoder, batch: Callable[[Sequence[int]], Tensors], head: Any = None) -> System:
    """A system with a head on three classes."""
    top = head or Classify()
    top.build(encoder, ("a", "b", "c"))
    return System(
        encoder.double().eval(), top.double().eval(), lambda own, fields: top.loss(top(own, fields), fields), batch
    )


def systems() -> dict[str, Callable[[], System]]:
    """By name, each built when it is asked for."""
    return {
        "bert": lambda: pretrained(tiny_encoder(), [MaskedWords(), NextSentence()], text),
        "packed corpus": lambda: pretrained(tiny_encoder(), [MaskedWords()], several),
        "kbert": lambda: finetuned(tiny_encoder(), tree),
        "ernie_thu": lambda: pretrained(tiny_ernie(), [MaskedWords(), NextSentence(), EntityDenoising()], linked),
        "sensebert": lambda: pretrained(tiny_sensebert(), [MaskedWords(), Supersenses()], sensed),
        "sembert": lambda: finetuned(tiny_sembert(tag_encoder="gru"), described),
        "sembert as released": lambda: finetuned(tiny_sembert(compat=True), described),
        "vlbert": lambda: pretrained(tiny_vlbert(), [MaskedWords(), MaskedRegions(), SentenceImage()], pictured),
    }


@cache
def system(name: str) -> System:
    return systems()[name]()


def packed(own: System, batch: Tensors, room: Any) -> Tensors:
    return {**batch, PACKED: shared_rows(own.elements(batch).sum(1).numpy(), room)}


def some(batch: Tensors, count: int = 3, seed: int = 0) -> Tensor:
    """``[B, count]`` positions of tokens that are no padding, some of them twice."""
    draw = np.random.default_rng(seed)
    rows = [draw.choice(np.flatnonzero(row), count) for row in batch["document"].numpy()]
    return torch.from_numpy(np.stack(rows))
