"""From the authors' packed rows to places in ours, and the batch a recorded input is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kplm.fields import IGNORE

Tensors = dict[str, Tensor]
CLS, SEP, MASK = 2, 3, 4
"""Of the made-up vocabulary."""
PADDING = -1.5
"""Corners of padding boxes are below it."""


@dataclass(frozen=True)
class Places:
    """Where the elements of packed rows stand in ours: N elements, found by row, packed slot and own place."""

    text: Tensor
    """``[B, L]`` bool."""
    objects: Tensor
    """``[B, R]`` bool."""
    rows: Tensor
    slots: Tensor
    own: Tensor

    @classmethod
    def of(cls, text: Tensor, objects: Tensor) -> Places:
        """From the two masks; [END] is the last element of a row."""
        real = torch.cat([text, objects, torch.ones(len(text), 1)], dim=1) > 0  # [B, L + R + 1]
        rows, own = real.nonzero(as_tuple=True)
        return cls(text > 0, objects > 0, rows, (real.cumsum(1) - 1)[rows, own], own)

    def packed(self, ours: Tensor) -> Tensor:
        """Our ``[B, L + R + 1, ...]`` in the order of the elements, ``[N, ...]``."""
        return ours[self.rows, self.own]

    def recorded(self, theirs: Tensor) -> Tensor:
        """Their ``[B, slots, ...]`` in the order of the elements, ``[N, ...]``."""
        return theirs[self.rows, self.slots]

    def kind(self, first: int, last: int, slots: int) -> Tensor:
        """``[B, slots]`` 0/1: packed slots whose own place is in this range, the masks the authors record."""
        found = torch.zeros(len(self.text), slots, dtype=torch.uint8)
        inside = (self.own >= first) & (self.own < last)
        found[self.rows[inside], self.slots[inside]] = 1
        return found


def text_batch(ids: Tensor, segments: Tensor, mask: Tensor) -> Tensors:
    """The fields of a text."""
    order = torch.arange(ids.shape[1]).expand_as(ids)
    return {"input_ids": ids, "segment_ids": segments, "document": (mask > 0).long(), "position_ids": order}


def picture_batch(inputs: Tensors) -> Tensors:
    """The fields of boxes with stored features; padding is zeros."""
    real, sizes = inputs["boxes"][..., 0] > PADDING, inputs["im_info"][:, :2]
    boxes = inputs["boxes"] / torch.cat([sizes, sizes], dim=-1)[:, None]
    return {
        "regions": real.long(),
        "region_boxes": boxes * real[..., None],
        "region_features": inputs["box_features"].float() * real[..., None],
    }


def caption_batch(inputs: Tensors) -> Tensors:
    """A step of pretraining."""
    text = inputs["text"]
    return text_batch(text, torch.zeros_like(text), text > 0) | {
        **picture_batch(inputs),
        "hidden_regions": inputs["mvrc_ops"],
        "region_labels": inputs["mvrc_labels"],
        "mlm_labels": inputs["mlm_labels"].masked_fill(inputs["mlm_labels"] < 0, IGNORE),
        "sentence_image": inputs["relationship_label"],
    }


def question_batch(inputs: Tensors) -> Tensors:
    """Questions, each with [MASK] as its second text."""
    questions = [row[row > 0].tolist() for row in inputs["question"]]
    rows = [[CLS, *one, SEP, MASK, SEP] for one in questions]
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    starts = torch.tensor([[len(one) + 2] for one in questions])
    segments = ((torch.arange(length) >= starts) & (ids > 0)).long()
    return text_batch(ids, segments, ids > 0) | picture_batch(inputs) | {"labels": inputs["label"]}
