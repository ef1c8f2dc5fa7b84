"""Image regions as vectors: where they lie, how they look, and what stands in for one that is hidden."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kplm.config import VlBertConfig
from kplm.errors import KplmError, MissingFieldError
from kplm.fields import Batch
from kplm.nn.dropout import Dropout

BASE, SCALE = 1000.0, 100.0
SMALL = 1e-5
"""Keeps the mean of no region at all finite, as in the authors' code."""


class RegionFeatures(nn.Module, ABC):
    """A batch in, ``[B, R, W]`` features of its regions out, those of hidden regions made unreadable."""

    reads: frozenset[str]
    """Batch fields it needs."""
    hidden: nn.Embedding | None
    """``[1, W]``, what is put in the place of a hidden feature; None where pixels are hidden instead."""

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """``[B, R, W]`` float."""


class Stored(RegionFeatures):
    """Features that come with the batch; a hidden region has one learned feature in the place of its own (Su et al., 2020, section 3.3).

    Where the feature of the whole picture is the mean of the others, it is that of those that are not hidden, as in the
    authors' code; else it would tell of what is hidden.
    """

    reads = frozenset({"region_features"})

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden: nn.Embedding = nn.Embedding(1, width)

    def forward(self, batch: Batch) -> Tensor:
        """``[B, R, W]`` float.

        Raises:
            KplmError: the features of the batch have another width.
        """
        features, width = batch["region_features"], self.hidden.embedding_dim
        if features.shape[-1] != width and features.shape[1]:
            raise KplmError(
                f"the region features are {features.shape[-1]} numbers wide, but this model reads {width}. "
                f"Set feature_width={features.shape[-1]} for a model that starts fresh, or extract the features it was trained on."
            )
        if not features.shape[1]:  # no picture in the whole batch; of whatever width it says nothing
            return self.hidden.weight[None, :0].expand(len(features), 0, width)
        hidden = hidden_regions(batch)
        if "mean_region" in batch and "hidden_regions" in batch:
            features = _with_mean(features, batch["mean_region"] > 0, batch["regions"].ne(0) & ~hidden)
        return torch.where(hidden[..., None], self.hidden.weight.to(features.dtype), features)


class Computed(RegionFeatures):
    """Features a vision module computes from pixels while the model trains; hidden regions are blacked out before it looks.

    As in the authors' code a region that overlaps a hidden one loses those pixels too, the whole picture included. Rows that follow
    each other and show the same, as the choices of a question do, are looked at once.

    Args:
        module: has a ``width`` and maps pictures ``[B, 3, Y, X]``, boxes ``[B, R, 4]``, regions ``[B, R]`` and sizes ``[B, 2]``
            to ``[B, R, width]``; where the batch has ``region_masks`` these are handed over too, ``[B, R, S, S]``.
    """

    reads = frozenset({"picture", "picture_size"})
    hidden = None

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Batch) -> Tensor:
        """``[B, R, W]`` float."""
        sizes, boxes = batch["picture_size"], batch["region_boxes"]
        picture = batch["picture"].masked_fill(covered(batch, boxes, sizes), 0.0)
        masks = [batch["region_masks"]] if "region_masks" in batch else []
        given = [picture, boxes, batch["regions"], sizes, *masks]
        first, again = _distinct(given)
        return self.module(*(values[first] for values in given))[again]


class RegionEmbedding(nn.Module):
    """Geometry and feature side by side, dropout, a linear map, ReLU (Su et al., 2020, section 3.2)."""

    def __init__(self, config: VlBertConfig) -> None:
        super().__init__()
        self.geometry_width = config.geometry_width
        self.dropout = Dropout(config.dropout)
        self.dense = nn.Linear(config.geometry_width + config.feature_width, config.visual_size)

    def forward(self, boxes: Tensor, features: Tensor) -> Tensor:
        """Boxes ``[B, R, 4]`` in parts of the picture and features ``[B, R, W]`` to looks ``[B, R, V]``."""
        place = geometry(boxes, self.geometry_width)
        both = torch.cat([place.to(features.dtype), features], dim=-1)
        return torch.relu(self.dense(self.dropout(both.to(self.dense.weight.dtype))))


class Look(nn.Module):
    """A visual vector as a term beside the words: a linear map where the widths differ, then a learned scale."""

    def __init__(self, config: VlBertConfig) -> None:
        super().__init__()
        wide, narrow = config.hidden, config.visual_size
        self.project = nn.Identity() if wide == narrow else nn.Linear(narrow, wide)
        self.scale = nn.LayerNorm(wide, eps=config.eps) if config.visual_scale == "norm" else Factor()
        nn.init.constant_(self.scale.weight, config.visual_init)

    def forward(self, looks: Tensor) -> Tensor:
        """``[..., V]`` to ``[..., D]``."""
        return self.scale(self.project(looks))


