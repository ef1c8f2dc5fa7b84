"""A fine-tuning step of each system against transformers' BERT (SDPA) of the same size on as many tokens, and against our own BERT.

    python -m benchmarks.step bert --size minilm --texts FEWREL/train.jsonl --steps 21
    python -m benchmarks.step kbert --size minilm --texts TRAIN.tsv --graph HOWNET.spo --vocab google_vocab.txt --against plain --steps 41
    python -m benchmarks.step vlbert --rows 4 --length 64
    python -m benchmarks.step sembert --against plain [--precision bfloat16] [--cost]

All have random weights, a linear map to 16 classes on the pooled output and AdamW. Batches are made up, 4 rows of 128 tokens with knowledge
beside them (VL-BERT: 36 regions more), unless texts are given: sentences of FewRel, batched by length, or for K-BERT a table of texts that
grow the triples of a graph. Without knowledge the same tokens are read through a padding mask. ``--cost`` adds the peak memory and the
operations of a step of each side. Targets, in wall time:

- BERT, MiniLM size, float32: 1.0 of transformers' time; base size, bfloat16: 0.7;
- K-BERT on trees: 1.05 of the same tokens with a padding mask;
- SemBERT: 1.10 of plain BERT's step; VL-BERT: 1.05 of transformers' on as many tokens.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from transformers import BertModel

from benchmarks.harness import PRECISIONS, Limits, Step, add_options, compared, costs, measured
from benchmarks.report import parser, tell
from benchmarks.rows import batches_by_length, collated, fewrel, reviews
from benchmarks.steps import fine_tuning, ours, theirs
from benchmarks.systems import SIZES, SYSTEMS, seeded, texts, their_config
from kplm.fields import Batch

SIDES = ("kplm", "plain", "transformers")
"""The system; our BERT on the same tokens without knowledge; transformers' BERT on as many tokens."""
MOST_ROWS = 2000
"""Texts that are read of a file."""
TARGETS = {
    ("bert", "minilm", "float32", "transformers"): 1.0,
    ("bert", "base", "bfloat16", "transformers"): 0.7,
    **{("vlbert", "base", kind, "transformers"): 1.05 for kind in PRECISIONS},
    **{("kbert", size, kind, "plain"): 1.05 for size in ("minilm", "base") for kind in PRECISIONS},
    **{("sembert", "base", kind, "plain"): 1.10 for kind in PRECISIONS},
}
"""At most so many times the other side's time."""
OF_TREES, OF_ENTITIES = ("branch", "anchor"), ("entity_positions", "entity_ids", "entity_vectors")
OF_ROLES, OF_REGIONS = ("word_of", "role_tags"), ("regions", "region_boxes", "region_features")
KNOWLEDGE = {*OF_TREES, *OF_ENTITIES, *OF_ROLES, *OF_REGIONS}
"""Fields that plain BERT does without."""


@dataclass(frozen=True)
class Setting:
    """What every side is built from, alike."""

    system: str
    size: str
    rows: int
    length: int
    batch_tokens: int
    precision: str
    device: str
    threads: int
    texts: str | None
    graph: str | None
    vocab: str | None

    def batches(self) -> list[dict[str, Tensor]]:
        """Batches with the knowledge of the system."""
        if self.graph is not None and self.vocab is not None and self.texts is not None:
            return self._collated(reviews(self.texts, self.graph, self.vocab, MOST_ROWS))
        draw = seeded()
        read = [] if self.texts is None else self._collated(fewrel(self.texts, MOST_ROWS))
        plain = read or [texts(self.rows, self.length, draw)]
        return [SYSTEMS[self.system].know(batch, draw) for batch in plain]

    def _collated(self, rows: list) -> list[dict[str, Tensor]]:
        return [collated(rows, batch) for batch in batches_by_length(rows, self.batch_tokens)]


def side(name: str, setting: Setting) -> Step:
    """A step of one of :data:`SIDES`."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(0)
    system, batches = SYSTEMS[setting.system], setting.batches()
    sizes = {**system.sizes, **SIZES[setting.size]}
    if name == "kplm":
        model = system.build(sizes)
        return fine_tuning(model, ours(model), batches, setting.precision, setting.device)
    plain = [without_knowledge(batch, system.extra) for batch in batches]
    if name == "plain":
        bert = SYSTEMS["bert"].build(sizes)
        return fine_tuning(bert, ours(bert), plain, setting.precision, setting.device)
    other = BertModel(their_config(sizes))
    return fine_tuning(other, theirs(other), plain, setting.precision, setting.device)


def without_knowledge(batch: Batch, extra: int) -> dict[str, Tensor]:
    """Tokens alone, so many more of them."""
    kept = {name: value for name, value in batch.items() if name not in KNOWLEDGE}
    if not extra:
        return kept
    more = {"document": batch["regions"], "input_ids": batch["input_ids"][:, :1].expand(-1, extra)}
    more["position_ids"] = kept["position_ids"].shape[1] + torch.arange(extra).repeat(len(more["document"]), 1)
    more["segment_ids"] = 0 * more["document"]
    return {name: torch.cat([kept[name], value], dim=1) for name, value in more.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    setting = Setting(**{name: getattr(options, name) for name in Setting.__dataclass_fields__})
    others = [name for name in options.against if setting.system != "bert" or name != "plain"]
    recipes = {name: partial(side, name, setting) for name in ("kplm", *others)}
    times = measured(recipes, options)
    run = (setting.system, setting.size, setting.precision)
    rows = compared(times, {name: Limits(TARGETS.get((*run, name))) for name in others}, options.device)
    rows += costs(recipes, options.device) if options.cost else []
    tell("step", rows, options)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("system", choices=SYSTEMS)
    found.add_argument("--against", nargs="+", choices=SIDES[1:], default=list(SIDES[1:]))
    found.add_argument("--size", choices=SIZES, default="base")
    found.add_argument("--rows", type=int, default=4)
    found.add_argument("--length", type=int, default=128)
    found.add_argument("--texts", help="FewRel's JSON lines; for K-BERT a table with a column text_a")
    found.add_argument("--graph", help="for K-BERT: what grows in these texts")
    found.add_argument("--vocab", help="for K-BERT: the characters")
    found.add_argument("--batch_tokens", type=int, default=1536, help="positions of a batch of texts at most")
    found.add_argument("--cost", action="store_true", help="also peak memory and operations, each side by itself")
    found.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0])
    add_options(found, steps=15)
    return found


if __name__ == "__main__":
    main()
