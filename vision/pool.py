"""Blocks made by several processes, each with its own networks."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from vision.blocks import Summary
from vision.errors import VisionError
from vision.extract import Job
from vision.work import Work

_job: Job | None = None
"""Of a process of the pool."""


def run(work: Work, numbers: Sequence[int], processes: int, device: str, batch_size: int) -> Iterator[Summary]:
    """Make blocks, and yield what each holds, in the order in which they are finished.

    Args:
        work: what there is to do.
        numbers: of the blocks.
        processes: one works in this process; several share the cores and, under cuda, the devices.
        device: cpu, cuda, ...
        batch_size: pictures that go through the network together.

    Raises:
        VisionError: a block failed, or a process died.
    """
    if processes == 1 or len(numbers) == 1:
        job = Job(work.folder, work.settings, device, batch_size)
        yield from (job(number, work.block(number)) for number in numbers)
        return
    context = multiprocessing.get_context("spawn")
    count = min(processes, len(numbers))
    turns = context.Value("i", 0)
    pool = ProcessPoolExecutor(count, context, _begin, (work, turns, count, device, batch_size))
    try:
        for done in as_completed([pool.submit(_make, number, work.block(number)) for number in numbers]):
            yield done.result()
    except BrokenProcessPool as error:
        fix = "Is there too little memory? Take fewer processes, and run the same again to go on."
        raise VisionError(f"A process died while blocks were made. {fix}") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(work: Work, turns: Any, count: int, device: str, batch_size: int) -> None:
    """What a process does first: it ends with its parent and on Ctrl-C, and only one tells that weights are random."""
    global _job
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with turns.get_lock():
        turn = turns.value
        turns.value += 1
    if turn:
        logging.getLogger("vision").setLevel(logging.ERROR)
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // count))
    own = f"cuda:{turn % torch.cuda.device_count()}" if device == "cuda" else device
    _job = Job(work.folder, work.settings, own, batch_size)


def _end_with_parent() -> None:
    """A block that is cut off leaves no file, so that nothing has to be cleaned up."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(number: int, pictures: Sequence[tuple[str, str]]) -> Summary:
    assert _job is not None
    return _job(number, pictures)
