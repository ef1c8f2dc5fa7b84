"""Speed of linking, and what a million more aliases cost: ``python benchmarks/linking.py GRAPH NAMES TEXTS``.

TEXTS is a JSON-lines file with ``text`` (or FewRel's ``tokens``), or plain lines. Prints JSON. One thread.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

from kg import Linker, TripleStore
from kg.aliases import Alias, Rules, store_aliases


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
    """Tokens (split at blanks) per second, the best of some runs, and links per text."""
    tokens = sum(len(text.split()) for text in texts)
    seconds, links = [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        links = sum(map(len, linker.link_many(texts)))
        seconds.append(time.perf_counter() - start)
    return {"tokens": tokens, "tokens_per_second": round(tokens / min(seconds)), "links": links}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph", help="a graph, as for TripleStore.open")
    parser.add_argument("names", help="labels and aliases")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--made-up", type=int, default=1_000_000)
    arguments = parser.parse_args()
    store = TripleStore.open(arguments.graph, names=arguments.names)
    texts = read_texts(arguments.texts)
    start = time.perf_counter()
    plain = speed(Linker.from_store(store), texts) | {"build_and_link_seconds": round(time.perf_counter() - start, 1)}
    words = sorted({word for text in texts for word in text.split()})
    more = [*store_aliases(store), *made_up(arguments.made_up, words)]
    start = time.perf_counter()
    linker = Linker(more, store, Rules())
    built = round(time.perf_counter() - start, 1)
    large = speed(linker, texts) | {"build_seconds": built, "aliases": len(more)}
    slower = plain["tokens_per_second"] / large["tokens_per_second"]
    print(json.dumps({"plain": plain, "with_made_up": large, "times_slower": round(slower, 2)}, indent=1))


if __name__ == "__main__":
    main()
