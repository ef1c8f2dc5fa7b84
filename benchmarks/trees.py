"""K-BERT's trees: text to tensors per second of CPU time, and what an example weighs.

    python -m benchmarks.trees HOWNET.spo google_vocab.txt TRAIN.tsv [--match longest] [--max_length 128] [--rows 3000]

Sentences are matched, cut into characters, grown, truncated, and padded to tensors batch by batch, on one thread. The
authors' pipeline does 220 sentences a second with its segmenter and 700 without, at this length (see the README here).
Target: 8,000 in the median run.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import torch

from benchmarks.report import Row, parser, tell
from kplm.data.annotate import Tree
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder, Truncation
from kplm.data.sources import Tsv
from kplm.data.targets import ClassTargets
from kplm.text import Tokenizer

BATCH = 32
TRUNCATIONS: tuple[Truncation, ...] = ("window", "plain")
LEAST = 8000
"""Sentences a second of processor time."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    torch.set_num_threads(1)
    examples = list(Tsv(text="text_a").read(options.texts))[: options.rows]
    tokenizer = Tokenizer.characters(options.vocab)
    characters = round(float(np.mean([len(one.text) for one in examples])), 1)
    found = {how: measure(options, examples, tokenizer, how) for how in TRUNCATIONS}
    rows = []
    for how, one in found.items():
        aim = LEAST if how == TRUNCATIONS[0] else None
        rows += [
            Row(f"truncation {how}, median run", one["sentences_per_s_median"], "sentences/s", at_least=aim),
            Row(f"truncation {how}, best run", one["sentences_per_s_best"], "sentences/s"),
            Row(f"truncation {how}, fields", one["bytes_per_token"], "bytes a token"),
        ]
    tell("trees", rows, options, sentences=len(examples), characters=characters, **found)


def measure(
    options: argparse.Namespace, examples: list, tokenizer: Tokenizer, truncation: Truncation
) -> dict[str, float]:
    """Sentences a second in the best and in the median run, and the size of an example."""
    tree = Tree(options.graph, match=options.match)
    encoder = TextEncoder(
        tokenizer, [tree], max_length=options.max_length, targets=ClassTargets(["0", "1"]), truncation=truncation
    )
    encoder(examples[:50])  # the graph is read
    took, rows = [], []
    for _ in range(options.runs):
        start = time.process_time()
        rows = encoder(examples)
        collate = Collator()
        for at in range(0, len(rows), BATCH):
            collate(rows[at : at + BATCH])
        took.append(time.process_time() - start)
    sizes = [sum(np.asarray(value).nbytes for value in row.values()) for row in rows]
    lengths = [len(row["input_ids"]) for row in rows]
    return {
        "sentences_per_s_best": round(len(examples) / min(took)),
        "sentences_per_s_median": round(len(examples) / float(np.median(took))),
        "tokens_mean": round(float(np.mean(lengths)), 1),
        "bytes_per_token": round(sum(sizes) / sum(lengths), 1),
    }


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("graph")
    found.add_argument("vocab")
    found.add_argument("texts")
    found.add_argument("--match", default="longest", choices=("words", "longest", "forward"))
    found.add_argument("--max_length", type=int, default=128)
    found.add_argument("--rows", type=int, default=3000)
    found.add_argument("--runs", type=int, default=5)
    return found


if __name__ == "__main__":
    main()
