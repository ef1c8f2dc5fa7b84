"""Semantic roles: sentences a second, by rules and by trained labellers.

    python -m benchmarks.roles SRL/dev.jsonl [--sources rules LABELLER] [--most 500] [--threads 2]

The file is JSON lines with ``words``, or with ``text``, which is cut into words as a source wants them; a source is 'rules', or a model
as ``kplm export`` writes it. Rates are of wall time. Target: 60 sentences a second by a labeller, on two cores.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.own_process import in_own_process, memory
from benchmarks.report import Row, parser, tell
from kplm.data.roles import RoleSource
from kplm.roles.opening import RULES, open_source

LEAST = 60.0
"""Sentences a second."""


def sentences(path: str, source: RoleSource, most: int) -> list[list[str]]:
    """The words of each."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for _, line in zip(range(most), file)]
    if "words" in rows[0]:
        return [row["words"] for row in rows]
    texts = [row["text"] for row in rows]
    return [[text[a:b] for a, b in spans] for text, spans in zip(texts, source.words(texts))]


def measure(name: str, path: str, most: int, threads: int) -> dict[str, float]:
    """Label with one source, opened and warm."""
    torch.set_num_threads(threads)
    source = open_source(name)
    read = sentences(path, source, most)
    source(read[:8])
    wall, processor = time.perf_counter(), time.process_time()
    found = source(read)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "sentences": len(read),
        "predicates": sum(map(len, found)),
        "words_per_s": sum(map(len, read)) / wall,
        "sentences_per_s": len(read) / wall,
        "sentences_per_processor_s": len(read) / processor,
        "peak_memory_mib": memory("VmHWM"),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    found = {
        name: in_own_process(measure, name, options.texts, options.most, options.threads) for name in options.sources
    }
    rows = []
    for name, one in found.items():
        told = name if name == RULES else f"labeller {Path(name).name}"
        rows += [
            Row(f"{told}, rate", one["sentences_per_s"], "sentences/s", at_least=None if name == RULES else LEAST),
            Row(f"{told}, rate", one["words_per_s"], "words/s"),
            Row(f"{told}, peak memory", one["peak_memory_mib"], "MiB"),
        ]
    tell("roles", rows, options, sources=found)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("texts", help="JSON lines with words or text")
    found.add_argument("--sources", nargs="+", default=[RULES])
    found.add_argument("--most", type=int, default=2000, help="sentences")
    found.add_argument("--threads", type=int, default=2)
    return found


if __name__ == "__main__":
    main()
