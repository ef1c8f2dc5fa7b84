"""A pretraining step of SenseBERT, masked words and supersenses, against one of plain BERT with masked words alone.

    python benchmarks/sensebert_step.py [--steps 9] [--threads 2] [--rows 8] [--length 128] [--precision float32|bfloat16] [--device cpu]

Both are base size with random weights, read the same batch and use AdamW. As many words have supersenses as in BERT's vocabulary: 59 %, with
2.8 each. Steps of the two alternate in one process; the medians and the median of their ratios are printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor

from kplm.config import EncoderConfig, SenseBertConfig
from kplm.fields import IGNORE
from kplm.models import Encoder, SenseBert
from kplm.objectives import MaskedWords, Supersenses, Term, Weighted

SENSES = 45
KNOWN, MEAN = 0.59, 2.8
MASK = 103


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("steps", 9), ("threads", 2), ("rows", 8), ("length", 128)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    kind = getattr(torch, args.precision)
    batch = {name: value.to(args.device) for name, value in _batch(args.rows, args.length).items()}
    sensed = SenseBert(SenseBertConfig(senses=tuple(f"sense{i}" for i in range(SENSES))))
    sensed.know(_allowed(sensed.config.vocab_size), torch.zeros(sensed.config.vocab_size, dtype=torch.bool))
    sides = {
        "supersenses": _step(sensed.to(args.device), [MaskedWords(), Supersenses()], batch, kind),
        "words": _step(Encoder(EncoderConfig()).to(args.device), [MaskedWords()], batch, kind),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(args.steps + 2):
        for name, step in sides.items() if number % 2 else reversed(sides.items()):
            start = time.perf_counter()
            step()
            if number > 1:  # the first two warm up
                times[name].append(time.perf_counter() - start)
    medians = {name: round(median(values), 4) for name, values in times.items()}
    ratio = median(a / b for a, b in zip(times["supersenses"], times["words"]))
    print(json.dumps({**vars(args), "median_s": medians, "median_ratio": round(ratio, 3)}))


def _step(encoder: Encoder, terms: Sequence[Term], batch: dict[str, Tensor], kind: torch.dtype) -> Callable[[], None]:
    objective = Weighted(terms)
    objective.build(encoder)
    device = batch["input_ids"].device
    objective.to(device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *objective.parameters()], lr=1e-5, fused=True)

    def step() -> None:
        with torch.autocast(device.type, dtype=kind, enabled=kind != torch.float32):
            loss = objective(encoder, batch)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def _batch(rows: int, length: int) -> dict[str, Tensor]:
    """15 % of the words are hidden, and one row is padded, so that both sides need a mask."""
    ids = torch.randint(1000, 20000, (rows, length))
    hidden = torch.rand(rows, length) < 0.15
    document = torch.ones(rows, length, dtype=torch.long)
    document[0, length - 4 :] = 0
    return {
        "input_ids": ids.masked_fill(hidden, MASK),
        "mlm_labels": ids.masked_fill(~hidden, IGNORE),
        "document": document,
        "position_ids": torch.arange(length).expand(rows, length),
        "segment_ids": torch.zeros(rows, length, dtype=torch.long),
    }


def _allowed(words: int) -> Tensor:
    known = torch.rand(words, 1) < KNOWN
    return known & (torch.rand(words, SENSES) < MEAN / SENSES)


if __name__ == "__main__":
    main()
