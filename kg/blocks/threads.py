"""How many threads compute, on which the last bits of what networks find depend."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

PARALLEL = "TOKENIZERS_PARALLELISM"


def limit_threads(count: int = 1) -> None:
    """Let torch compute with ``count`` threads and tokenizers with one."""
    import torch

    torch.set_num_threads(count)
    os.environ[PARALLEL] = "false"


@contextmanager
def threads_restored() -> Iterator[None]:
    """Whatever `limit_threads` sets inside, it is as it was behind."""
    import torch

    count, parallel = torch.get_num_threads(), os.environ.get(PARALLEL)
    try:
        yield
    finally:
        torch.set_num_threads(count)
        os.environ.pop(PARALLEL, None)
        if parallel is not None:
            os.environ[PARALLEL] = parallel
