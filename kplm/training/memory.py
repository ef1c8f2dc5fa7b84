"""Memory that a process keeps for its next step."""

from __future__ import annotations

import ctypes
import platform
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Options of glibc's ``mallopt``."""
NEVER = -1


class KeptMemory(Callback):
    """Training on a CPU keeps the memory that a step frees for the next one, see :func:`keep_memory`."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Before the first step."""
        if stage == "fit" and trainer.strategy.root_device.type == "cpu":
            keep_memory()


def keep_memory() -> bool:
    """Have glibc keep what this process frees, up to its end; elsewhere nothing is changed.

    A step frees its states, gradients and cast weights, some hundred megabytes. By default they go back to the system, which has to clear
    them page by page before the next step may write there.

    Returns: whether it will.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc: Any = ctypes.CDLL(None)
    return bool(libc.mallopt(TRIM_THRESHOLD, NEVER) and libc.mallopt(MMAP_MAX, 0))
