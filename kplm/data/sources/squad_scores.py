"""Answers to SQuAD's questions: counted as its evaluation counts them, and written as it takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np

from kg.places import whole_file
from kplm.data.sources.base import describe, json_file, json_lines
from kplm.data.sources.row import NUMBER, Row, is_a
from kplm.data.sources.squad import Squad
from kplm.data.span_targets import right_answers
from kplm.errors import DataError

FORM = 'Lines are {"id": "56be4db0acb8001400a502ec", "answer": "Denver", ...}, as kplm predict writes them.'


@dataclass(frozen=True, slots=True)
class Answered:
    """What was predicted for a question."""

    answer: str
    """'' says that there is none."""
    best: str
    """The best answer that is one."""
    no_answer: float | None = None
    """By how much no answer was better than that; None: it was not asked."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Mean exact match and F1 of some questions, in [0, 1]."""

    part: str
    questions: int
    exact: float
    f1: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold of no answer, and the F1 it gives."""

    threshold: float
    f1: float


def read_predictions(path: str | Path) -> dict[str, Answered]:
    """Predictions by the id of their question.

    Args:
        path: JSON lines that ``kplm predict`` wrote; or a .json file of ``{id: answer}``.

    Raises:
        DataError: it is neither, or a question is answered twice.
    """
    if str(path).endswith(".json"):
        return {name: Answered(answer, answer) for name, answer in _official(path).items()}
    found: dict[str, Answered] = {}
    for where, fields in json_lines(path):
        row = Row(fields, where, FORM)
        name = row.name("id")
        if name in found:
            raise row.error(f"question '{name}' is answered twice.")
        found[name] = _answered(row)
    return found


def squad_scores(gold: str | Path, predictions: Mapping[str, Answered]) -> list[Scores]:
    """Exact match and F1 of all questions; where some have no answer, also of those that have one and those that have none.

    Raises:
        DataError: the gold file is none of SQuAD, a question in it has no prediction or no gold.
    """
    table = np.array([(bool(right), *answer_scores(one.answer, right)) for one, right in _both(gold, predictions)])
    answerable = table[:, 0] == 1
    parts = {"all": np.ones(len(table), dtype=bool)}
    if answerable.any() and not answerable.all():
        parts |= {"with answer": answerable, "without answer": ~answerable}
    return [Scores(part, int(own.sum()), *table[own, 1:].mean(0).tolist()) for part, own in parts.items()]


def best_threshold(gold: str | Path, predictions: Mapping[str, Answered]) -> Threshold | None:
    """The threshold of the highest F1, as the official evaluation searches it; None where predictions do not say how sure they are.

    Raises:
        DataError: as for :func:`squad_scores`.
    """
    both = _both(gold, predictions)
    if any(one.no_answer is None for one, _ in both):
        return None
    silent = sum(not right for _, right in both)  # what is right where nothing is answered
    sure = [(one.no_answer, _gain(one, right)) for one, right in both if one.no_answer != inf]
    margins, gains = np.array(sorted(sure), dtype=np.float64).reshape(-1, 2).T
    together = np.append(margins[1:] == margins[:-1], False)[: len(margins)]  # answered by the same thresholds
    totals = np.where(together, -inf, silent + np.cumsum(gains))
    if totals.max(initial=-inf) <= silent:
        return Threshold(float(margins.min(initial=0.0)) - 1, silent / len(both))
    best = int(totals.argmax())
    return Threshold(float(margins[best]), float(totals[best]) / len(both))


def _gain(answered: Answered, right: list[str]) -> float:
    """What answering a question adds to the sum of F1, compared with silence."""
    return answer_scores(answered.best, right)[1] if right else -float(bool(answered.best))


def answer_scores(answer: str, right: list[str]) -> tuple[float, float]:
    """Exact match and F1 of one answer in [0, 1], the best over the right ones; none are right where nothing answers."""
    from torchmetrics.functional.text import squad

    scores = squad([{"id": "", "prediction_text": answer}], [{"id": "", "answers": {"text": right or [""]}}])
    return float(scores["exact_match"]) / 100, float(scores["f1"]) / 100


def leaderboard(predictions: str | Path, target: str | Path) -> int:
    """Write ``{id: answer}``; returns how many there are.

    Args:
        predictions: see :func:`read_predictions`.
        target: the JSON file.

    Raises:
        DataError: the predictions cannot be used.
        KgError: the file cannot be written.
    """
    found = {name: one.answer for name, one in read_predictions(predictions).items()}
    with whole_file(target) as file:
        json.dump(found, file, ensure_ascii=False)
    return len(found)


def _official(path: str | Path) -> dict[str, str]:
    found = json_file(path)
    if not isinstance(found, dict):
        raise DataError(
            f"{Path(path).name}: expected an object of ids and answers, got {describe(found)}. JSON lines end in .jsonl."
        )
    for name, answer in found.items():
        if not isinstance(answer, str):
            raise DataError(f"{Path(path).name}: the answer to '{name}' must be a string, got {describe(answer)}.")
    return found


def _answered(row: Row) -> Answered:
    answer, margin = row.get("answer", str), row.fields.get("no_answer", False)
    scores = row.get("scores", dict) if row.has("scores") else {answer: 1.0}
    best = next((text for text in scores if text), "")
    if margin is None:  # there was no span that could be one
        return Answered(answer, best, inf)
    return Answered(answer, best, float(margin) if is_a(margin, NUMBER) else None)


def _both(gold: str | Path, predictions: Mapping[str, Answered]) -> list[tuple[Answered, list[str]]]:
    """Of each question what was predicted, and what is right."""
    found: list[tuple[Answered, list[str]]] = []
    for example in Squad().read(gold):
        if example.spans is None:
            raise DataError(
                f"{example.where}: there is no list 'answers', so nothing to compare with. Give a file with gold answers."
            )
        if example.id not in predictions:
            raise DataError(f"{example.where}: it has no prediction. Predict the whole file, with Squad as its reader.")
        found.append((predictions[example.id], right_answers(example)))
    if not found:
        raise DataError(f"{gold} holds no question.")
    return found
