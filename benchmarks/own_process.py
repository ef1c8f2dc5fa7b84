"""Work in a fresh process, so that its memory is seen by itself. Memory is read from ``/proc``: Linux only."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
MEBIBYTE = 1 << 20


def in_own_process(function: Callable[..., T], *arguments: Any) -> T:
    """What the function returns; it and its arguments are pickled.

    Raises:
        BrokenProcessPool: the process died, for want of memory perhaps.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def memory(kind: str) -> float:
    """Memory of this process in MiB: 'RssAnon' is what no file backs, 'VmRSS' all, 'VmHWM' the most it ever was.

    ``resource.getrusage`` would begin with the peak of the process that started this one.
    """
    gc.collect()
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 / MEBIBYTE if found else 0.0
