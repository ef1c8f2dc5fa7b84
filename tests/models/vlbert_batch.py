"""A tiny VL-BERT and made-up batches for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from kplm.config import VlBertConfig
from kplm.fields import IGNORE
from kplm.models import VlBert

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden": 16,
    "layers": 2,
    "heads": 2,
    "ffn": 24,
    "positions": 20,
    "visual_size": 16,
    "feature_width": 12,
    "geometry_width": 16,
    "region_classes": 5,
    "visual_init": 0.7,
    "init_std": 0.2,
}


def tiny_vlbert(seed: int = 0, **changes: Any) -> VlBert:
    """A random model; equal seeds give equal weights."""
    torch.manual_seed(seed)
    model = VlBert(VlBertConfig(**{**SIZES, **changes}))
    torch.nn.init.normal_(model.features.hidden.weight)
    return model.eval()


def made_up(
    words: Sequence[int] = (6, 4), regions: Sequence[int] = (3, 2), pad: tuple[int, int] = (0, 0), seed: int = 1
) -> dict[str, Tensor]:
    """Texts and pictures of these sizes; ``pad`` more columns of each are padding."""
    torch.manual_seed(seed)
    length, count = max(words) + pad[0], max(regions) + pad[1]
    order, number = torch.arange(length).expand(len(words), -1), torch.arange(count).expand(len(words), -1)
    document, real = order < torch.tensor(words)[:, None], number < torch.tensor(regions)[:, None]
    shape = (len(words), max(words))
    ids, corners = torch.randint(5, SIZES["vocab_size"], shape), torch.rand(len(words), max(regions), 2, 2)
    features = torch.randn(len(words), max(regions), SIZES["feature_width"], dtype=torch.float64)
    boxes = corners.sort(dim=2).values.flatten(2).double()
    return {
        "input_ids": _wider(ids, length) * document,
        "document": document.long(),
        "position_ids": order * document,
        "segment_ids": torch.zeros_like(order),
        "regions": real.long(),
        "region_boxes": _wider(boxes, count) * real[..., None],
        "region_features": _wider(features, count) * real[..., None],
    }


def labelled(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch with something to predict for every task; the third region of the first row is hidden."""
    torch.manual_seed(2)
    rows, length = batch["input_ids"].shape
    count = batch["regions"].shape[1]
    hidden = torch.zeros(rows, count, dtype=torch.long)
    hidden[0, 2] = 1
    asked = hidden.clone()
    asked[1, 1] = 1
    words = torch.full((rows, length), IGNORE)
    words[0, 1], words[1, 2] = 7, 9
    return batch | {
        "hidden_regions": hidden,
        "region_labels": torch.rand(rows, count, SIZES["region_classes"]).softmax(-1) * asked[..., None],
        "mlm_labels": words,
        "sentence_image": torch.tensor([1, 0]),
    }


def _wider(tensor: Tensor, columns: int) -> Tensor:
    more = tensor.new_zeros(len(tensor), columns - tensor.shape[1], *tensor.shape[2:])
    return torch.cat([tensor, more], dim=1)
