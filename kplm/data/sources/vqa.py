"""VQA v2: questions of people about photographs (Goyal et al., 2017), in the official files; and answers for the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kg.places import whole_file
from kplm.data.example import Example, Picture
from kplm.data.sources.base import DIGITS, Source, as_object, json_file, json_lines
from kplm.data.sources.jsonl import ASKED
from kplm.data.sources.row import Row
from kplm.data.sources.vqa_answers import normalised, soft_scores
from kplm.errors import DataError

_FORM = "The official files are v2_OpenEnded_mscoco_SPLIT_questions.json and v2_mscoco_SPLIT_annotations.json."


class Vqa(Source):
    """The official questions; the annotations are looked for beside them. A question without them has no gold answer.

    Args:
        image: a picture's path or its id in a store, by ``{image_id}`` and ``{split}``; the default is COCO's. The features
            that are shared for VQA are often called ``{image_id}`` alone.
        annotations: the annotations, if they lie elsewhere.
    """

    def __init__(self, image: str = "COCO_{split}_{image_id:012d}.jpg", annotations: str | None = None) -> None:
        self.image, self.annotations = image, annotations

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a question; ``label`` is the answer that most people gave."""
        path = Path(path)
        content = _content(path, "questions")
        gold = self._gold(path)
        for question in _rows(content["questions"], f"{path.name}:questions"):
            number = question.name("question_id")
            split = str(content.get("data_subtype", ""))
            name = self.image.format(image_id=question.get("image_id", int), split=split)
            example = Example(question.get("question", str), ASKED, id=number, where=question.where)
            yield _answered(example, Picture(name, folder=str(path.parent)), gold.get(number))

    def _gold(self, path: Path) -> dict[str, Row]:
        name = path.name.replace("OpenEnded_", "").replace("_questions", "_annotations")
        place = Path(self.annotations) if self.annotations else path.with_name(name)
        if not self.annotations and (place == path or not place.exists()):
            return {}
        rows = _rows(_content(place, "annotations")["annotations"], f"{place.name}:annotations")
        return {row.name("question_id"): row for row in rows}


def _answered(example: Example, picture: Picture, gold: Row | None) -> Example:
    scores = label = None
    if gold is not None:
        given = [one.get("answer", str) for one in _rows(gold.get("answers", list), f"{gold.where}, answers")]
        scores = soft_scores(given)
        label = normalised(gold.get("multiple_choice_answer", str))
    return Example(
        example.text, example.pair, label=label, scores=scores, picture=picture, id=example.id, where=example.where
    )


def _rows(values: list[Any], place: str) -> Iterator[Row]:
    """The objects of a list, which know their place in it."""
    for number, value in enumerate(values):
        where = f"{place}[{number}]"
        yield Row(as_object(value, where, _FORM), where, _FORM)


def _content(path: Path, name: str) -> dict[str, Any]:
    found = json_file(path)
    if not isinstance(found, dict) or not isinstance(found.get(name), list):
        raise DataError(f"{path.name}: there is no list '{name}' in it. {_FORM}")
    return found


def leaderboard(predictions: str | Path, target: str | Path) -> int:
    """Write what ``kplm predict`` answered as the file that VQA's server takes; returns how many answers there are.

    Args:
        predictions: JSON lines with ``id`` and ``answer``.
        target: one JSON list of ``{"question_id", "answer"}``.

    Raises:
        DataError: a line has no answer, its id is no number, or two lines have the same.
        KgError: the file cannot be written.
    """
    found: dict[int, str] = {}
    for where, row in json_lines(predictions):
        fields = Row(row, where, 'Lines are {"id": "262148000", "answer": "2", ...}.')
        number = _number(fields)
        if number in found:
            raise fields.error(f"question {number} is answered twice.")
        found[number] = fields.get("answer", str)
    rows: list[Mapping[str, Any]] = [{"question_id": number, "answer": answer} for number, answer in found.items()]
    with whole_file(target) as file:
        json.dump(rows, file, ensure_ascii=False)
    return len(rows)


def _number(row: Row) -> int:
    name = row.name("id")
    if not name.isdecimal() or len(name) > DIGITS:
        raise row.wrong("id", "the number of a question", name)
    return int(name)
