"""A process that keeps its memory does not ask the system for it again and again."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from kplm.training.memory import keep_memory
from tests.processes import Job

NUMBERS = 16 << 20
ROUNDS = 8


def faults() -> None:
    """Pages that the system has to hand out for the same tensor, made again and again, before and after."""
    counts = []
    for keep in (lambda: False, keep_memory):
        keep()
        torch.ones(NUMBERS)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(ROUNDS):
            torch.ones(NUMBERS)
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    print(*counts)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left alone")
def test_what_is_freed_is_used_again() -> None:
    code, printed = Job(faults).wait()
    assert code == 0, printed
    before, after = map(int, printed.split())
    assert after < before / 2, printed  # a first one may not fit where the last stood