class Factor(nn.Module):
    """One learned number that everything is multiplied with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, states: Tensor) -> Tensor:
        """Any shape in and out."""
        return states * self.weight


class FrozenWords(nn.Embedding):
    """A frozen word table whose first rows, the special tokens among them, are read from a trained copy."""

    def __init__(self, config: VlBertConfig) -> None:
        super().__init__(config.vocab_size, config.hidden)
        self.weight.requires_grad_(False)
        self.special = nn.Embedding(config.special_words, config.hidden)

    def forward(self, ids: Tensor) -> Tensor:
        """``[B, L]`` to ``[B, L, D]``."""
        rows = self.special.num_embeddings
        return torch.where((ids < rows)[..., None], self.special(ids.clamp(max=rows - 1)), super().forward(ids))

    @torch.no_grad()
    def copy_special(self) -> None:
        """Let the trained rows begin as the frozen ones are."""
        self.special.weight.copy_(self.weight[: self.special.num_embeddings])


def geometry(boxes: Tensor, width: int) -> Tensor:
    """Sinusoidal embedding of box centre, width and height (Su et al., 2020, section 3.2).

    Args:
        boxes: ``[..., 4]`` float, x1, y1, x2, y2 as parts of the picture.
        width: numbers a box, a multiple of 8.

    Returns: ``[..., width]`` float: for centre x, centre y, width and height in turn, all sines, then all cosines.
    """
    low, high = boxes[..., :2], boxes[..., 2:]
    place = SCALE * torch.cat([(low + high) / 2, high - low], dim=-1)  # [..., 4]
    steps = torch.arange(width // 8, dtype=boxes.dtype, device=boxes.device) / (width // 8)
    angles = place[..., None] / BASE**steps  # [..., 4, width / 8]
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def hidden_regions(batch: Batch) -> Tensor:
    """``[B, R]`` bool: the regions a masker hid; none where no masker ran."""
    found = batch.get("hidden_regions")
    return torch.zeros_like(batch["regions"], dtype=torch.bool) if found is None else found > 0


def covered(batch: Batch, boxes: Tensor, sizes: Tensor) -> Tensor:
    """``[B, 1, Y, X]`` bool: the pixels that a hidden region touches."""
    height, width = batch["picture"].shape[-2:]
    corners = boxes * torch.cat([sizes, sizes], dim=-1)[:, None].to(boxes.dtype)  # [B, R, 4] in pixels
    rows = _touched(corners[..., 1], corners[..., 3], height) & hidden_regions(batch)[..., None]  # [B, R, Y]
    columns = _touched(corners[..., 0], corners[..., 2], width)  # [B, R, X]
    return (rows.float().transpose(1, 2) @ columns.float() > 0)[:, None]


def _distinct(given: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """``[B]`` bool, the rows that differ from the one before; ``[B]`` int, the number among these of what each row shows."""
    first = torch.ones(len(given[0]), dtype=torch.bool, device=given[0].device)
    first[1:] = torch.stack([(values[1:] != values[:-1]).flatten(1).any(1) for values in given]).any(0)
    return first, first.cumsum(0) - 1


def required(reader: nn.Module, batch: Batch, fields: frozenset[str]) -> None:
    """Refuse a batch that lacks a field.

    Raises:
        MissingFieldError: names the first one.
    """
    for field in sorted(fields - set(batch)):
        raise MissingFieldError(type(reader).__name__, field, batch)


def _with_mean(features: Tensor, asked: Tensor, seen: Tensor) -> Tensor:
    """Features ``[B, R, W]`` whose first is the mean of the others that are ``seen`` ``[B, R]``, in the rows ``asked`` ``[B]``."""
    shares = seen[:, 1:].to(features.dtype)
    mean = (shares[:, None] @ features[:, 1:]) / (shares.sum(1)[:, None, None] + SMALL)  # [B, 1, W]
    first = torch.where(asked[:, None, None], mean, features[:, :1])
    return torch.cat([first, features[:, 1:]], dim=1)


def _touched(low: Tensor, high: Tensor, length: int) -> Tensor:
    pixels = torch.arange(length, device=low.device)
    return (pixels + 1 > low[..., None]) & (pixels <= high[..., None])
