"""Does the knowledge help? The same run with the source on, off, shuffled or crippled, under the same seeds and data order."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, get_args

from kg.places import whole_file
from kplm.errors import KplmError, did_you_mean
from kplm.folder import json_object
from kplm.knowledge import Knowledge

MODES = get_args(Knowledge)
CONTROL = "control"
OF_KNOWLEDGE = ("--data.annotators", "--data.init_args.annotators", "--data.graph", "--data.init_args.graph")
"""Forwarded options that a control without knowledge has no place for."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % confidence half-width (Student's t over seeds); the half-width is nan with one seed."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Summarise one value a seed."""
        if len(values) < 2:
            return cls(fmean(values), math.nan)
        from scipy.stats import t

        return cls(fmean(values), float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values)))

    def __str__(self) -> str:
        shown = f"{100 * self.mean:.2f}"
        return shown if math.isnan(self.half) else f"{shown} ± {100 * self.half:.2f}"


class Results:
    """Scores of finished runs, on disk after each, so that a stopped comparison goes on where it was.

    Args:
        path: JSON file; created on the first score.
        key: what all runs have in common; scores of another key are not reused.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        found = json_object(path, "Remove it to run all anew.") if path.exists() else {}
        self.scores: dict[str, dict[str, float]] = found.get("scores", {}) if found.get("key") == key else {}

    def __contains__(self, run: str) -> bool:
        return run in self.scores

    def add(self, run: str, scores: dict[str, float]) -> None:
        """Keep the scores of one run."""
        self.scores[run] = scores
        with whole_file(self.path) as file:
            file.write(json.dumps({"key": self.key, "scores": self.scores}, indent=2) + "\n")

    def values(self, arm: str, metric: str, seeds: int) -> list[float]:
        """One value a seed, in the order of the seeds.

        Raises:
            KplmError: the runs have no such metric.
        """
        first = self.scores[f"{arm}/0"]
        if metric not in first:
            raise KplmError(
                f"the runs have no metric '{metric}'; they have {', '.join(first)}.{did_you_mean(metric, first)}"
            )
        return [self.scores[f"{arm}/{seed}"][metric] for seed in range(seeds)]


def compare(
    configs: list[str],
    knowledge: str = "on,off,shuffled",
    seeds: int = 3,
    control: str | None = None,
    variants: list[str] | None = None,
    metric: str | None = None,
    out: str = "runs/compare",
    keep: bool = False,
    forward: list[str] | None = None,
) -> None:
    """Run one task with its knowledge on, off and shuffled, and write a table (mean, 95 % interval, paired difference) and a plot.

    Every run ends after its last epoch and is scored on the validation file then: no checkpoint is picked by its score.

    Args:
        configs: YAML files of the run, merged in order; shorter: -c FILE for each.
        knowledge: settings to run, comma-separated, of on, off, shuffled, no_soft_positions and no_visible_matrix (both K-BERT's
            ablations); the others are compared with the first.
        seeds: runs a setting, with seeds 0, 1, ...
        control: YAML file of a model without knowledge, run under the same seeds and data order.
        variants: YAML files laid over the configs, each one more setting, named after its file, with the knowledge of the
            first; shorter: --variant FILE for each. So a pretrained start stands beside none.
        metric: score to compare, by default the head's headline, such as val/accuracy.
        out: folder for results.json, table.md and plot.png; finished runs found there are not run again.
        keep: also save the model of the first seed of each setting, in OUT/SETTING_0/model.
        forward: further options of 'kplm fit', passed to all runs, those of annotators not to the control; on the command
            line just write them behind, as --data.train=FILE.
    """
    modes = [mode.strip() for mode in knowledge.split(",") if mode.strip()]
    for mode in modes:
        if mode not in MODES:
            raise KplmError(
                f"knowledge '{mode}' is not possible; choose from {', '.join(MODES)}.{did_you_mean(mode, MODES)}"
            )
    if seeds < 1 or not modes:
        raise KplmError(f"nothing to run: knowledge='{knowledge}', seeds={seeds}.")
    folder, extra = Path(out), list(forward or [])
    folder.mkdir(parents=True, exist_ok=True)
    arms = {mode: [*_configs(configs), *extra, "--data.init_args.knowledge", mode] for mode in modes}
    for variant in variants or []:
        arms[Path(variant).stem] = [*_configs([*configs, variant]), *extra, "--data.init_args.knowledge", modes[0]]
    if control is not None:
        arms[CONTROL] = [*_configs([control]), *(word for word in extra if not word.startswith(OF_KNOWLEDGE))]
    results = Results(
        folder / "results.json", _key([*configs, *(variants or []), *([control] if control else [])], extra)
    )
    _run_all(arms, seeds, results, folder, keep)
    report(results, list(arms), seeds, metric or next(iter(results.scores[f"{modes[0]}/0"])), folder)


