"""Sentences a second in a whole epoch of fine-tuning, against transformers' BERT with fixed and with dynamic padding.

    python -m benchmarks.epoch fewrel FEWREL/train.jsonl [--packing rows] [--steps 20]
    python -m benchmarks.epoch chnsenticorp TRAIN.tsv --graph HOWNET.spo --vocab google_vocab.txt

'kplm' draws batches by length and packs them where ``--packing`` says so; 'transformers fixed' pads random batches of 32 rows to 128, as
its examples do, 'transformers dynamic' to the longest row. Each runs in float32 and in bfloat16, with random weights and AdamW, MiniLM's
size if nothing else is said; collating counts. On ChnSentiCorp texts are grown with the triples of HowNet, and transformers gets the same
tokens with soft positions and the visible matrix as a mask. Sides take turns batch by batch; ``--steps`` stops after so many of them.

Targets on FewRel, sentences a second in bfloat16 on two cores: 8 times transformers in float32 padded to 128, 1.5 times transformers in
bfloat16 with dynamic padding.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertModel

from benchmarks.harness import PRECISIONS, Step, Times, add_options, costs, measured
from benchmarks.report import Row, parser, tell
from benchmarks.rows import LONGEST, batches_by_length, collated, fewrel, packed, reviews
from benchmarks.steps import CLASSES, Pool, moved, ours, theirs, updating
from benchmarks.systems import CHINESE, SIZES, SYSTEMS, seeded, their_config
from kplm.data.encode import Row as Fields
from kplm.data.packing import Packing, shared_rows
from kplm.fields import FIELDS, Batch
from kplm.nn.visibility import by_fields

TOKENS = {"fewrel": 1536, "chnsenticorp": 4096}
"""Most positions of our batches, as in the configs."""
RANDOM = 32
"""Rows of a random batch."""
TARGETS = {"transformers fixed float32": 8.0, "transformers dynamic bfloat16": 1.5}
"""FewRel: 'kplm bfloat16' is at least so many times as fast."""
KINDS = ("kplm", "transformers fixed", "transformers dynamic")
SIDES = tuple(f"{kind} {precision}" for kind in KINDS for precision in PRECISIONS)


@dataclass(frozen=True)
class Setting:
    """What all sides are built from."""

    task: str
    train: str
    graph: str | None
    vocab: str | None
    size: str
    packing: Packing
    most: int | None
    device: str
    threads: int

    def rows(self) -> list[Fields]:
        """The training rows."""
        if self.task == "fewrel":
            return fewrel(self.train, self.most)
        if self.graph is None or self.vocab is None:
            raise SystemExit(
                "chnsenticorp needs --graph and --vocab; for K-BERT's these are HowNet.spo and google_vocab.txt."
            )
        return reviews(self.train, self.graph, self.vocab, self.most)

    def sizes(self) -> dict[str, int]:
        """Of the encoder."""
        return SIZES[self.size] | ({} if self.task == "fewrel" else {"vocab_size": CHINESE})

    def batches(self, side: str, rows: Sequence[Fields]) -> list[list[int]]:
        """The batches of an epoch as a side draws them."""
        if side.startswith("kplm"):
            return batches_by_length(rows, TOKENS[self.task])
        order = torch.randperm(len(rows), generator=seeded()).tolist()
        return [order[i : i + RANDOM] for i in range(0, len(order), RANDOM)]


def side(name: str, setting: Setting) -> Step:
    """One of :data:`SIDES`; a step is one of its batches, and nothing once they are used up."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(0)
    rows = setting.rows()
    kind, _, precision = name.rpartition(" ")
    model, pool, made = _kplm(rows, setting) if kind == "kplm" else _transformers(kind, rows, setting)
    batches, head = setting.batches(name, rows), torch.nn.Linear(_width(setting), CLASSES).to(setting.device)
    update = updating([model.to(setting.device), head], precision)

    def step(number: int) -> None:
        if number < len(batches):
            batch = moved(made(batches[number % len(batches)]), setting.device)
            gold = torch.arange(len(batch["document"]), device=setting.device) % CLASSES
            update(lambda: F.cross_entropy(head(pool(batch)).float(), gold))

    return step


def visible(batch: Batch) -> Batch:
    """With what a tree lets its tokens see, ``[B, 1, L, L]`` bool, where the batch holds trees."""
    return {**batch, "visible": by_fields(batch).dense()[:, None]} if "branch" in batch else batch


