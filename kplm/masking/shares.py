"""Parts of a whole."""

from __future__ import annotations

from kplm.errors import KplmError


def check_shares(**parts: float) -> None:
    """Refuse shares that are none.

    Raises:
        KplmError: one is outside of 0 to 1, or their sum is more than 1.
    """
    if any(not 0 <= part <= 1 for part in parts.values()) or sum(parts.values()) > 1:
        told = " and ".join(f"{name}={part}" for name, part in parts.items())
        raise KplmError(f"{told} are parts of a whole; give two shares that sum to 1 or less.")
