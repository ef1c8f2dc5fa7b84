"""What one position may know about another."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from kplm.nn.visibility import Visibility


@dataclass(frozen=True)
class Relations:
    """Handed through the layers unread; only the attend rule looks inside. Rules that need more subclass it."""

    visibility: Visibility
    mask: Tensor | None
    """``[B, 1, 1|Q, K]`` bool, True where visible; None hides nothing. Computed once a batch, not once a layer."""

    @classmethod
    def of(cls, visibility: Visibility) -> Relations:
        """Relations that know nothing but who sees whom."""
        return cls(visibility, visibility.mask())
