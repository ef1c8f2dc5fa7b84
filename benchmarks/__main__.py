"""All benchmarks, one after another, and one table of what they found.

    python -m benchmarks DATA [--out benchmarks/results] [--limit 900] [--only step growth] [--threads 2] [--quick]

DATA holds the data sets that benchmarks/README.md names, and SRL labellers as DATA/labeller if there is one; what needs a file that is not
there is left out. Each benchmark has a process of its own, which is ended after ``--limit`` seconds, writes NAME.json and NAME.log under OUT,
and is asked to begin no further round after half of the limit.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.report import read, table

CONFIGS = Path("lightning_configs")
TRAINED = {
    "bert/fewrel.yaml": "fewrel/train.jsonl",
    "bert/sst2.yaml": "glue_small/SST-2/train.tsv",
    "bert/rte.yaml": "glue_small/RTE/train.tsv",
    "bert/semeval.yaml": "semeval2010_task8/train.jsonl",
    "bert/wikigold.yaml": "ner_en/wikigold/train.conll",
    "bert/wnut17.yaml": "ner_en/wnut17/train.conll",
    "bert/typing.yaml": "entity_typing/wikidata_distant/train.jsonl",
    "sensebert/supersense.yaml": "supersense/semcor_train.jsonl.gz",
    "srl/ewt.yaml": "srl_ewt/train.jsonl",
    "vlbert/scenes_vqa.yaml": "scenes/train/questions.jsonl",
    "vlbert/pretrain_scenes.yaml": "scenes/train/captions.jsonl",
}
"""Configs whose padding is measured, and the training file that each of them names."""
BESIDE = {
    "bert/typing.yaml": {"--data.labels": "entity_typing/wikidata_distant/labels.txt"},
    "vlbert/pretrain_scenes.yaml": {"--data.regions.looks.init_args.classes": "scenes/train/classes.txt"},
}
"""Other files that they name, by option."""
ENDED = "ended at the limit"
ALTERNATING = ("step", "pretraining", "epoch")
"""Benchmarks that can stop between two rounds."""


def suite(data: Path) -> dict[str, list[str]]:
    """What is run, by name: a benchmark and its arguments."""
    fewrel, reviews = str(data / "fewrel/train.jsonl"), str(data / "kbert_zh/chnsenticorp/train.tsv")
    graph, vocab = str(data / "kbert_zh/HowNet.spo"), str(data / "kbert_zh/google_vocab.txt")
    chinese, codex = ["--graph", graph, "--vocab", vocab], str(data / "wikidata_codex")
    labeller = data / "labeller"
    half = ["--precision", "bfloat16"]
    return {
        "step_bert_minilm": ["step", "bert", "--size", "minilm", "--texts", fewrel, "--steps", "21", "--cost"],
        "step_bert": ["step", "bert", *half, "--steps", "21", "--cost"],
        "step_ernie_thu": ["step", "ernie_thu", "--cost"],
        "step_kbert": ["step", "kbert", "--size", "minilm", "--texts", reviews, *chinese, "--steps", "21", "--cost"],
        "step_sembert": ["step", "sembert", "--cost"],
        "step_sensebert": ["step", "sensebert", "--cost"],
        "step_vlbert": ["step", "vlbert", "--length", "64", "--cost"],
        "pretraining_bert": ["pretraining", "bert", *half, "--cost"],
        "pretraining_ernie_thu": ["pretraining", "ernie_thu", "--cost"],
        "pretraining_sensebert": ["pretraining", "sensebert", "--cost"],
        **{f"padding_{path.parent.name}_{path.stem}": ["padding", str(path), *words] for path, words in padded(data)},
        "epoch_fewrel": ["epoch", "fewrel", fewrel],
        "epoch_chnsenticorp": ["epoch", "chnsenticorp", reviews, *chinese],
        "linking": ["linking", f"{codex}/codex-s", f"{codex}/entity_labels.tsv", fewrel],
        "trees": ["trees", graph, vocab, reviews],
        "roles": ["roles", str(data / "srl_ewt/dev.jsonl"), "--sources", "rules", *[str(labeller)] * labeller.exists()],
        "regions": ["regions", "--pictures", "2000"],
        "prepare": ["prepare", fewrel, "--megabytes", "8", "32"],
        "shards": ["shards"],
        "tables": ["tables", "--rows", "1000000"],
        "growth": ["growth"],
    }


def padded(data: Path) -> Iterator[tuple[Path, list[str]]]:
    """Shipped configs whose training file is there, and how it is given."""
    for name, file in TRAINED.items():
        more = [f"{option}={data / other}" for option, other in BESIDE.get(name, {}).items()]
        yield CONFIGS / name, [f"--data.train={data / file}", *more]


def quick(data: Path) -> dict[str, list[str]]:
    """The same on little, to see that all of them run."""
    small = {
        **{name: ["--size", "tiny", "--steps", "2"] for name in ALTERNATING},
        "padding": ["--batches", "4"],
        "linking": ["--made-up", "1000"],
        "trees": ["--rows", "100", "--runs", "2"],
        "roles": ["--most", "20"],
        "regions": ["--pictures", "64"],
        "prepare": ["--megabytes", "1", "--processes", "1"],
        "shards": ["--megabytes", "1"],
        "tables": ["--rows", "20000", "--small", "2000"],
        "growth": ["--size", "tiny", "--steps", "1"],
    }
    return {name: [*command, *small[command[0]]] for name, command in suite(data).items()}


def missing(command: Sequence[str], data: Path) -> list[str]:
    """Files below the data folder that a command names and that are not there."""
    paths = [word.rpartition("=")[2] for word in command]
    return [path for path in paths if Path(path).is_relative_to(data) and not Path(path).exists()]


def run(name: str, command: Sequence[str], out: Path, limit: float) -> str:
    """Run one benchmark; returns what went wrong, or nothing."""
    told, log = out / f"{name}.json", out / f"{name}.log"
    told.unlink(missing_ok=True)
    words = [sys.executable, "-m", f"benchmarks.{command[0]}", *command[1:], "--json", str(told)]
    words += ["--seconds", str(limit / 2)] if command[0] in ALTERNATING else []
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return ENDED
        finally:
            if process.poll() is None:  # with the processes it started
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return "" if code == 0 else f"failed with code {code}, see {log}"


def summary(results: Mapping[str, Path | str]) -> str:
    """The rows of all benchmarks; where there are none, why."""
    lines = []
    for name, found in results.items():
        rows = read(found) if isinstance(found, Path) else []
        cells = [row.cells() for row in rows] or [
            {"what": str(found), "value": "", "unit": "", "quartiles": "", "target": "", "": ""}
        ]
        lines += [{"benchmark": name, **one} for one in cells]
    return table(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and tell; 1 where a benchmark failed."""
    options = _options().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Path | str] = {}
    for name, command in (quick if options.quick else suite)(options.data).items():
        if options.only and not any(name.startswith(chosen) for chosen in options.only):
            continue
        absent, start = missing(command, options.data), time.monotonic()
        if not absent and command[0] in (*ALTERNATING, "roles", "growth"):
            command = [*command, "--threads", str(options.threads)]
        wrong = f"left out: no {', '.join(absent)}" if absent else run(name, command, options.out, options.limit)
        results[name] = wrong or options.out / f"{name}.json"
        print(f"{name}: {wrong or 'done'}, {time.monotonic() - start:.0f} s", flush=True)
    print(summary(results))
    return int(any(isinstance(found, str) and found.startswith("failed") for found in results.values()))


def _options() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("data", type=Path)
    found.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    found.add_argument("--limit", type=float, default=900, help="seconds a benchmark")
    found.add_argument("--only", nargs="+", metavar="NAME", help="those whose names begin so")
    found.add_argument("--threads", type=int, default=2)
    found.add_argument("--quick", action="store_true", help="on little, to see that all of them run")
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is ended too
    raise SystemExit(main())
