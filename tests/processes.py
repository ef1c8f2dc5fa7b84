"""Processes that tests start: forked from one that has imported already what they need, so that none waits for that again."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context, set_start_method
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["kplm.cli", "kplm.data.corpus.prepare", "vision.commands", "tests.training.run"])
LONGEST = 300.0
"""Seconds after which a process counts as hanging."""


class Job:
    """A function at work in a process and a session of its own.

    Args:
        call: a function of a module, so that the other process finds it.
        arguments: for it.
        environment: variables beside those of this process.
        named: for it, too.
    """

    def __init__(
        self, call: Callable[..., Any], *arguments: Any, environment: Mapping[str, str] = {}, **named: Any
    ) -> None:
        handle, name = tempfile.mkstemp(prefix="job")
        os.close(handle)
        self._file = Path(name)
        told = (name, {**os.environ, **environment}, call, arguments, named)
        self._process = SERVER.Process(target=_run, args=told)
        here = Path.cwd()
        os.chdir(ROOT)  # where the first job lets the server find its modules
        try:
            self._process.start()
        finally:
            os.chdir(here)

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit status; of a signal the negative number; None while it runs."""
        return self._process.exitcode

    def send(self, number: int) -> None:
        """A signal to the process alone."""
        os.kill(self.pid, number)

    def wait(self) -> tuple[int, str]:
        """Its exit status, and what it printed; it is killed where it hangs."""
        try:
            self._process.join(LONGEST)
            if self.code is None:
                self._process.kill()
                self._process.join()
            assert self.code is not None
            return self.code, self._file.read_text(encoding="utf-8", errors="replace")
        finally:
            self._file.unlink(missing_ok=True)


def together(jobs: Sequence[Job]) -> list[tuple[int, str]]:
    """Wait for all; what each of them ended with."""
    return [job.wait() for job in jobs]


def ranks(count: int, call: Callable[..., Any], *arguments: Any) -> list[tuple[int, str]]:
    """What each of several ranks ended with, which are started the way torchrun does."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(found.getsockname()[1])}
    sizes = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    shared = {**place, **sizes, "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test"}
    numbers = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
    return together([Job(call, *arguments, environment={**shared, **own}) for own in numbers])


def _run(
    printed: str,
    environment: Mapping[str, str],
    call: Callable[..., Any],
    arguments: Sequence[Any],
    named: Mapping[str, Any],
) -> None:
    import torch

    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(printed, os.O_WRONLY | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    set_start_method(None, force=True)  # type: ignore[arg-type]  # a command's own, so that its workers end with it
    try:
        call(*arguments, **named)
    except KeyboardInterrupt:
        sys.exit(130)
