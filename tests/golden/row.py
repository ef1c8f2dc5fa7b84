"""One line of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Row:
    """A tensor that was compared. ``exact`` asks for equality, whatever the tolerance."""

    name: str
    difference: float
    """Largest absolute difference; infinite when the shapes differ or the tensor was not compared."""
    note: str = ""
    exact: bool = False

    def passes(self, atol: float) -> bool:
        """Whether the difference is small enough; NaN never is."""
        return self.difference <= (0 if self.exact else atol)


def differ(name: str, got: Tensor, want: Tensor, exact: bool = False) -> Row:
    """Compare two tensors of one shape."""
    if got.shape != want.shape:
        return Row(name, float("inf"), f"shape {list(got.shape)}, expected {list(want.shape)}", exact)
    gap = (got.detach().double() - want.double()).abs()
    return Row(name, gap.max().item() if gap.numel() else 0.0, str(list(want.shape)), exact)
