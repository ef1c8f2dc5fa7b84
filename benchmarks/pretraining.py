"""A pretraining step of each system against one of plain BERT on the same tokens.

    python -m benchmarks.pretraining ernie_thu
    python -m benchmarks.pretraining sensebert [--precision bfloat16 --rows 4 --steps 21]
    python -m benchmarks.pretraining bert --device cuda --precision bfloat16 --rows 256 --length 96 --spread 0.8 --packing 512 --cost

ERNIE-THU predicts masked words, the next sentence and entities, plain BERT the first two; SenseBERT words and supersenses, plain BERT
words; BERT, against that of transformers with SDPA, words and the next sentence. 15 % of the words are hidden. All have random weights
and AdamW; 8 rows of 128 tokens if nothing else is said. With ``--spread`` rows have different lengths, which transformers pads and
``--packing`` puts side by side for our layers. ``--cost`` adds peak memory, operations, and which share of the rate of a large
product of matrices in the same precision a step reaches. Targets, in wall time: ERNIE-THU 1.12 of plain BERT's step, SenseBERT 1.05;
on a GPU, in bfloat16 at base size, a step of BERT a third of transformers' time, and 45 % of the matrix rate.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Generator, Tensor
from transformers import BertForPreTraining

from benchmarks.harness import PRECISIONS, Limits, Step, Times, add_options, compared, costs, measured, synchronise
from benchmarks.report import Row, parser, tell
from benchmarks.rows import packed
from benchmarks.steps import inputs, moved, training
from benchmarks.systems import ENTITIES, SIZES, SYSTEMS, seeded, texts, their_config
from kplm.config import ErnieThuConfig
from kplm.data.packing import Packing, row_steps
from kplm.fields import IGNORE, Batch
from kplm.masking import EntityNoise
from kplm.objectives import EntityDenoising, MaskedWords, NextSentence, Supersenses, Term, Weighted

MASK, HIDDEN = 103, 0.15
TERMS: dict[str, tuple[type[Term], ...]] = {
    "bert": (MaskedWords, NextSentence),
    "ernie_thu": (MaskedWords, NextSentence, EntityDenoising),
    "sensebert": (MaskedWords, Supersenses),
}
PLAIN = (MaskedWords, NextSentence)
"""What plain BERT predicts, of these, is what the system predicts too."""
RATIOS = {"ernie_thu": 1.12, "sensebert": 1.05}
"""At most so many times the time of plain BERT's step."""
GPU_RATIO, GPU_SHARE = 1 / 3, 0.45
PRODUCT = {"cpu": 2048, "cuda": 8192}
"""Rows of the matrices whose product tells the rate of a device."""


@dataclass(frozen=True)
class Setting:
    """What both sides are built from, alike."""

    system: str
    size: str
    rows: int
    length: int
    spread: float
    packing: Packing
    precision: str
    device: str
    threads: int

    @property
    def other(self) -> str:
        """The side the system is compared with."""
        return "transformers" if self.system == "bert" else "plain"

    def batch(self) -> dict[str, Tensor]:
        """A batch with hidden words and the knowledge of the system."""
        draw = seeded()
        batch = SYSTEMS[self.system].know(shortened(texts(self.rows, self.length, draw), self.spread, draw), draw)
        batch = hidden(batch, draw)
        return noisy(batch, draw) if "entity_ids" in batch else batch


