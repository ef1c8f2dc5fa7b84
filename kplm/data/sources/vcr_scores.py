"""Predictions for the two tasks of VCR: counted together, and as the table that its server takes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from kg.places import whole_file
from kplm.data.sources.base import DIGITS, json_lines
from kplm.data.sources.row import NUMBER, Row, is_a
from kplm.data.sources.vcr import CHOICES, FORM, RIGHT, conditioned, question
from kplm.errors import DataError

Chances = dict[str, dict[int, float]]
"""By group, how likely each of its choices is right."""
NEVER = 1e-7
"""Stands in for a probability that was rounded to 0; 1 - it for one rounded to 1."""


def chances(predictions: str | Path) -> Chances:
    """Read what ``kplm predict`` wrote.

    Raises:
        DataError: a line has no group, no number of its choice or no scores.
    """
    found: Chances = {}
    for where, fields in json_lines(predictions):
        row = Row(fields, where, 'Lines are {"id": "train-0-2", "group": "train-0", "scores": {"right": 0.9, ...}}.')
        number, chance = row.name("id").rpartition("-")[2], row.get("scores", dict).get(RIGHT, 0.0)
        if not number.isdecimal() or len(number) > DIGITS:
            raise row.wrong("id", "the group and the number of the choice", row.name("id"))
        if not is_a(chance, NUMBER):
            raise row.wrong("scores", f"how likely '{RIGHT}' is", chance)
        found.setdefault(row.name("group"), {})[int(number)] = float(chance)
    return found


def vcr_accuracy(gold: str | Path, answers: str | Path, rationales: str | Path) -> dict[str, float]:
    """Q->A, QA->R and Q->AR, where both must be right.

    Args:
        gold: VCR's questions with their labels.
        answers: predictions for Q->A.
        rationales: predictions for QA->R.

    Raises:
        DataError: a question has no label or no prediction.
    """
    said, why = chances(answers), chances(rationales)
    right = []
    for where, fields in json_lines(gold):
        row = Row(fields, where, FORM)
        group = question(row)
        labels = row.get("answer_label", int), row.get("rationale_label", int)
        best = [max(_of(found, group, where), key=found[group].__getitem__) for found in (said, why)]
        right.append([one == label for one, label in zip(best, labels)])
    total = max(1, len(right))
    counts = {
        "Q->A": [one for one, _ in right],
        "QA->R": [one for _, one in right],
        "Q->AR": [all(one) for one in right],
    }
    return {name: sum(values) / total for name, values in counts.items()}


def vcr_table(answers: str | Path, rationales: str | Path, target: str | Path) -> int:
    """Write the table of VCR's test server: a question's four answers, and its reasons given each of them.

    Args:
        answers: predictions for Q->A.
        rationales: predictions for QA->R of a file without labels, where every answer is followed by all reasons.
        target: CSV file to write.

    Returns: how many questions it has.

    Raises:
        DataError: a choice has no prediction.
        KgError: the file cannot be written.
    """
    said, why = chances(answers), chances(rationales)
    numbers = range(CHOICES)
    names = ["answer", *(f"rationale_conditioned_on_a{answer}" for answer in numbers)]
    with whole_file(target) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["annot_id", *(f"{name}_{choice}" for name in names for choice in numbers)])
        for name in said:
            groups = [_of(said, name, answers), *(_of(why, conditioned(name, n), rationales) for n in numbers)]
            table.writerow([name, *(f"{share:.6g}" for group in groups for share in _shares(group))])
    return len(said)


def _of(found: Chances, group: str, where: str | Path) -> Mapping[int, float]:
    """The choices of a group, by number."""
    if sorted(found.get(group, ())) != list(range(CHOICES)):
        raise DataError(
            f"{where}: {len(found.get(group, ()))} of the {CHOICES} choices of question {group} are among the predictions. "
            f"Predict the whole file, for both tasks."
        )
    return dict(sorted(found[group].items()))


def _shares(group: Mapping[int, float]) -> list[float]:
    """The softmax of the logits: odds that sum to 1."""
    odds = [chance / (1 - chance) for chance in (min(max(one, NEVER), 1 - NEVER) for one in group.values())]
    return [one / sum(odds) for one in odds]
