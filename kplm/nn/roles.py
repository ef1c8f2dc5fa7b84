"""Semantic roles as vectors beside the words (Zhang et al., 2020, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from kplm.config import SemBertConfig
from kplm.nn.dropout import Dropout

PADDING = 0
"""The tag behind the last word of a row."""


class LinearTags(nn.Linear):
    """Reads each tag by itself: what the authors released."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width)

    def forward(self, tags: Tensor, counts: Tensor) -> Tensor:  # type: ignore[override]
        """``[N, S, T]`` to ``[N, S, T]``; ``counts`` is not read."""
        return super().forward(tags)


class GruTags(nn.Module):
    """Reads the tags of a structure along its words, both ways (the paper's BiGRU); padding is not read.

    Args:
        width: width T of a tag.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, width, bidirectional=True, batch_first=True)
        self.output = nn.Linear(2 * width, width)

    def forward(self, tags: Tensor, counts: Tensor) -> Tensor:
        """``[N, S, T]`` to ``[N, S, T]``, of which ``counts [N]`` words are real in each row."""
        with torch.autocast(tags.device.type, enabled=False):
            return self.output(self.read(tags.to(self.output.weight.dtype), counts))

    def read(self, tags: Tensor, counts: Tensor) -> Tensor:
        """``[N, S, T]`` to ``[N, S, 2T]``."""
        packed = pack_padded_sequence(tags, counts.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=tags.shape[1])[0]


class AuthorsGruTags(GruTags):
    """The same as the released code computes it: on the way back, padding is read first."""

    def read(self, tags: Tensor, counts: Tensor) -> Tensor:
        """``[N, S, T]`` to ``[N, S, 2T]``."""
        return self.gru(tags)[0]


class Roles(nn.Module):
    """A vector a word from its tags in all structures: table, LayerNorm, tag encoder, and one linear map that joins them.

    Args:
        config: sizes.
        encode: reads the tags of one structure, ``([N, S, T], counts [N]) -> [N, S, T]``.
    """

    def __init__(self, config: SemBertConfig, encode: nn.Module) -> None:
        super().__init__()
        self.table = nn.Embedding(config.tag_rows, config.tag_width, padding_idx=PADDING)
        self.norm = nn.LayerNorm(config.tag_width, eps=config.eps)
        self.dropout = Dropout(config.dropout)
        self.encode = encode
        self.join = nn.Linear(config.aspects * config.tag_width, config.tag_width)

    def forward(self, tags: Tensor, counts: Tensor) -> Tensor:
        """``[B, A, S]`` int, of which ``counts [B]`` words are real in each row, to ``[B, S, T]``."""
        return self.join(self.structures(tags, counts).transpose(1, 2).flatten(2))

    def structures(self, tags: Tensor, counts: Tensor) -> Tensor:
        """The structures one by one, ``[B, A, S]`` to ``[B, A, S, T]``."""
        found = self.dropout(self.norm(self.table(tags))).flatten(0, 1)
        encoded = self.encode(found, counts.repeat_interleave(tags.shape[1]))  # [B * A, S, T]
        return encoded.unflatten(0, tags.shape[:2])
