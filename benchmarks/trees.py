"""K-BERT's trees: text to tensors per second of CPU time, and what an example weighs.

    python benchmarks/trees.py HOWNET.spo google_vocab.txt TRAIN.tsv [--match longest] [--max_length 128] [--rows 3000]

Sentences are matched, cut into characters, grown, truncated, and padded to tensors batch by batch, on one thread. The
authors' pipeline does 220 sentences a second with its segmenter and 700 without, at this length (see the README here).
"""

from __future__ import annotations

import argparse
import json
import os
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import torch

from kplm.data.annotate import Tree
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder, Truncation
from kplm.data.sources import Tsv
from kplm.data.targets import ClassTargets
from kplm.text import Tokenizer

BATCH = 32


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph")
    parser.add_argument("vocab")
    parser.add_argument("texts")
    parser.add_argument("--match", default="longest", choices=("words", "longest", "forward"))
    parser.add_argument("--max_length", type=int, default=128)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    examples = list(Tsv(text="text_a").read(options.texts))[: options.rows]
    tokenizer = Tokenizer.characters(options.vocab)
    found = {"sentences": len(examples), "characters": round(np.mean([len(one.text) for one in examples]), 1)}
    for truncation in ("window", "plain"):
        found[truncation] = measure(options, examples, tokenizer, truncation)
    print(json.dumps(found, indent=1))


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


if __name__ == "__main__":
    main()
