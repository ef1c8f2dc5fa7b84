"""Speed and memory of linking: ``python -m benchmarks.linking GRAPH NAMES TEXTS [--aliases 5000000]``.

In memory (an automaton) with the names alone and with made-up aliases besides; with ``--aliases`` the same names and so
many made-up ones from a file of anchors, in an index on disk that a process of its own builds and another one opens.
TEXTS is a JSON-lines file with ``text`` (or FewRel's ``tokens``), or plain lines. One thread. Targets: 100,000 tokens
a second, and at most 1.5 times slower with 1,000,000 made-up aliases.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.own_process import in_own_process, memory
from benchmarks.report import Row, parser, tell
from kg import Linker, TripleStore
from kg.aliases import Alias, Rules, store_aliases
from kg.anchors import HEADER, read_anchors, with_names
from kg.lines import BadLines


def read_texts(path: Path) -> list[str]:
    """One text a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix != ".jsonl":
        return lines
    rows = [json.loads(line) for line in lines]
    return [row["text"] if "text" in row else " ".join(row.get("tokens", row.get("token", []))) for row in rows]


def made_up(count: int, words: list[str], seed: int = 0) -> Iterator[Alias]:
    """Aliases of one to three words, half of the words from the texts, half invented."""
    draw = random.Random(seed)
    for number in range(count):
        length = draw.randint(1, 3)
        parts = [draw.choice(words) if draw.random() < 0.5 else invented(draw) for _ in range(length)]
        if length == 1:
            parts = [invented(draw)]
        yield Alias(f"made-up-{number}", " ".join(parts))


def invented(draw: random.Random) -> str:
    """A capitalised word of three to five syllables."""
    syllables = [draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(draw.randint(3, 5))]
    return "".join(syllables).capitalize()


def speed(linker: Linker, texts: list[str], repeats: int = 3) -> dict[str, float]:
    """Tokens (split at blanks) per second of CPU time, in the first and in the best of some runs, and links."""
    tokens = sum(len(text.split()) for text in texts)
    seconds, links = [], 0
    for _ in range(repeats):
        start = time.process_time()
        links = sum(map(len, linker.link_many(texts)))
        seconds.append(time.process_time() - start)
    first, best = round(tokens / seconds[0]), round(tokens / min(seconds))
    return {"tokens": tokens, "tokens_per_second": best, "first_run": first, "links": links}


def in_memory(store: TripleStore, texts: list[str], words: list[str], more: int) -> dict[str, Any]:
    """The names alone, and with made-up ones."""
    start = time.perf_counter()
    plain = speed(Linker.from_store(store), texts) | {"build_and_link_seconds": round(time.perf_counter() - start, 1)}
    if not more:
        return {"plain": plain}
    aliases = [*store_aliases(store), *made_up(more, words)]
    start = time.perf_counter()
    linker = Linker(aliases, store, Rules())
    built = round(time.perf_counter() - start, 1)
    large = speed(linker, texts) | {"build_seconds": built, "aliases": len(aliases), "made_up": more}
    slower = plain["tokens_per_second"] / large["tokens_per_second"]
    return {"plain": plain, "with_made_up": large, "times_slower": round(slower, 2)}


def write_made_up(path: Path, count: int, words: list[str], seed: int = 1) -> None:
    """A file of anchors, with counts from 1 to about 1,000, most of them small."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for alias in made_up(count, words):
            file.write(f"{alias.text}\t{alias.entity}\t{int(draw.paretovariate(1.0)) % 1000 + 1}\n")


def build(graph: str, names: str | None, anchors: Path, out: Path) -> dict[str, Any]:
    """Build the index, as ``kplm kg index`` does; run in a process of its own for its peak of memory."""
    store = TripleStore.open(graph, names)
    start = time.perf_counter()
    linker = Linker.build(out, with_names(read_anchors(anchors, BadLines()), store_aliases(store)), store)
    return {
        "build_seconds": round(time.perf_counter() - start, 3),
        "build_peak_rss_mb": round(memory("VmHWM")),
        "names": linker.names,
        "disk_mb": round(sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 2**20),
    }


def use(out: Path, texts: list[str]) -> dict[str, Any]:
    """Open the index and link with it; the memory of the graph beside the index is told apart."""
    Linker([Alias("warm", "Warm up")]).link("Imports cost memory too")
    TripleStore.open(out / "graph")
    before = memory("RssAnon")
    graph = TripleStore.open(out / "graph")
    with_graph = memory("RssAnon")
    del graph
    start = time.perf_counter()
    linker = Linker.open(out)
    seconds, opened = time.perf_counter() - start, memory("RssAnon")
    measured = speed(linker, texts)
    return {
        "open_seconds": round(seconds, 3),
        "rss_anon_added_by_opening_mb": round(opened - before, 1),
        "of_it_the_graph_mb": round(with_graph - before, 1),
        "rss_anon_added_after_linking_mb": round(memory("RssAnon") - before, 1),
        **measured,
    }


def on_disk(graph: str, names: str | None, words: list[str], texts: list[str], count: int) -> dict[str, Any]:
    """Write, build, open and use an index, each in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        anchors, out = Path(folder) / "anchors.tsv", Path(folder) / "linker"
        write_made_up(anchors, count, words)
        built = in_own_process(build, graph, names, anchors, out)
        return {"made_up": count, **built, **in_own_process(use, out, texts)}


def rows_of(measured: dict[str, Any]) -> list[Row]:
    """What is told."""
    rows = [Row("names alone", measured["plain"]["tokens_per_second"], "tokens/s", at_least=100_000)]
    if "with_made_up" in measured:
        large = measured["with_made_up"]
        aim = 1.5 if large["made_up"] >= 1_000_000 else None
        rows.append(Row(f"with {large['aliases']:,} aliases", large["tokens_per_second"], "tokens/s"))
        rows.append(Row("made-up aliases", measured["times_slower"], "times slower", at_most=aim))
    if "index" in measured:
        index = measured["index"]
        rows += [
            Row(f"index of {index['names']:,} names", index["tokens_per_second"], "tokens/s"),
            Row("index", measured["index_times_slower_than_plain"], "times slower"),
            Row("index, building", index["build_seconds"], "s"),
            Row("index, building, peak memory", index["build_peak_rss_mb"], "MiB"),
            Row("index, opening", index["open_seconds"], "s"),
            Row("index, memory that opening adds", index["rss_anon_added_by_opening_mb"], "MiB"),
            Row("index, of it the graph", index["of_it_the_graph_mb"], "MiB"),
            Row("index, on disk", index["disk_mb"], "MiB"),
        ]
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    texts = read_texts(options.texts)
    words = sorted({word for text in texts for word in text.split()})
    store = TripleStore.open(options.graph, names=options.names)
    measured = in_memory(store, texts, words, options.made_up)
    if options.aliases:
        index = on_disk(options.graph, options.names, words, texts, options.aliases)
        measured["index"] = index
        slower = measured["plain"]["tokens_per_second"] / index["tokens_per_second"]
        measured["index_times_slower_than_plain"] = round(slower, 2)
    tell("linking", rows_of(measured), options, **measured)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("graph", help="a graph, as for TripleStore.open")
    found.add_argument("names", help="labels and aliases")
    found.add_argument("texts", type=Path)
    found.add_argument("--made-up", type=int, default=1_000_000, help="aliases besides, in memory; 0 for none")
    found.add_argument("--aliases", type=int, default=0, help="aliases besides, in an index on disk; 0 for none")
    return found


if __name__ == "__main__":
    main()
