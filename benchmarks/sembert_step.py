"""A training step of SemBERT against one of plain BERT, both with a classifier on top, on the same batch.

    python benchmarks/sembert_step.py [--steps 9] [--threads 2] [--rows 4] [--length 128] [--tags linear|gru] [--precision float32|bfloat16] [--device cpu]

Both are base size with random weights, read [CLS] through a pooler and use AdamW. A word has 1.3 pieces in the mean and 5 at most, and a row three
predicate-argument structures. Steps of the two alternate in one process; the medians of wall and of processor time and of their ratios are printed
as JSON, and how many operations the products of matrices of a step take.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from kplm.config import EncoderConfig, SemBertConfig
from kplm.heads import Classify
from kplm.models import BaseEncoder, Encoder, SemBert
from kplm.role_tags import tags_of

CLASSES = ("contradiction", "entailment", "neutral")
ASPECTS = 3
PIECES = (0.82, 0.1, 0.05, 0.02, 0.01)
"""How often a word has one piece, two, ..."""


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("steps", 9), ("threads", 2), ("rows", 4), ("length", 128)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--tags", choices=("linear", "gru"), default="linear")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    kind, names = getattr(torch, args.precision), tags_of("full")
    batch = {name: value.to(args.device) for name, value in _batch(args.rows, args.length, len(names)).items()}
    roles = SemBert(SemBertConfig(tags=names, aspects=ASPECTS, tag_encoder=args.tags))
    sides = {
        "roles": _step(roles.to(args.device), batch, kind),
        "words": _step(Encoder(EncoderConfig()).to(args.device), batch, kind),
    }
    wall: dict[str, list[float]] = {name: [] for name in sides}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(args.steps + 2):
        for name, step in sides.items() if number % 2 else reversed(sides.items()):
            start = time.perf_counter(), time.process_time()
            step()
            if number > 1:  # the first two warm up
                wall[name].append(time.perf_counter() - start[0])
                processor[name].append(time.process_time() - start[1])
    print(json.dumps({**vars(args), "wall": _told(wall), "processor": _told(processor), **_operations(sides)}))


def _told(times: dict[str, list[float]]) -> dict[str, float]:
    ratio = median(a / b for a, b in zip(times["roles"], times["words"]))
    return {**{name: round(median(values), 4) for name, values in times.items()}, "ratio": round(ratio, 3)}


def _operations(sides: dict[str, Callable[[], None]]) -> dict[str, dict[str, float]]:
    found = {}
    for name, step in sides.items():
        with FlopCounterMode(display=False) as counter:
            step()
        found[name] = round(counter.get_total_flops() / 1e9, 1)
    return {"gflop": {**found, "ratio": round(found["roles"] / found["words"], 3)}}


def _step(encoder: BaseEncoder, batch: dict[str, Tensor], kind: torch.dtype) -> Callable[[], None]:
    head, device = Classify(), batch["input_ids"].device
    head.build(encoder, CLASSES)
    head.to(device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-5, fused=True)

    def step() -> None:
        with torch.autocast(device.type, dtype=kind, enabled=kind != torch.float32):
            loss = head.loss(head(encoder, batch), batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def _batch(rows: int, length: int, tags: int) -> dict[str, Tensor]:
    """One row is padded, so that both sides need a mask."""
    document = torch.ones(rows, length, dtype=torch.long)
    document[0, length - 4 :] = 0
    word_of = torch.stack([_words(length) for _ in range(rows)]) * document
    read = torch.arange(int(word_of.max())) < word_of.amax(1)[:, None]  # [B, S]
    return {
        "input_ids": torch.randint(1000, 20000, (rows, length)),
        "document": document,
        "position_ids": torch.arange(length).expand(rows, length),
        "segment_ids": torch.zeros(rows, length, dtype=torch.long),
        "word_of": word_of,
        "role_tags": torch.randint(3, tags, (rows, ASPECTS, read.shape[1])) * read[:, None],
        "label": torch.arange(rows) % len(CLASSES),
    }


def _words(length: int) -> Tensor:
    """The word of each token ``[L]``."""
    pieces = torch.multinomial(torch.tensor(PIECES), length, replacement=True) + 1
    return torch.arange(1, length + 1).repeat_interleave(pieces)[:length]


if __name__ == "__main__":
    main()
