"""Blocks made by several processes, each with its own worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.context import BaseContext

from kplm.data.corpus.settings import Settings
from kplm.data.corpus.store import BlockStore, Summary
from kplm.data.corpus.stream import Block
from kplm.errors import KplmError

PARALLEL = "TOKENIZERS_PARALLELISM"
PRELOADED = ["kplm.data.corpus.worker"]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Job:
    """Makes blocks and puts them into the store; what each process runs."""

    def __init__(self, settings: Settings, store: BlockStore) -> None:
        from kplm.data.corpus.worker import Worker

        self.worker = Worker(settings, store.titles if settings.titles else None)
        self.store = store

    def __call__(self, number: int, block: Block) -> Summary:
        """Make, write and sum up one block."""
        made = self.worker(number, block)
        self.store.write(number, made)
        return Summary(made.counts, made.complaints)


def run(settings: Settings, store: BlockStore, blocks: Mapping[int, Block], processes: int) -> Iterator[Summary]:
    """Make blocks, and yield what each tells, in the order in which they are finished.

    Args:
        settings: what to do.
        store: where the blocks go.
        blocks: by number.
        processes: one works in this process.

    Raises:
        KplmError: a block failed, or a process died.
    """
    if processes == 1 or len(blocks) == 1:
        yield from _here(settings, store, blocks)
        return
    pool = ProcessPoolExecutor(min(processes, len(blocks)), _context(), _begin)
    try:
        tasks = [pool.submit(_make, settings, store, number, block) for number, block in blocks.items()]
        for future in as_completed(tasks):
            yield future.result()
    except BrokenProcessPool as error:
        fix = "Give the same command again, with fewer processes: finished blocks are kept."
        raise KplmError(f"A worker process died, perhaps because memory ran out. {fix}") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _here(settings: Settings, store: BlockStore, blocks: Mapping[int, Block]) -> Iterator[Summary]:
    with _one_thread():
        job = Job(settings, store)
        for number, block in blocks.items():
            yield job(number, block)


def _context() -> BaseContext:
    """Processes that share the libraries which one server loads once; on Windows each loads its own."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _begin() -> None:
    """Ready a process: Ctrl-C ends it without a word, and it does not outlive its parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()
    os.environ[PARALLEL] = "false"


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@cache
def _job(settings: Settings, store: BlockStore) -> Job:
    """The one job of this process, opened with its first block, so that an error reaches the parent."""
    return Job(settings, store)


def _make(settings: Settings, store: BlockStore, number: int, block: Block) -> Summary:
    return _job(settings, store)(number, block)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep the tokenizer to one core."""
    before = os.environ.get(PARALLEL)
    os.environ[PARALLEL] = "false"
    try:
        yield
    finally:
        del os.environ[PARALLEL]
        if before is not None:
            os.environ[PARALLEL] = before
