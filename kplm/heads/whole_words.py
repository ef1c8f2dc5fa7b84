"""Where words begin and end among their tokens, for encoders whose tokens carry the states of words."""

from __future__ import annotations

import torch
from torch import Tensor


def word_edges(word_of: Tensor) -> Tensor:
    """First and last token of the word of each token.

    Args:
        word_of: ``[B, L]`` int, the number of the word; tokens of a word stand side by side.

    Returns: ``[B, L, 2]`` int64.
    """
    at = torch.arange(word_of.shape[1], device=word_of.device).expand_as(word_of)
    starts = torch.ones_like(word_of, dtype=torch.bool)
    starts[:, 1:] = word_of[:, 1:] != word_of[:, :-1]
    ends = starts.roll(-1, 1)  # the first column, which is True, comes last
    first = at.masked_fill(~starts, 0).cummax(1).values
    last = at.masked_fill(~ends, word_of.shape[1]).flip(1).cummin(1).values.flip(1)
    return torch.stack([first, last], dim=-1)
