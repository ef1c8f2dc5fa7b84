"""A tiny random SemBERT and batches for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from kplm.config import SemBertConfig
from kplm.models import SemBert
from kplm.role_tags import INVENTORIES
from tests.conftest import SIZES

TAGS = INVENTORIES["sembert22"]
Rows = Sequence[Sequence[int]]
"""The pieces of each word, row by row."""


def tiny_sembert(seed: int = 0, **changes: Any) -> SemBert:
    """Equal seeds give equal weights; in evaluation mode."""
    torch.manual_seed(seed)
    config = SemBertConfig(**{**SIZES, "tags": TAGS, "tag_width": 6, "aspects": 2, **changes})
    return SemBert(config).eval()


def batch_of(rows: Rows, seed: int = 1, aspects: int = 2) -> dict[str, Tensor]:
    """Random tokens and tags, those of a row the same in any batch."""
    length, words = max(map(sum, rows)), max(map(len, rows))
    found = {
        name: torch.zeros(len(rows), length, dtype=torch.int64)
        for name in ("input_ids", "document", "word_of", "segment_ids")
    }
    found["position_ids"] = torch.arange(length).expand(len(rows), length)
    found["role_tags"] = torch.zeros(len(rows), aspects, words, dtype=torch.int64)
    for i, row in enumerate(rows):
        random = torch.Generator().manual_seed(seed + 97 * sum(row) + len(row))
        size = sum(row)
        found["input_ids"][i, :size] = torch.randint(5, SIZES["vocab_size"], (size,), generator=random)
        found["document"][i, :size] = 1
        found["word_of"][i, :size] = torch.arange(1, len(row) + 1).repeat_interleave(torch.tensor(row))
        found["role_tags"][i, :, : len(row)] = torch.randint(1, len(TAGS), (aspects, len(row)), generator=random)
    return found
