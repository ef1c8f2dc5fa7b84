"""Graph, entity vectors, linking, fine-tuning, comparison, prediction, report: one after another, in four minutes."""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from kplm.demo.report import Report
from kplm.demo.task import Question, split

CONFIGS = Path("lightning_configs")
OUT = Path("demo_out")
T = TypeVar("T")


def main(seeds: int = 3) -> int:
    """Run the demo in the current folder, which must be the project's."""
    if not (CONFIGS / "ernie_thu" / "demo.yaml").exists():
        print("run the demo from the project's folder, where lightning_configs/ is: make demo", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    OUT.mkdir(exist_ok=True)
    start = time.perf_counter()
    store = _step("1/5  the graph", _graph)
    table = _step("2/5  entity vectors: TransE by PyKEEN", lambda: _vectors(store))
    train, test = _step("3/5  sentences about places and people, linked to the graph", lambda: _sentences(store))
    predictor = _step(
        f"4/5  ERNIE-THU with facts and with shuffled ones, and the BERT control, {seeds} seeds each",
        lambda: _compare(seeds),
    )
    answers = _step("5/5  answers on sentences it has never seen", lambda: _answer(predictor, test))
    report = Report(store, table, train, test, answers, (OUT / "table.md").read_text(), OUT / "plot.png")
    report.write(OUT / "report.html")
    print(f"\nreport: {OUT}/report.html   model: {OUT}/on_0/model   total: {time.perf_counter() - start:.0f} s")
    return 0


def _step(title: str, work: Callable[[], T]) -> T:
    print(f"\n=== {title}", flush=True)
    start = time.perf_counter()
    done = work()
    print(f"    {time.perf_counter() - start:.0f} s", flush=True)
    return done


def _graph() -> Any:
    from kg import TripleStore

    store = TripleStore.open("package:kg/world")
    print(
        f"    {len(store.triples):,} triples about {len(store.entities):,} entities, {len(store.relations)} relations"
    )
    return store


def _vectors(store: Any) -> Any:
    from kg.embed import embed
    from kg.recipe import Recipe

    recipe = Recipe(epochs=20, lr=0.01, valid_fraction=0.0, threads=1)
    return embed(store, OUT / "table", recipe)[0]


def _sentences(store: Any) -> tuple[list[Question], list[Question]]:
    train, test = split(store)
    for name, questions in (("train", train), ("test", test)):
        lines = (json.dumps(question.row(), ensure_ascii=False) + "\n" for question in questions)
        (OUT / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        entities = len({question.entity for question in questions})
        print(
            f"    {name}: {len(questions):,} sentences about {entities} entities, such as: {questions[0].text} -> {questions[0].label}"
        )
    return train, test


def _compare(seeds: int) -> Any:
    from kplm.compare import compare
    from kplm.predict import load

    compare(
        [str(CONFIGS / "ernie_thu" / "demo.yaml")],
        knowledge="on,shuffled",
        seeds=seeds,
        control=str(CONFIGS / "bert" / "demo.yaml"),
        out=str(OUT),
        keep=True,
    )
    return load(OUT / "on_0" / "model")


def _answer(predictor: Any, test: Sequence[Question], count: int = 8) -> list[tuple[Question, dict[str, Any]]]:
    chosen = random.Random(1).sample(list(test), count)
    answers = predictor.predict([{**question.row(), "label": None} for question in chosen])
    for question, answer in zip(chosen, answers):
        sign = "ok " if answer["label"] == question.label else "NOT"
        print(f"    {sign} {question.text:58} {answer['label']} ({answer['score']:.2f})")
    return list(zip(chosen, answers))


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
