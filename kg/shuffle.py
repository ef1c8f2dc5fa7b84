"""Facts given to others: the control 'right shape, wrong facts'."""

from __future__ import annotations

import numpy as np


def one_cycle(count: int, seed: int) -> np.ndarray:
    """A random permutation without a fixed point: one cycle through all rows (Sattolo, 1986). ``[N] int64``."""
    order = np.random.default_rng(seed).permutation(count)
    source = np.empty(count, np.int64)
    source[order] = np.roll(order, 1)
    return source
