"""What a table of millions costs: ``python benchmarks/tables.py --rows 5000000 --width 100``. Prints JSON.

Makes OpenKE's two files of made-up vectors (4.4 GB for the default; as much room again is needed for the table), turns
them into an entity table in a process of its own, opens it in another and fetches rows, and removes all of it.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPEATED = 10_000
ROWS_OF_A_BATCH = 400
FETCHES = 200


def make(folder: Path, rows: int, width: int) -> None:
    """OpenKE's files; the same 10,000 lines over and over, which takes as long to read as others."""
    draw = np.random.default_rng(0).normal(size=(REPEATED, width))
    lines = ["\t".join(f"{number:.5f}" for number in row) + "\n" for row in draw]
    block = "".join(lines).encode()
    with (folder / "entity2vec.vec").open("wb") as vectors, (folder / "entity2id.txt").open("w") as ids:
        ids.write(f"{rows}\n")
        for start in range(0, rows, REPEATED):
            count = min(REPEATED, rows - start)
            vectors.write(block if count == REPEATED else "".join(lines[:count]).encode())
            ids.writelines(f"Q{3 * row + 7}\t{row}\n" for row in range(start, start + count))


def anonymous() -> int:
    """Bytes of memory of this process that no file stands behind."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def convert(source: str, out: str) -> dict[str, float]:
    """Import the files; peak memory is that of the whole process, imports included."""
    from kg.importing import import_table

    start = time.perf_counter()
    import_table(source, out)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = round(used.ru_utime + used.ru_stime, 1)
    return {"seconds": round(seconds, 1), "cpu_seconds": cpu, "peak_mb": used.ru_maxrss // 1024}


def fetch(path: str) -> dict[str, float]:
    """Open a table and fetch batches of random entities by their ids, twice: the second time all is in the page cache."""
    from kg import EntityTable

    before = anonymous()
    start = time.perf_counter()
    table = EntityTable.open(path)
    opening, opened = time.perf_counter() - start, anonymous()
    draw = np.random.default_rng(1).integers(len(table), size=(FETCHES, ROWS_OF_A_BATCH))
    asked = [table.ids(rows) for rows in draw]
    cold = _timed(table, asked)
    warm = min((_timed(table, asked) for _ in range(3)), key=lambda times: times["ids_and_vectors_us"])
    added = {"open_anonymous_mb": opened - before, "fetch_anonymous_mb": anonymous() - before}
    memory = {name: round(count / 2**20, 1) for name, count in added.items()}
    return {"rows": len(table), "open_ms": round(1000 * opening, 2), **memory, "first": cold, "warm": warm}


def _timed(table, asked) -> dict[str, float]:
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


def in_own_process(*arguments: str | Path) -> dict[str, float]:
    """Run a part of this file in a fresh interpreter."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def measure(folder: Path, rows: int, width: int) -> dict[str, object]:
    """Make, convert, open and fetch; files of text are removed as soon as they are converted."""
    make(folder, rows, width)
    text = (folder / "entity2vec.vec").stat().st_size
    conversion = in_own_process("--convert", folder, folder / "table")
    for file in ("entity2vec.vec", "entity2id.txt"):
        (folder / file).unlink()
    size = (folder / "table" / "table.safetensors").stat().st_size
    shape = {"rows": rows, "width": width, "text_gb": round(text / 1e9, 2), "table_gb": round(size / 1e9, 2)}
    return {**shape, "convert": conversion, "use": in_own_process("--fetch", folder / "table")}


def main() -> None:
    """Measure the large table and a small one, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--small", type=int, default=20_000, help="rows of the table to compare with")
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where to make the temporary files")
    parser.add_argument("--convert", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--fetch", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.convert or arguments.fetch:
        print(json.dumps(convert(*arguments.convert) if arguments.convert else fetch(arguments.fetch)))
        return
    told = {}
    for name, rows in (("small", arguments.small), ("large", arguments.rows)):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            told[name] = measure(Path(folder), rows, arguments.width)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
