"""The losses of a pretraining run, one panel a term, from the metrics.csv that every run writes.

python benchmarks/plot_losses.py runs/ernie_thu_pretrain_small/lightning_logs/version_0/metrics.csv docs/systems/ernie_thu_pretraining.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

TERMS = {"masked_words": "masked words", "next_sentence": "next sentence", "entity_denoising": "entity denoising"}
SMOOTHING = 10
"""Logged training steps that are averaged."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics", type=Path, help="metrics.csv of the run")
    parser.add_argument("picture", type=Path, help="PNG to write")
    args = parser.parse_args()
    table = pd.read_csv(args.metrics)
    figure = Figure(figsize=(3.6 * len(TERMS), 3.2), layout="constrained")
    for axes, (term, title) in zip(figure.subplots(1, len(TERMS)), TERMS.items()):
        train = table[["step", f"train/{term}"]].dropna()
        held_out = table[["step", f"val/{term}_loss", f"val/{term}_accuracy"]].dropna()
        axes.plot(train["step"], train[f"train/{term}"].rolling(SMOOTHING, min_periods=1).mean(), color="C0", lw=1)
        axes.plot(held_out["step"], held_out[f"val/{term}_loss"], "o-", color="C1", ms=4)
        last = held_out.iloc[-1]
        axes.set_title(f"{title}: {last[f'val/{term}_accuracy']:.1%} right at the end", fontsize=10)
        axes.set_xlabel("step")
        axes.set_ylim(0, min(1.05 * train[f"train/{term}"].max(), 2 * held_out[f"val/{term}_loss"].max()))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("loss (nats)")
    figure.legend(["training", "held out"], loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(args.picture, dpi=110)


if __name__ == "__main__":
    main()
