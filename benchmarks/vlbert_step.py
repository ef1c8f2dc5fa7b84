"""A training step of base-size VL-BERT on words and regions against transformers' BERT (SDPA) on as many tokens.

    python benchmarks/vlbert_step.py [--steps 9] [--threads 2] [--rows 4] [--words 64] [--regions 36] [--precision float32|bfloat16] [--device cpu]

Both have random weights, a linear map to 16 classes on the pooled output and AdamW; VL-BERT also embeds geometry and stored features of width 2048.
Steps of the two alternate in one process; the medians and the median of their ratios are printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from kplm.config import VlBertConfig
from kplm.models import VlBert

CLASSES = 16


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("steps", 9), ("threads", 2), ("rows", 4), ("words", 64), ("regions", 36)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    kind = getattr(torch, args.precision)
    ours = VlBert(VlBertConfig(visual_init=1.0)).to(args.device)
    theirs = BertModel(BertConfig(attn_implementation="sdpa")).to(args.device)
    seen = {name: value.to(args.device) for name, value in _pictures(args.rows, args.words, args.regions).items()}
    read = {name: value.to(args.device) for name, value in _texts(args.rows, args.words + args.regions).items()}
    sides = {
        "kplm": _step(ours, lambda: ours.pooler(ours(seen)), args.rows, kind),
        "transformers": _step(theirs, lambda: theirs(**read).pooler_output, args.rows, kind),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(args.steps + 2):
        for name, step in sides.items() if number % 2 else reversed(sides.items()):
            start = time.perf_counter()
            step()
            if number > 1:  # the first two warm up
                times[name].append(time.perf_counter() - start)
    medians = {name: round(median(values), 4) for name, values in times.items()}
    ratio = median(a / b for a, b in zip(times["kplm"], times["transformers"]))
    print(json.dumps({**vars(args), "median_s": medians, "median_ratio": round(ratio, 3)}))


def _step(model: nn.Module, pool: Callable[[], Tensor], rows: int, kind: torch.dtype) -> Callable[[], None]:
    device = next(model.parameters()).device
    head = nn.Linear(768, CLASSES).to(device)
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=1e-5, fused=True)
    gold = torch.zeros(rows, dtype=torch.long, device=device)
    model.train()

    def step() -> None:
        with torch.autocast(device.type, dtype=kind, enabled=kind != torch.float32):
            loss = nn.functional.cross_entropy(head(pool()).float(), gold)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def _texts(rows: int, length: int) -> dict[str, Any]:
    """One row is padded, so that both sides need a mask."""
    mask = torch.ones(rows, length, dtype=torch.long)
    mask[0, length - 4 :] = 0
    return {"input_ids": torch.randint(1000, 20000, (rows, length)), "attention_mask": mask}


def _pictures(rows: int, words: int, regions: int) -> dict[str, Tensor]:
    real = torch.ones(rows, regions, dtype=torch.long)
    real[0, regions - 4 :] = 0
    return {
        "input_ids": torch.randint(1000, 20000, (rows, words)),
        "document": torch.ones(rows, words, dtype=torch.long),
        "position_ids": torch.arange(words).expand(rows, words),
        "segment_ids": torch.zeros(rows, words, dtype=torch.long),
        "regions": real,
        "region_boxes": torch.rand(rows, regions, 2, 2).sort(dim=2).values.flatten(2),
        "region_features": torch.rand(rows, regions, VlBertConfig.feature_width),
    }


if __name__ == "__main__":
    main()
