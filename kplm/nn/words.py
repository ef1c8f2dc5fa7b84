"""From sub-words to words and back (Zhang et al., 2020, section 3.3).

A word is numbered from 1 by ``word_of [B, L]``; 0 is padding. All is done along the tokens: nothing is as long as the longest word.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.nn.dropout import Dropout
from kplm.nn.pooling import taken

KERNEL = 3
"""Pieces a window holds."""


class WordStates(nn.Module):
    """One state a word: a convolution over its pieces, ReLU, the largest value among its windows.

    A window begins at each piece of a word and holds what follows of the word, at most :data:`KERNEL` pieces; so the state of a
    word depends on its own pieces alone.

    Args:
        config: sizes.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.windows = nn.Conv1d(config.hidden, config.hidden, KERNEL)
        self.dropout = Dropout(config.dropout)

    def forward(self, states: Tensor, word_of: Tensor, count: int) -> Tensor:
        """States of tokens to states of words; those behind the last word of a row mean nothing.

        Args:
            states: ``[B, L, D]`` float.
            word_of: ``[B, L]`` int, see the top of this file.
            count: S, words of the longest row.

        Returns: ``[B, S, D]`` float.
        """
        return self.dropout(self.largest(self.convolved(states, word_of), word_of, count))

    def convolved(self, states: Tensor, word_of: Tensor) -> Tensor:
        """The window that begins at each token, ``[B, L, D]`` to ``[B, L, D]``."""
        length = states.shape[1]
        ahead, words = F.pad(states, (0, 0, 0, KERNEL - 1)), F.pad(word_of, (0, KERNEL - 1), value=-1)
        places = [slice(first, first + length) for first in range(KERNEL)]
        held = [ahead[:, place] * (words[:, place] == word_of)[..., None] for place in places]
        weight = self.windows.weight.flatten(1)  # [D, D * KERNEL]
        return F.linear(torch.stack(held, dim=-1).flatten(2), weight, self.windows.bias)

    def largest(self, windows: Tensor, word_of: Tensor, count: int) -> Tensor:
        """The largest of each word's windows, ``[B, L, D]`` to ``[B, S, D]``; the zeros it begins with are the ReLU."""
        found = windows.new_zeros(len(windows), count + 1, windows.shape[2])
        return found.scatter_reduce(1, word_of[..., None].expand_as(windows), windows, "amax")[:, 1:]


class AuthorsWordStates(WordStates):
    """The same as the released code computes it, where the longest word of the batch decides which windows a word has.

    With K pieces in that word, every word has K - 2 windows, padding included: the last windows of the longest words are
    missing, short words have empty ones, and padding counts as a word of empty windows. An empty window is ``ReLU(bias)``.
    """

    def largest(self, windows: Tensor, word_of: Tensor, count: int) -> Tensor:
        """The largest of each word's windows, ``[B, L, D]`` to ``[B, S, D]``."""
        at = torch.arange(word_of.shape[1], device=word_of.device).expand_as(word_of)
        table = at.new_zeros(len(at), count + 1)
        pieces = table.scatter_add(1, word_of, torch.ones_like(at)).index_fill(1, at.new_zeros(1), 0)
        first = (table + at.shape[1]).scatter_reduce(1, word_of, at, "amin").gather(1, word_of)
        own = pieces.amax().clamp(min=KERNEL) - (KERNEL - 1)  # windows a word has
        missing = (at - first >= own)[..., None]
        found = super().largest(windows.masked_fill(missing, float("-inf")), word_of, count)
        empty, bias = (pieces < own)[:, 1:, None], self.windows.get_parameter("bias")
        return torch.where(empty, found.maximum(bias), found)


def at_tokens(words: Tensor, word_of: Tensor) -> Tensor:
    """Let every token carry the state of its word, ``[B, S, X]`` to ``[B, L, X]``; padding carries that of the first."""
    return taken(words, (word_of - 1).clamp(min=0))
