"""Sides that take turns in one process, so that whatever else the machine does meets all of them alike."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle, permutations

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from benchmarks.own_process import MEBIBYTE, in_own_process, memory
from benchmarks.report import Row
from kplm.training.memory import keep_memory

WARM_UP = 2
"""Rounds that are not counted; their numbers are below 0."""
ALONE = 2
"""Steps of a side that is looked at by itself, behind one that warms up."""
PRECISIONS = ("float32", "bfloat16")
Step = Callable[[int], object]
"""Does the work of the round whose number it is given."""
Recipe = Callable[[], Step]
"""Builds a side from nothing; can be pickled."""


@dataclass(frozen=True)
class Times:
    """Seconds of one side, round by round."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    """Of all threads of this process."""


@dataclass(frozen=True)
class Limits:
    """A target for a ratio or a rate."""

    at_most: float | None = None
    at_least: float | None = None


def add_options(parser: argparse.ArgumentParser, steps: int) -> None:
    """What all alternating benchmarks can be told."""
    parser.add_argument("--steps", type=int, default=steps, help="rounds that are counted")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, help="begin no further round after so long")


def alternate(
    sides: Mapping[str, Step], rounds: int, device: str = "cpu", seconds: float | None = None
) -> dict[str, Times]:
    """Let the sides take turns, each round in another order.

    Args:
        sides: name to step.
        rounds: how many are counted.
        device: what to wait for before a clock is read.
        seconds: begin no further round after so long; one is always taken.
    """
    times: dict[str, Times] = {name: Times() for name in sides}
    orders, begin = cycle(permutations(sides)), time.monotonic()
    for number in tqdm(range(-WARM_UP, rounds), "rounds", leave=False, disable=None):
        if number > 0 and seconds is not None and time.monotonic() - begin > seconds:
            break
        for name in next(orders):
            wall, processor = _timed(sides[name], number, device)
            if number >= 0:
                times[name].wall.append(wall)
                times[name].processor.append(processor)
    return times


def measured(recipes: Mapping[str, Recipe], options: argparse.Namespace, rounds: int | None = None) -> dict[str, Times]:
    """Make every side in this process and let them take turns; on a CPU it keeps its memory for all of them, as ``kplm fit`` does.

    Args:
        recipes: name to what makes the step.
        options: with what :func:`add_options` adds.
        rounds: how many are counted, if not ``options.steps``.
    """
    if options.device == "cpu":
        keep_memory()
    sides = {name: recipe() for name, recipe in recipes.items()}
    return alternate(sides, options.steps if rounds is None else rounds, options.device, options.seconds)


def compared(times: Mapping[str, Times], targets: Mapping[str, Limits | None], device: str = "cpu") -> list[Row]:
    """Medians of all sides, and the first one's time as a part of the time of others, paired round by round.

    Args:
        times: what :func:`alternate` found.
        targets: the others, each with what the ratio is to be.
        device: ratios of processor time are told for 'cpu' only.
    """
    ours, clocks = next(iter(times)), ("wall", "processor") if device == "cpu" else ("wall",)
    rows = [spread(f"{name}, {clock}", getattr(one, clock), "s") for name, one in times.items() for clock in clocks]
    for name, limits in targets.items():
        for clock in clocks:
            pairs = zip(getattr(times[ours], clock), getattr(times[name], clock))
            aim = (limits if clock == "wall" else None) or Limits()
            rows.append(spread(f"{ours} / {name}, {clock}", [a / b for a, b in pairs], "times", aim))
    return rows


def spread(what: str, values: list[float], unit: str, limits: Limits = Limits()) -> Row:
    """The median with its quartiles."""
    low, middle, high = (float(x) for x in np.quantile(values, (0.25, 0.5, 0.75)))
    return Row(what, middle, unit, (low, high), limits.at_most, limits.at_least)


def costs(recipes: Mapping[str, Recipe], device: str = "cpu") -> list[Row]:
    """Peak memory of each side in a process of its own, and the operations of its products in one step."""
    rows = []
    for name, recipe in recipes.items():
        before, peak, operations = in_own_process(_alone, recipe, device)
        rows += [
            Row(f"{name}, peak memory", peak, "MiB"),
            Row(f"{name}, of it before the model was built", before, "MiB"),
            Row(f"{name}, operations of a step", operations / 1e9, "GFLOP"),
        ]
    return rows


def synchronise(device: str) -> None:
    """Wait for what the device was told to do."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _timed(step: Step, number: int, device: str) -> tuple[float, float]:
    synchronise(device)
    wall, processor = time.perf_counter(), time.process_time()
    step(number)
    synchronise(device)
    return time.perf_counter() - wall, time.process_time() - processor


def _alone(recipe: Recipe, device: str) -> tuple[float, float, int]:
    """Memory before and at most, and operations; products inside the CPU's fused attention are not counted by torch."""
    on_gpu = torch.device(device).type == "cuda"
    before = 0.0 if on_gpu else memory("VmRSS")
    step = recipe()
    for number in range(-1, ALONE):
        step(number)
    synchronise(device)
    peak = torch.cuda.max_memory_allocated(device) / MEBIBYTE if on_gpu else memory("VmHWM")
    with FlopCounterMode(display=False) as counter:
        step(ALONE)
    return before, peak, counter.get_total_flops()
