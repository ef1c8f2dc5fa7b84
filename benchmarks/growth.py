"""How time and memory grow: with the length of a text, the rows of a batch, the entities of a graph, the shards of a corpus.

    python -m benchmarks.growth [length batch graph shards] [--full]

Each size is measured in a process of its own; times are medians. By length, batches have the same number of tokens, so that a step that
grows linearly takes the same time; by rows, texts have 64 tokens; both train a MiniLM-sized encoder, ours and transformers' (SDPA). By
entities, a table of vectors is imported and asked, and a linker is built of as many made-up names and used. By shards, the same made-up
text is prepared and read. The small sizes take about a minute on a quiet machine, ``--full`` goes on to length 512, 5,000,000 entities (4.4
GB of text, 2 GB of table) and 256 shards.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import linking, tables  # the others bring torch, which would stand in the memory of every process
from benchmarks.own_process import in_own_process, memory
from benchmarks.report import Row, parser, table, tell

Point = dict[str, Any]
"""What one size costs; the first key is the size."""
SMALL: dict[str, tuple[int, ...]] = {
    "length": (64, 256),
    "batch": (2, 8),
    "graph": (10_000, 30_000),
    "shards": (1, 8),
}
FULL: dict[str, tuple[int, ...]] = {
    "length": (64, 128, 256, 512),
    "batch": (1, 2, 4, 8, 16, 32, 64),
    "graph": (10_000, 100_000, 1_000_000, 5_000_000),
    "shards": (1, 4, 16, 64, 256),
}
TOKENS = 1024
"""Of a batch, by length."""
LENGTH = 64
"""Of a text, by rows."""
MEGABYTES = {False: 2.0, True: 32.0}
"""Of text, by shards, small and full."""
WORDS = 2000
TEXTS = 500


def by_length(size: int, options: argparse.Namespace) -> Point:
    """A step on texts of this length."""
    return {"length": size, **_training(TOKENS // size or 1, size, options)}


def by_batch(size: int, options: argparse.Namespace) -> Point:
    """A step on so many rows."""
    return {"rows": size, **_training(size, LENGTH, options)}


def by_graph(size: int, options: argparse.Namespace) -> Point:
    """A table and a linker of so many entities."""
    with TemporaryDirectory(dir=options.folder) as place:
        vectors = tables.measure(Path(place), size, options.width)
        made, used = vectors["convert"], vectors["use"]
    with TemporaryDirectory(dir=options.folder) as place:
        words = [linking.invented(Random(number)) for number in range(WORDS)]
        draw = Random(0)
        texts = [" ".join(draw.choices(words, k=30)) for _ in range(TEXTS)]
        named = linking.on_disk(str(_graph(Path(place), size, words)), None, words, texts, 0)
    return {
        "entities": size,
        "table s": made["seconds"],
        "table MiB": made["peak_mb"],
        "open ms": used["open_ms"],
        "open adds MiB": used["open_anonymous_mb"],
        "fetch µs": used["warm"]["ids_and_vectors_us"],
        "linker s": named["build_seconds"],
        "linker MiB": named["build_peak_rss_mb"],
        "linker adds MiB": named["rss_anon_added_by_opening_mb"],
        "tokens/s": named["tokens_per_second"],
    }


def by_shards(size: int, options: argparse.Namespace) -> Point:
    """A corpus in so many files."""
    from benchmarks import shards

    with TemporaryDirectory(dir=options.folder) as place:
        start = time.perf_counter()
        corpus = shards.made_up(Path(place), MEGABYTES[options.full], size)
        seconds = time.perf_counter() - start
        found = in_own_process(shards.measure, str(corpus))
    names = {"open ms": "open_ms", "open adds MiB": "open_anonymous_mib", "rows/s": "rows_per_s"}
    names |= {"tokens/s in batches": "batch_tokens_per_s", "read MiB": "peak_memory_mib"}
    return {"shards": size, "prepare s": seconds, **{told: found[name] for told, name in names.items()}}


def train(name: str, how: dict[str, Any], steps: int) -> tuple[float, float]:
    """Median seconds of a step of one side, and the most memory it takes in MiB, libraries left out."""
    from benchmarks.step import Setting, side

    before = memory("VmRSS")
    step, took = side(name, Setting(system="bert", device="cpu", texts=None, graph=None, vocab=None, **how)), []
    for number in range(-1, steps):
        start = time.perf_counter()
        step(number)
        took.append(time.perf_counter() - start)
    return median(took[1:]), memory("VmHWM") - before


def exponent(points: Sequence[Point], name: str) -> float:
    """The power of the size with which this grows: 1 is linear."""
    size = next(iter(points[0]))
    sizes, values = (np.log([max(float(one[key]), 1e-9) for one in points]) for key in (size, name))
    return float(np.polyfit(sizes, values, 1)[0])


TOPICS: dict[str, tuple[Callable[[int, argparse.Namespace], Point], tuple[str, ...]]] = {
    "length": (by_length, ("kplm s", "kplm MiB")),
    "batch": (by_batch, ("kplm s", "kplm MiB")),
    "graph": (by_graph, ("table s", "fetch µs", "linker s")),
    "shards": (by_shards, ("open ms", "rows/s")),
}
"""What measures a size, and the columns whose growth is told as a power."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell, a table a topic."""
    options = _options().parse_args(arguments)
    points: dict[str, list[Point]] = {}
    for topic in options.topics or TOPICS:
        sizes = options.sizes or (FULL if options.full else SMALL)[topic]
        points[topic] = [TOPICS[topic][0](size, options) for size in sizes]
        print(table(points[topic]), end="\n\n")
    rows = [
        Row(f"{topic}, growth of {name}", exponent(found, name), "power")
        for topic, found in points.items()
        for name in TOPICS[topic][1]
    ]
    tell("growth", rows, options, points=points)


def _training(rows: int, length: int, options: argparse.Namespace) -> Point:
    how = {"rows": rows, "length": length, "batch_tokens": TOKENS}
    how |= {name: getattr(options, name) for name in ("size", "precision", "threads")}
    found: Point = {}
    for name in ("kplm", "transformers"):
        seconds, peak = in_own_process(train, name, how, options.steps)
        found |= {f"{name} s": seconds, f"{name} MiB": peak}
    return found


def _graph(folder: Path, entities: int, words: Sequence[str]) -> Path:
    """A ring of entities, each called by two words."""
    draw = Random(0)
    with (folder / "triples.tsv").open("w") as triples, (folder / "entities.tsv").open("w") as names:
        names.write("id\tlabel\n")
        for number in range(entities):
            triples.write(f"Q{number}\tP1\tQ{(number + 1) % entities}\n")
            names.write(f"Q{number}\t{draw.choice(words)} {draw.choice(words)}\n")
    return folder


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}; all by default")
    found.add_argument("--full", action="store_true", help="the whole range of sizes")
    found.add_argument("--sizes", type=int, nargs="+", help="these instead; for one topic")
    found.add_argument("--size", default="minilm", help="of the encoder")
    found.add_argument("--steps", type=int, default=3, help="steps a size")
    found.add_argument("--threads", type=int, default=2)
    found.add_argument("--precision", default="float32")
    found.add_argument("--width", type=int, default=100, help="of the vectors")
    found.add_argument("--folder", type=Path, help="where to make the temporary files")
    return found


if __name__ == "__main__":
    main()
