"""Sentences a second while fine-tuning on FewRel: ours (length batches, bf16) against transformers' BERT (padded to 128, fp32).

    python benchmarks/fewrel_epoch.py TRAIN.jsonl [--batches 40] [--threads 2]

The two sides take turns, batch by batch, over the first batches of an epoch; each row of the table of results is sentences trained per second.
'transformers' pads all rows to 128 in batches of 32 and runs in float32, as its examples do; 'transformers_dynamic' pads to the longest
row of a random batch of 32 and runs in bf16.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from encoder_step import MINILM, _step, _theirs, _transformers
from torch import Tensor

from kplm.data.batches import padding_share
from kplm.data.module import TextData
from kplm.data.sources import FewRel
from kplm.hub import bert

Batch = dict[str, Tensor]


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = TextData(
        FewRel(), MINILM, train=args.train, markers={"head": "#", "tail": "$"}, max_length=128, batch_tokens=1536
    )
    data.setup("fit")
    rows = data._rows["train"]
    loader = data.train_dataloader()
    mine = list(loader.batch_sampler)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).tolist()
    random = [order[i : i + 32] for i in range(0, len(order), 32)]
    encoder = bert(MINILM)
    fixed, dynamic = _transformers(encoder), _transformers(encoder)
    sides = {
        "kplm": (_step(encoder, lambda batch: encoder.pooler(encoder(batch)), torch.bfloat16), mine, False),
        "transformers": (_step(fixed, _theirs(fixed), torch.float32), random, True),
        "transformers_dynamic": (_step(dynamic, _theirs(dynamic), torch.bfloat16), random, False),
    }
    spent = dict.fromkeys(sides, 0.0)
    done = dict.fromkeys(sides, 0)
    for number in range(args.batches + 1):
        for name, (step, batches, pad) in sides.items():
            chosen = [rows[i] for i in batches[number]]
            start = time.perf_counter()
            batch = data.collator(chosen)
            step(_padded(batch) if pad else batch)
            if number:  # the first warms up
                spent[name] += time.perf_counter() - start
                done[name] += len(chosen)
    rates = {name: round(done[name] / spent[name], 1) for name in sides}
    ratios = {name: round(rates["kplm"] / rate, 2) for name, rate in rates.items()}
    padded = round(padding_share(rows.lengths, mine), 4)
    print(json.dumps({**vars(args), "sentences_per_s": rates, "times_faster": ratios, "padding_share": padded}))


def _padded(batch: Batch, length: int = 128) -> Batch:
    def pad(value: Tensor) -> Tensor:
        return torch.nn.functional.pad(value, (0, length - value.shape[1]))

    return {
        name: pad(value) if value.ndim == 2 and name != "mark_positions" else value for name, value in batch.items()
    }


if __name__ == "__main__":
    main()
