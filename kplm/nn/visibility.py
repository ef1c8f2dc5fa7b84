"""Who may look at whom: built once a batch from small integers, answered as a mask or as a FlexAttention rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kplm.fields import ALL_VISIBLE, PACKED, Batch

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask


class Visibility(ABC):
    """One rule, two forms: :meth:`mask` for scaled-dot-product attention, :meth:`blocks` for FlexAttention."""

    document: Tensor
    """``[B, L]`` int, the text each position belongs to; 0 is padding."""
    sparse = True
    """Whether whole blocks of a long row are hidden from each other, which FlexAttention skips."""

    @abstractmethod
    def sees(self, batch: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """Whether ``query`` may read ``key`` in row ``batch``: index tensors of any shapes that broadcast, bool out."""

    @property
    def mask_mod(self) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
        """The rule as a plain function, since FlexAttention would count a method's ``self``; all heads see alike."""

        def rule(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return self.sees(batch, query, key)

        return rule

    def dense(self, asking: Tensor | None = None) -> Tensor:
        """The rule written out, ``[B, Q, K]`` bool, for the queries ``asking [B, Q]`` int or for all."""
        rows, length = self.document.shape
        index = torch.arange(length, device=self.document.device)
        row = torch.arange(rows, device=self.document.device)
        queries = index[None] if asking is None else asking
        seen = self.sees(row[:, None, None], queries[..., None], index[None, None, :])
        return seen.expand(rows, queries.shape[1], length)

    def mask(self, asking: Tensor | None = None) -> Tensor | None:
        """The cheapest mask that is right, for the queries ``asking [B, Q]`` int or for all.

        Returns: ``[B, 1, 1|Q, K]`` bool, True where visible, or None when nothing is hidden.
        """
        return self.dense(asking)[:, None]

    def blocks(self) -> BlockMask:
        """Which blocks of 128 positions FlexAttention has to look at; all heads see alike."""
        from torch.nn.attention.flex_attention import create_block_mask

        rows, length = self.document.shape
        return create_block_mask(self.mask_mod, rows, None, length, length, device=self.document.device)


@dataclass(frozen=True)
class Padding(Visibility):
    """One text a row: every position sees every position that is not padding."""

    document: Tensor
    sparse = False

    def sees(self, batch: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """Keys that are not padding are visible, to padded queries too: their rows stay finite and are read by nobody."""
        return (self.document[batch, key] != 0) & (query == query)

    def mask(self, asking: Tensor | None = None) -> Tensor | None:
        """``[B, 1, 1, K]`` bool, or None when no row is padded, as far as one can look."""
        real = self.document != 0
        if can_look(real) and bool(real.all()):
            return None
        return real[:, None, None, :]


@dataclass(frozen=True)
class Documents(Visibility):
    """Several texts packed in a row: a position sees its own text only (block-diagonal)."""

    document: Tensor

    def sees(self, batch: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """Same document number; padding sees padding, so that no row of the mask is empty."""
        return self.document[batch, query] == self.document[batch, key]


@dataclass(frozen=True)
class PerhapsDocuments(Documents):
    """The same where nobody looked: most rows hold one text, in which no block is hidden."""

    sparse = False


@dataclass(frozen=True)
class Tree(Visibility):
    """A sentence grown with triples: the visible matrix of K-BERT (Liu et al., 2020, section 3.3) from two integers a token.

    ``branch`` is 0 on the trunk; ``anchor`` numbers the trunk mention a token belongs to or hangs from, 0 for none.
    Two positions see each other when both are on the trunk, both in one branch, or one is the mention the other hangs from.
    """

    document: Tensor
    branch: Tensor
    anchor: Tensor

    def sees(self, batch: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """The published rule within one document; symmetric, and every position sees itself."""
        asking, answering = self.branch[batch, query], self.branch[batch, key]
        owner = self.anchor[batch, query]
        hangs = (owner == self.anchor[batch, key]) & (owner > 0) & ((asking == 0) | (answering == 0))
        same_text = self.document[batch, query] == self.document[batch, key]
        return same_text & ((asking == answering) | hangs)


def by_fields(batch: Batch) -> Visibility:
    """Choose the rule by the fields the batch carries: trees if any has a branch, several texts a row, or one padded text a row.

    The numbers are looked at on a CPU alone: a GPU would be waited for, and while a model is compiled nobody can look. Then the rule
    is the one that is always right, unless the batch says that it is the simplest.
    """
    document = batch["document"]
    if ALL_VISIBLE in batch:
        return Padding(document)
    looks = PACKED not in batch and can_look(document)
    if "branch" in batch and (not looks or bool(batch["branch"].any())):
        return Tree(document, batch["branch"], batch["anchor"])
    if looks and not bool((document > 1).any()):
        return Padding(document)
    return Documents(document) if looks or PACKED in batch else PerhapsDocuments(document)


def can_look(numbers: Tensor) -> bool:
    """Whether what is done may depend on these numbers: a GPU would be waited for, and a compiled model cannot branch on them."""
    return numbers.device.type == "cpu" and not torch.compiler.is_compiling()
