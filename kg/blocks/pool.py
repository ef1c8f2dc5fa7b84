"""Blocks made by several processes, each of which opens what it needs once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple, TypeVar

from kg.blocks.part import Block
from kg.errors import KgError

T = TypeVar("T")
S = TypeVar("S")
Opening = Callable[[int], Callable[[Block[T]], S]]
"""Opens what blocks need, given the number of the process, and returns the function that makes one; it travels to processes."""
AHEAD = 2
"""Blocks in memory for each process: one that it makes, and the next."""
_opening: Opening[Any, Any] | None = None
_make: Callable[[Block[Any]], Any] | None = None
_turn = 0


class Done(NamedTuple):
    """A block that is made."""

    size: int
    summary: Any


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(opening: Opening[T, S], blocks: Iterable[Block[T]], processes: int) -> Iterator[Done]:
    """Make blocks, in the order in which they are finished; a few are in memory at a time, however many there are.

    Args:
        opening: see `Opening`; what it raises arrives here.
        blocks: taken when a process is free.
        processes: one works in this process, and so does a single block; 0 stands for one a core.

    Raises:
        KgError: a process died.
    """
    processes = processes or cores()
    if processes < 0:
        raise KgError(f"processes is {processes}; it must be 1 or more, or 0 for one a core.")
    waiting = iter(blocks)
    first = list(islice(waiting, min(processes, 2)))
    if len(first) < 2:
        yield from _here(opening, chain(first, waiting))
        return
    turns = (context := _context(opening)).Value("i", 0)
    pool = ProcessPoolExecutor(processes, context, _begin, (opening, turns))
    try:
        yield from _there(pool, chain(first, waiting), AHEAD * processes)
    except BrokenProcessPool as error:
        fix = "Give the same command again, with fewer processes: finished blocks are kept."
        raise KgError(f"A worker process died, perhaps because memory ran out. {fix}") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _here(opening: Opening[T, S], blocks: Iterable[Block[T]]) -> Iterator[Done]:
    make: Callable[[Block[T]], S] | None = None
    for block in blocks:
        make = make or opening(0)
        yield Done(block.size, make(block))


def _there(pool: ProcessPoolExecutor, blocks: Iterable[Block[T]], most: int) -> Iterator[Done]:
    pending: set[Future[Done]] = set()
    for block in blocks:
        pending.add(pool.submit(_made, block))
        if len(pending) == most:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    yield from (future.result() for future in as_completed(pending))


def _context(opening: Opening[Any, Any]) -> BaseContext:
    """Processes that share the libraries which one server loads once; on Windows each loads its own."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([type(opening).__module__])
    return context


def _begin(opening: Opening[Any, Any], turns: Any) -> None:
    """Ready a process: Ctrl-C ends it without a word, and it does not outlive its parent."""
    global _opening, _turn
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()
    with turns.get_lock():
        _turn, turns.value = turns.value, turns.value + 1
    _opening = opening


def _follow_parent() -> None:
    """A block that is cut off leaves no file, so that nothing has to be cleaned up."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _made(block: Block[Any]) -> Done:
    """Opens with the first block, so that an error reaches the parent."""
    global _make
    if _make is None:
        assert _opening is not None
        _make = _opening(_turn)
    return Done(block.size, _make(block))
