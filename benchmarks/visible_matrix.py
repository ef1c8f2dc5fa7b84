"""What K-BERT's visible matrix costs: a training step on trees against the same tokens with a padding mask.

    python benchmarks/visible_matrix.py HOWNET.spo google_vocab.txt TRAIN.tsv [--steps 21] [--hidden 768 --layers 12] [--bf16]

The two kinds of step alternate on the same batches, so that what else the machine does meets both. Random weights: the
time of a step does not depend on them. Prints JSON; the ratio is the median over steps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from kplm.config import EncoderConfig
from kplm.data.annotate import Tree
from kplm.data.batches import LengthBatches
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.sources import Tsv
from kplm.models import Encoder
from kplm.text import Tokenizer

TREE_FIELDS = ("branch", "anchor")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph")
    parser.add_argument("vocab")
    parser.add_argument("texts")
    parser.add_argument("--steps", type=int, default=21)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--batch_tokens", type=int, default=2048)
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    encoder = Encoder(
        EncoderConfig(vocab_size=21128, hidden=options.hidden, layers=options.layers, heads=12, ffn=4 * options.hidden)
    )
    encoder.pooler = None
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-5, fused=True)
    took: dict[str, list[float]] = {"tree": [], "padding": []}
    batches = trees(options)
    for step in range(options.steps + 1):
        batch = batches[step % len(batches)]
        plain = {name: value for name, value in batch.items() if name not in TREE_FIELDS}
        pairs = [("tree", batch), ("padding", plain)]
        for kind, one in pairs if step % 2 else reversed(pairs):
            seconds = train(encoder, optimizer, one, options.bf16)
            if step:
                took[kind].append(seconds)
    ratios = np.array(took["tree"]) / np.array(took["padding"])
    shapes = [tuple(batch["input_ids"].shape) for batch in batches]
    print(
        json.dumps(
            {
                "ratio_median": round(float(np.median(ratios)), 3),
                "ratio_quartiles": [round(float(x), 3) for x in np.quantile(ratios, (0.25, 0.75))],
                "tree_s": round(float(np.median(took["tree"])), 3),
                "padding_s": round(float(np.median(took["padding"])), 3),
                "first_shapes": shapes[:4],
                "branch_tokens": round(float(np.mean([(b["branch"] > 0).float().mean() for b in batches])), 3),
                "padded": round(float(np.mean([(b["document"] == 0).float().mean() for b in batches])), 3),
            },
            indent=1,
        )
    )


def trees(options: argparse.Namespace) -> list[dict[str, Tensor]]:
    """Batches of grown texts by length, as training draws them."""
    examples = list(Tsv(text="text_a").read(options.texts))[:2000]
    tree = Tree(options.graph, match="longest")
    rows = TextEncoder(Tokenizer.characters(options.vocab), [tree], max_length=128)(examples)
    batches = LengthBatches([len(row["input_ids"]) for row in rows], options.batch_tokens, 32, 0)
    collate = Collator()
    return [collate([rows[i] for i in batch]) for batch in list(batches)[: options.steps + 1]]


def train(encoder: Encoder, optimizer: torch.optim.Optimizer, batch: Mapping[str, Tensor], bf16: bool) -> float:
    """Wall seconds of one step."""
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = encoder(batch).float()[:, 0].square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