def side(name: str, setting: Setting) -> Step:
    """A step of the system, 'kplm', or of what it is compared with."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(0)
    batch = setting.batch()
    if name == "transformers":
        return _theirs(batch, setting)
    if name == "kplm":
        for pack in row_steps(setting.packing):
            batch = pack(batch)
    encoder = SYSTEMS[setting.system if name == "kplm" else "bert"].build(SIZES[setting.size])
    terms = [term for term in TERMS[setting.system] if name == "kplm" or term in PLAIN]
    objective = Weighted([term() for term in terms])
    objective.build(encoder)
    modules = [encoder.to(setting.device), objective.to(setting.device)]
    batches = [moved(batch, setting.device)]
    return training(modules, lambda one: objective(encoder, one)["loss"], batches, setting.precision)


def shortened(batch: Batch, spread: float, draw: Generator) -> dict[str, Tensor]:
    """The rows cut to lengths drawn from ``(1 - spread) L`` to L."""
    rows, length = batch["document"].shape
    sizes = length - (torch.rand(rows, generator=draw) * spread * length).long()
    return {**batch, "document": batch["document"] * (torch.arange(length) < sizes[:, None])}


def hidden(batch: Batch, draw: Generator) -> dict[str, Tensor]:
    """15 % of the words hidden, and half of the second sentences random."""
    ids, real = batch["input_ids"], batch["document"] != 0
    chosen = real & (torch.rand(ids.shape, generator=draw) < HIDDEN)
    masked = {"input_ids": ids.masked_fill(chosen, MASK), "mlm_labels": ids.masked_fill(~chosen, IGNORE)}
    return {**batch, **masked, "next_sentence": torch.arange(len(ids)) % 2}


def noisy(batch: Batch, draw: Generator) -> dict[str, Tensor]:
    """Entities exchanged and removed, with the vectors that are left and those of the candidates."""
    table = torch.randn(ENTITIES + 1, ErnieThuConfig.entity_width, generator=draw)
    table[0] = 0
    found = EntityNoise()(batch, draw)
    vectors = {
        "entity_vectors": table[found["entity_ids"].clamp(min=0)],
        "candidate_vectors": table[found["candidate_ids"]],
    }
    return {**found, **vectors}


def matrix_rate(precision: str, device: str) -> float:
    """Operations a second in the product of two large square matrices, the best of five."""
    kind, size = getattr(torch, precision), PRODUCT[torch.device(device).type]
    left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    took = []
    for _ in range(6):  # the first one warms up
        synchronise(device)
        start = time.perf_counter()
        left @ right
        synchronise(device)
        took.append(time.perf_counter() - start)
    return 2 * size**3 / min(took[1:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    setting = Setting(**{name: getattr(options, name) for name in Setting.__dataclass_fields__})
    recipes = {name: partial(side, name, setting) for name in ("kplm", setting.other)}
    times = measured(recipes, options)
    rows = compared(times, {setting.other: Limits(_ratio(setting))}, options.device)
    if options.cost:
        found = costs(recipes, options.device)
        rows += [*found, *_shares(found, times, setting)]
    tell("pretraining", rows, options)


def _ratio(setting: Setting) -> float | None:
    if setting.size != "base":
        return None
    return GPU_RATIO if setting.system == "bert" and _full_gpu(setting) else RATIOS.get(setting.system)


def _full_gpu(setting: Setting) -> bool:
    return setting.device.startswith("cuda") and setting.precision == "bfloat16" and setting.size == "base"


def _shares(costs: Sequence[Row], times: dict[str, Times], setting: Setting) -> list[Row]:
    rate = matrix_rate(setting.precision, setting.device)
    rows = [Row("rate of a large product", rate / 1e12, "TFLOP/s")]
    for name, one in times.items():
        [work] = [row.value * 1e9 for row in costs if row.what == f"{name}, operations of a step"]
        aim = GPU_SHARE if name == "kplm" and _full_gpu(setting) else None
        rows.append(Row(f"{name}, share of that rate", work / median(one.wall) / rate, at_least=aim))
    return rows


def _theirs(batch: Batch, setting: Setting) -> Step:
    model: torch.nn.Module = BertForPreTraining(their_config(SIZES[setting.size]))

    def loss(one: Batch) -> Any:
        return model(**inputs(one), labels=one["mlm_labels"], next_sentence_label=one["next_sentence"]).loss

    return training([model.to(setting.device)], loss, [moved(batch, setting.device)], setting.precision)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("system", choices=TERMS)
    found.add_argument("--size", choices=SIZES, default="base")
    found.add_argument("--rows", type=int, default=8)
    found.add_argument("--length", type=int, default=128)
    found.add_argument("--spread", type=float, default=0.0, help="share of a row that may be missing, from 0 to 1")
    found.add_argument(
        "--packing", type=packed, default="none", help="none, rows, or the positions of a row; for kplm alone"
    )
    found.add_argument("--cost", action="store_true", help="also memory, operations and the share of the matrix rate")
    found.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0])
    add_options(found, steps=9)
    return found


if __name__ == "__main__":
    main()
