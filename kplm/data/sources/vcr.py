"""Visual commonsense reasoning (Zellers et al., 2019): four answers to a question, then four reasons for the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from kplm.data.example import Box, Example, Picture, Reference
from kplm.data.sources.base import Source, json_file, json_lines
from kplm.data.sources.row import NUMBER, Row, is_a
from kplm.errors import DataError

PERSON = "person"
NAMES = (
    *("Casey", "Riley", "Jessie", "Jackie", "Avery", "Jaime", "Peyton"),
    *("Kerry", "Jody", "Kendall", "Frankie", "Pat", "Quinn"),
)
"""Thirteen names that tell nothing about a person, given in turn."""
RIGHT, WRONG = "right", "wrong"
_FORM = "Lines are those of VCR's train.jsonl: objects, img_fn, metadata_fn, question, answer_choices, rationale_choices, ..."
Words = Sequence[Any]
"""Tokens of VCR: strings, and lists of numbers that stand for objects of the picture."""


class Vcr(Source):
    """Four rows a question, of one ``group``; the right choice is labelled 'right', the others 'wrong'.

    Persons get neutral names, by their place in the picture, so the same ones in every run; other objects are called what they
    are. Words that name an object carry its look. Boxes are those of the metadata file beside each picture.

    Args:
        images: folder of the pictures and their metadata, VCR's vcr1images.
        ask: 'answer' for Q->A, 'rationale' for QA->R, where the right answer follows the question.
    """

    def __init__(self, images: str, ask: Literal["answer", "rationale"] = "answer") -> None:
        self.images, self.ask = images, ask

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield four examples a question."""
        for where, fields in json_lines(path):
            row = Row(fields, where, _FORM)
            names = [_name(kind, place) for place, kind in enumerate(row.strings("objects"))]
            asked = row.get("question", list) + (self._answer(row) if self.ask == "rationale" else [])
            text, spans = _written(asked, names, row)
            gold = row.get(f"{self.ask}_label", int) if row.has(f"{self.ask}_label") else None
            picture = self._picture(row)
            group = row.name("annot_id") if row.has("annot_id") else row.id()
            for number, choice in enumerate(row.get(f"{self.ask}_choices", list)):
                pair, pair_spans = _written(choice, names, row)
                references = (*(Reference(*span, 0) for span in spans), *(Reference(*span, 1) for span in pair_spans))
                label = None if gold is None else (RIGHT if number == gold else WRONG)
                yield Example(
                    text,
                    pair,
                    label=label,
                    picture=picture,
                    references=references,
                    group=group,
                    id=f"{group}-{number}",
                    where=where,
                )

    def _answer(self, row: Row) -> list[Any]:
        return list(row.get("answer_choices", list)[row.get("answer_label", int)])

    def _picture(self, row: Row) -> Picture:
        return Picture(
            row.get("img_fn", str), _boxes(f"{self.images}/{row.get('metadata_fn', str)}"), folder=self.images
        )


@lru_cache(maxsize=1024)
def _boxes(path: str) -> tuple[Box, ...]:
    row = Row(json_file(path), path, 'Metadata files hold {"boxes": [[x1, y1, x2, y2, score], ...]}.')
    found = row.entries("boxes", "[x1, y1, x2, y2, score]", *(4 * (NUMBER,)))
    return tuple((float(one[0]), float(one[1]), float(one[2]), float(one[3])) for one in found)


def _name(kind: str, place: int) -> str:
    return NAMES[place % len(NAMES)] if kind == PERSON else kind


def _written(words: Words, names: Sequence[str], row: Row) -> tuple[str, list[tuple[int, int, int]]]:
    """The text, and start, end and object of each name in it; several objects are joined by 'and'."""
    text, spans = "", []
    for word in words:
        for joint, (part, number) in enumerate(_parts(word, names, row)):
            text += (" and " if joint else " " if text else "") + part
            if number is not None:
                spans.append((len(text) - len(part), len(text), number))
    return text, spans


def _parts(word: Any, names: Sequence[str], row: Row) -> list[tuple[str, int | None]]:
    if isinstance(word, str):
        return [(word, None)]
    if not isinstance(word, list) or not all(is_a(number, int) and 0 <= number < len(names) for number in word):
        raise row.wrong("question or choices", f"strings and lists of objects from 0 to {len(names) - 1}", word)
    return [(names[number], number) for number in word]


def chosen(predictions: str | Path) -> dict[str, int]:
    """The likeliest of the choices of each group in a file that ``kplm predict`` wrote.

    Raises:
        DataError: a line has no group or no scores.
    """
    best: dict[str, tuple[float, int]] = {}
    for where, fields in json_lines(predictions):
        row = Row(fields, where, 'Lines are {"id": "train-0-2", "group": "train-0", "scores": {"right": 0.9, ...}}.')
        score, number = row.get("scores", dict).get(RIGHT, 0.0), row.name("id").rpartition("-")[2]
        if not number.isdecimal():
            raise row.wrong("id", "the group and the number of the choice", row.name("id"))
        group = row.name("group")
        best[group] = max(best.get(group, (-1.0, -1)), (score, int(number)))
    return {group: number for group, (_, number) in best.items()}


def vcr_accuracy(gold: str | Path, answers: str | Path, rationales: str | Path) -> dict[str, float]:
    """Q->A, QA->R and Q->AR, where both must be right.

    Args:
        gold: VCR's questions with their labels.
        answers: predictions for Q->A.
        rationales: predictions for QA->R.

    Raises:
        DataError: a question has no label or no prediction.
    """
    said, why = chosen(answers), chosen(rationales)
    right = []
    for where, fields in json_lines(gold):
        row = Row(fields, where, _FORM)
        group = row.name("annot_id") if row.has("annot_id") else row.id()
        if group not in said or group not in why:
            raise DataError(
                f"{where}: question {group} is not among the predictions. Predict the whole file, for both tasks."
            )
        right.append((said[group] == row.get("answer_label", int), why[group] == row.get("rationale_label", int)))
    total = max(1, len(right))
    both = sum(answer and rationale for answer, rationale in right)
    return {
        "Q->A": sum(answer for answer, _ in right) / total,
        "QA->R": sum(rationale for _, rationale in right) / total,
        "Q->AR": both / total,
    }