def report(results: Results, arms: list[str], seeds: int, metric: str, folder: Path) -> None:
    """Write ``table.md`` and ``plot.png`` and print the table."""
    values = {arm: results.values(arm, metric, seeds) for arm in arms}
    first = arms[0]
    lines = [f"| knowledge | {metric}, % | difference from '{first}' | seeds |", "|---|---|---|---|"]
    for arm, own in values.items():
        gap = "" if arm == first else str(Interval.of([a - b for a, b in zip(own, values[first])]))
        lines.append(f"| {arm} | {Interval.of(own)} | {gap} | {len(own)} |")
    text = (
        "\n".join(lines)
        + "\n\nMean and 95 % confidence interval over seeds (Student's t); differences are paired by seed.\n"
    )
    (folder / "table.md").write_text(text, encoding="utf-8")
    plot(values, metric, folder / "plot.png")
    print(f"\n{text}\nwritten to {folder}/table.md, plot.png and results.json")


def plot(values: dict[str, list[float]], metric: str, path: Path) -> None:
    """Bars of the means with their intervals, and a dot for each seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.6 + 1.3 * len(values), 3.6), layout="constrained")
    axes = figure.subplots()
    for x, own in enumerate(values.values()):
        found = Interval.of(own)
        half = 0 if math.isnan(found.half) else 100 * found.half
        axes.bar(x, 100 * found.mean, yerr=half, capsize=5, width=0.6, color=f"C{x}", alpha=0.75)
        axes.scatter([x] * len(own), [100 * value for value in own], color="black", s=14, zorder=3)
        axes.annotate(f"{100 * found.mean:.1f}", (x, 100 * found.mean), xytext=(14, 4), textcoords="offset points")
    axes.set_ylim(0, 108)
    axes.set_xticks(range(len(values)), list(values))
    axes.set_ylabel(f"{metric}, %")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def _run_all(arms: dict[str, list[str]], seeds: int, results: Results, folder: Path, keep: bool) -> None:
    todo = [(arm, seed) for seed in range(seeds) for arm in arms if f"{arm}/{seed}" not in results]
    for done, (arm, seed) in enumerate(todo, 1):
        print(f"\n[{done}/{len(todo)}] knowledge {arm}, seed {seed}", flush=True)
        cli = _run(arms[arm], seed, folder / f"{arm}_{seed}")
        if keep and seed == 0:
            from kplm.hub import save_pretrained

            save_pretrained(cli.model, folder / f"{arm}_{seed}" / "model")
        results.add(f"{arm}/{seed}", _scores(cli))


def _run(args: list[str], seed: int, folder: Path) -> Any:
    from kplm.command_line import lightning

    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    own = [f"--seed_everything={seed}", f"--data.init_args.seed={seed}", f"--trainer.default_root_dir={folder}"]
    quiet = ["--trainer.logger=false", "--trainer.enable_model_summary=false"]
    unsaved = ["--checkpoint.save_top_k=0", "--checkpoint.save_last=false", "--best.save_top_k=0"]
    return lightning(["fit", *args, *own, *quiet, *unsaved])


def _scores(cli: Any) -> dict[str, float]:
    """The validation scores of a finished run, the headline first and the loss last."""
    found = {name: float(value) for name, value in cli.trainer.callback_metrics.items() if name.startswith("val/")}
    if not found:
        raise KplmError("the run reported no validation score; give a validation file with --data.val FILE.")
    order = sorted(found, key=lambda name: (name != getattr(cli.model, "monitor", None), name == "val/loss"))
    return {name: found[name] for name in order}


def _configs(paths: Sequence[str]) -> list[str]:
    return [word for path in paths for word in ("-c", path)]


def _key(paths: Sequence[str], extra: Sequence[str]) -> str:
    missing = [path for path in paths if not Path(path).is_file()]
    if missing:
        raise KplmError(f"there is no config file {missing[0]}.")
    text = "\n".join([*(Path(path).read_text() for path in paths), *extra])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
