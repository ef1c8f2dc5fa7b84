"""How many positions a row may lose."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A share of the row's tokens, special tokens counted, at least one position (Devlin et al., 2019, section 3.1)."""

    share: float = 0.15
    """Part of the tokens that is predicted."""
    most: int | None = None
    """Never more than so many positions a row; the published runs stop at 40 of 256."""

    def __call__(self, lengths: Tensor) -> Tensor:
        """Positions to hide in each row: ``[B]`` int from the number of tokens ``[B]`` int."""
        return (lengths * self.share).round().long().clamp(min=1, max=self.most)
