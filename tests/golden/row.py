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
    limit: float | None = None
    """In place of the tolerance of the whole check, where the recorded values are rounded more coarsely."""

    def passes(self, atol: float) -> bool:
        """Whether the difference is small enough; NaN never is."""
        own = atol if self.limit is None else self.limit
        return self.difference <= (0 if self.exact else own)


def differ(name: str, got: Tensor, want: Tensor, exact: bool = False, limit: float | None = None) -> Row:
    """Compare two tensors of one shape."""
    if got.shape != want.shape:
        return Row(name, float("inf"), f"shape {list(got.shape)}, expected {list(want.shape)}", exact, limit)
    gap = (got.detach().double() - want.double()).abs()
    note = str(list(want.shape)) + (f", allowed {limit:.0e}" if limit is not None else "")
    return Row(name, gap.max().item() if gap.numel() else 0.0, note, exact, limit)
