"""What one position may know about another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kplm.nn.visibility import Visibility

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask


@dataclass(frozen=True)
class Relations:
    """Handed through the layers unread; only the attend rule looks inside. Rules that need more subclass it.

    Each form of the visibility is built when a layer first asks for it, so once a batch, and only the one that is used.
    """

    visibility: Visibility
    built: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """The forms that a layer has asked for."""

    @classmethod
    def of(cls, visibility: Visibility) -> Relations:
        """Relations that know nothing but who sees whom."""
        return cls(visibility)

    @property
    def mask(self) -> Tensor | None:
        """``[B, 1, 1|Q, K]`` bool, True where visible; None hides nothing."""
        if "mask" not in self.built:
            self.built["mask"] = self.visibility.mask()
        return self.built["mask"]

    def bias(self, kind: torch.dtype) -> Tensor | None:
        """The mask as what is added to scores of that type: 0, or the lowest number where nothing is visible; None hides nothing."""
        if self.mask is None:
            return None
        if kind not in self.built:
            lowest = torch.finfo(kind).min
            self.built[kind] = torch.zeros_like(self.mask, dtype=kind).masked_fill_(~self.mask, lowest)
        return self.built[kind]

    def at(self, asking: Tensor) -> Relations:
        """The same where these positions alone ask, ``[B, Q]`` int."""
        return replace(self, built={"mask": self.visibility.mask(asking)})

    @property
    def blocks(self) -> BlockMask:
        """The same for FlexAttention."""
        if "blocks" not in self.built:
            self.built["blocks"] = self.visibility.blocks()
        return self.built["blocks"]