def padded(batch: Batch, length: int = LONGEST) -> dict[str, Tensor]:
    """The tokens padded to a fixed length."""
    of_tokens = {name: value for name, value in batch.items() if FIELDS[name].shape == "L"}
    return {
        **batch,
        **{
            name: F.pad(value, (0, length - value.shape[1]), value=int(FIELDS[name].pad))
            for name, value in of_tokens.items()
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    setting = Setting(**{name: getattr(options, name) for name in Setting.__dataclass_fields__})
    rows = setting.rows()
    batches = {name: setting.batches(name, rows) for name in options.sides}
    rounds = min(options.steps or len(rows), max(map(len, batches.values())))
    recipes = {name: partial(side, name, setting) for name in options.sides}
    times = measured(recipes, options, rounds)
    found = _rates(times, batches, setting)
    found += _padding(rows, batches, options.packing)
    found += costs(recipes, options.device) if options.cost else []
    tell("epoch", found, options, sentences=len(rows), rounds=len(next(iter(times.values())).wall))


def _kplm(rows: Sequence[Fields], setting: Setting) -> tuple[torch.nn.Module, Pool, Callable[[list[int]], Batch]]:
    model = SYSTEMS["bert"].build(setting.sizes())
    return model, ours(model), lambda batch: collated(rows, batch, setting.packing)


def _transformers(
    kind: str, rows: Sequence[Fields], setting: Setting
) -> tuple[torch.nn.Module, Pool, Callable[[list[int]], Batch]]:
    model = BertModel(their_config(setting.sizes()))
    fill: Callable[[Batch], Batch] = padded if kind.endswith("fixed") else dict
    return model, theirs(model), lambda batch: visible(fill(collated(rows, batch)))


def _width(setting: Setting) -> int:
    return their_config(setting.sizes()).hidden_size


def _rates(times: dict[str, Times], batches: dict[str, list[list[int]]], setting: Setting) -> list[Row]:
    rates = {name: sum(map(len, batches[name][: len(one.wall)])) / sum(one.wall) for name, one in times.items()}
    found = [Row(name, rate, "sentences/s") for name, rate in rates.items()]
    fast = "kplm bfloat16"
    for name in rates if fast in rates else ():
        if name != fast:
            aim = TARGETS.get(name) if (setting.task, setting.size) == ("fewrel", "minilm") else None
            found.append(Row(f"{fast} / {name}", rates[fast] / rates[name], "times as fast", at_least=aim))
    return found


def _padding(rows: Sequence[Fields], batches: dict[str, list[list[int]]], packing: Packing) -> list[Row]:
    sizes, found = np.array([len(row["input_ids"]) for row in rows]), {}
    for name, own in batches.items():
        kind = name.rpartition(" ")[0]
        width, pack = (LONGEST if kind.endswith("fixed") else 0), (packing if kind == "kplm" else "none")
        positions = sum(_positions(sizes[batch], width, pack) for batch in own)
        found[kind] = Row(f"{kind}, padded positions", 100 * (1 - int(sizes.sum()) / positions), "%")
    return list(found.values())


def _positions(sizes: np.ndarray, width: int, packing: Packing) -> int:
    """What the layers compute for one batch."""
    padded = len(sizes) * (width or int(sizes.max()))
    return padded if packing == "none" else min(padded, shared_rows(sizes, packing).numel())


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("task", choices=TOKENS)
    found.add_argument("train", help="FewRel's JSON lines, or a table with a column text_a")
    found.add_argument("--graph", help="grows in the texts of chnsenticorp")
    found.add_argument("--vocab", help="their characters")
    found.add_argument("--size", choices=SIZES, default="minilm")
    found.add_argument(
        "--packing", type=packed, default="none", help="none, rows, or the positions of a row; for kplm alone"
    )
    found.add_argument(
        "--sides", nargs="+", choices=SIDES, default=list(SIDES), metavar="SIDE", help=f"some of {SIDES}"
    )
    found.add_argument("--most", type=int, help="read so many texts at most")
    found.add_argument("--cost", action="store_true", help="also peak memory and operations, each side by itself")
    add_options(found, steps=0)
    return found


if __name__ == "__main__":
    main()
