"""What a table of millions costs: ``python -m benchmarks.tables --rows 5000000 --width 100``.

Makes OpenKE's two files of made-up vectors (4.4 GB for the default; as much room again is needed for the table), turns
them into an entity table in a process of its own, opens it in another and fetches rows, and removes all of it. Target:
opening adds less than 100 MiB of anonymous memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.own_process import in_own_process, memory
from benchmarks.report import Row, parser, tell
from kg import EntityTable
from kg.importing import import_table

REPEATED = 10_000
ROWS_OF_A_BATCH = 400
FETCHES = 200


def make(folder: Path, rows: int, width: int) -> None:
    """OpenKE's files; the same 10,000 lines over and over, which takes as long to read as others."""
    draw = np.random.default_rng(0).normal(size=(min(rows, REPEATED), width))
    lines = ["\t".join(f"{number:.5f}" for number in row) + "\n" for row in draw]
    block = "".join(lines).encode()
    with (folder / "entity2vec.vec").open("wb") as vectors, (folder / "entity2id.txt").open("w") as ids:
        ids.write(f"{rows}\n")
        for start in range(0, rows, REPEATED):
            count = min(REPEATED, rows - start)
            vectors.write(block if count == REPEATED else "".join(lines[:count]).encode())
            ids.writelines(f"Q{3 * row + 7}\t{row}\n" for row in range(start, start + count))


def convert(source: Path, out: Path) -> dict[str, float]:
    """Import the files; peak memory is that of the whole process, imports included."""
    start, processor = time.perf_counter(), time.process_time()
    import_table(str(source), str(out))
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    return {"seconds": round(seconds, 3), "cpu_seconds": round(processor, 3), "peak_mb": round(memory("VmHWM"))}


def fetch(path: Path) -> dict[str, Any]:
    """Open a table and fetch batches of random entities by their ids, twice: the second time all is in the page cache."""
    before, start = memory("RssAnon"), time.perf_counter()
    table = EntityTable.open(path)
    opening, opened = time.perf_counter() - start, memory("RssAnon")
    draw = np.random.default_rng(1).integers(len(table), size=(FETCHES, ROWS_OF_A_BATCH))
    asked = [table.ids(rows) for rows in draw]
    cold = _timed(table, asked)
    warm = min((_timed(table, asked) for _ in range(3)), key=lambda times: times["ids_and_vectors_us"])
    added = {"open_anonymous_mb": opened - before, "fetch_anonymous_mb": memory("RssAnon") - before}
    told = {name: round(count, 1) for name, count in added.items()}
    return {"rows": len(table), "open_ms": round(1000 * opening, 2), **told, "first": cold, "warm": warm}


def _timed(table: EntityTable, asked: list[list[str]]) -> dict[str, float]:
    """Median microseconds a batch: ids to vectors, and rows to vectors alone."""
    whole, vectors = [], []
    for ids in asked:
        start = time.perf_counter()
        rows = table.rows(ids)
        middle = time.perf_counter()
        table.vectors(rows)
        end = time.perf_counter()
        whole.append(end - start)
        vectors.append(end - middle)
    micro = {"ids_and_vectors_us": whole, "vectors_us": vectors}
    return {name: round(1e6 * float(np.median(times)), 1) for name, times in micro.items()}


def measure(folder: Path, rows: int, width: int) -> dict[str, Any]:
    """Make, convert, open and fetch; files of text are removed as soon as they are converted."""
    make(folder, rows, width)
    text = (folder / "entity2vec.vec").stat().st_size
    conversion = in_own_process(convert, folder, folder / "table")
    for file in ("entity2vec.vec", "entity2id.txt"):
        (folder / file).unlink()
    size = (folder / "table" / "table.safetensors").stat().st_size
    shape = {"rows": rows, "width": width, "text_gb": round(text / 1e9, 2), "table_gb": round(size / 1e9, 2)}
    return {**shape, "convert": conversion, "use": in_own_process(fetch, folder / "table")}


def rows_of(told: dict[str, Any]) -> list[Row]:
    """What is told of one table."""
    done, used, of = told["convert"], told["use"], f"{told['rows']:,} x {told['width']}"
    return [
        Row(f"{of}, import", done["seconds"], "s"),
        Row(f"{of}, import, peak memory", done["peak_mb"], "MiB"),
        Row(f"{of}, opening", used["open_ms"], "ms"),
        Row(f"{of}, memory that opening adds", used["open_anonymous_mb"], "MiB", at_most=100),
        Row(f"{of}, {ROWS_OF_A_BATCH} vectors by row", used["warm"]["vectors_us"], "µs"),
        Row(f"{of}, {ROWS_OF_A_BATCH} vectors by id", used["warm"]["ids_and_vectors_us"], "µs"),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the large table and a small one, and tell."""
    options = _options().parse_args(arguments)
    told = {}
    for name, rows in (("small", options.small), ("large", options.rows)):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            told[name] = measure(Path(folder), rows, options.width)
    tell("tables", [row for one in told.values() for row in rows_of(one)], options, **told)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("--rows", type=int, default=5_000_000)
    found.add_argument("--small", type=int, default=20_000, help="rows of the table to compare with")
    found.add_argument("--width", type=int, default=100)
    found.add_argument("--folder", type=Path, help="where to make the temporary files")
    return found


if __name__ == "__main__":
    main()
