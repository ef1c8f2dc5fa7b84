"""How fast a prepared corpus is read: rows alone, and masked batches as pretraining gets them.

    python -m benchmarks.shards [CORPUS] [--megabytes 8] [--shards 4]

CORPUS is what ``kplm prepare`` wrote; without it one is made of made-up documents. Rows are read in random order; the memory of opening
is what no file stands behind. One thread; each number is of a fresh process.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.own_process import in_own_process, memory
from benchmarks.prepare import MEGABYTE, documents, write
from benchmarks.report import Row, parser, tell
from benchmarks.rows import MINILM
from kplm.data.corpus.prepare import prepare
from kplm.data.pretraining import CorpusData
from kplm.data.stored import CorpusRows
from kplm.masking import MaskWords, WholeWords

MOST = 20_000
"""Rows that are read."""
BATCHES = 200


def made_up(folder: Path, megabytes: float, shards: int) -> Path:
    """A corpus of made-up text in so many shards."""
    source, out = folder / "text.jsonl", folder / f"corpus{shards}"
    if not source.exists():
        write(documents(None), source, round(megabytes * MEGABYTE))
    with contextlib.redirect_stdout(io.StringIO()):
        prepare(str(source), str(out), tokenizer=MINILM, processes=1, shards=shards)
    return out


def measure(folder: str) -> dict[str, float]:
    """Open a corpus, read rows of it, then batches."""
    torch.set_num_threads(1)
    CorpusRows(folder)  # imports
    before, start = memory("RssAnon"), time.perf_counter()
    rows = CorpusRows(folder)
    opening, added = time.perf_counter() - start, memory("RssAnon") - before
    order = np.random.default_rng(0).permutation(len(rows))[:MOST].tolist()
    start = time.perf_counter()
    tokens = sum(len(rows[row]["input_ids"]) for row in order)
    seconds = time.perf_counter() - start
    return {
        "rows": len(rows),
        "open_ms": 1000 * opening,
        "open_anonymous_mib": added,
        "rows_per_s": len(order) / seconds,
        "tokens_per_s": tokens / seconds,
        **batches(folder),
    }


def batches(folder: str) -> dict[str, float]:
    """Masked batches through the loader of training, in this process."""
    data = CorpusData(train=folder, maskers=[MaskWords(WholeWords())])
    data.setup("fit")
    loader = iter(data.train_dataloader())
    next(loader)
    start, tokens, count = time.perf_counter(), 0, 0
    for _, batch in zip(range(BATCHES), loader):
        tokens, count = tokens + int((batch["document"] != 0).sum()), count + 1
    seconds = time.perf_counter() - start
    return {"batches": count, "batch_tokens_per_s": tokens / seconds, "peak_memory_mib": memory("VmHWM")}


def rows_of(found: dict[str, float]) -> list[Row]:
    """What is told of a corpus."""
    return [
        Row("rows in random order", found["rows_per_s"], "rows/s"),
        Row("rows in random order", found["tokens_per_s"], "tokens/s"),
        Row("masked batches", found["batch_tokens_per_s"], "tokens/s"),
        Row("opening", found["open_ms"], "ms"),
        Row("memory that opening adds", found["open_anonymous_mib"], "MiB"),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with tempfile.TemporaryDirectory() as place:
        corpus = options.corpus or made_up(Path(place), options.megabytes, options.shards)
        found = in_own_process(measure, str(corpus))
    tell("shards", rows_of(found), options, found=found)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("corpus", nargs="?")
    found.add_argument("--megabytes", type=float, default=8, help="of made-up text")
    found.add_argument("--shards", type=int, default=4, help="of the made-up corpus")
    return found


if __name__ == "__main__":
    main()
