"""Visual commonsense reasoning (Zellers et al., 2019): four answers to a question, then four reasons for the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from kplm.data.example import Box, Example, Picture, Reference
from kplm.data.sources.base import Source, as_object, json_file, json_lines
from kplm.data.sources.row import NUMBER, Row, is_a
from kplm.data.sources.vcr_objects import OBJECTS
from kplm.fields import IGNORE

PERSON = "person"
NAMES = (
    *("Casey", "Riley", "Jessie", "Jackie", "Avery", "Jaime", "Peyton"),
    *("Kerry", "Jody", "Kendall", "Frankie", "Pat", "Quinn"),
)
"""Thirteen names that tell nothing about a person, given in turn."""
RIGHT, WRONG = "right", "wrong"
CHOICES = 4
"""Answers to a question, and reasons for an answer."""
FORM = "Lines are those of VCR's train.jsonl: objects, img_fn, metadata_fn, question, answer_choices, rationale_choices, ..."
Words = Sequence[Any]
"""Tokens of VCR: strings, and lists of numbers that stand for objects of the picture."""


class Vcr(Source):
    """Four rows a question, of one ``group``; the right choice is labelled 'right', the others 'wrong'.

    Persons get neutral names, by their place in the picture, so the same ones in every run; other objects are called what they
    are. Words that name an object carry its look. Boxes and outlines are those of the metadata file beside each picture.

    Args:
        images: folder of the pictures and their metadata, VCR's vcr1images.
        ask: 'answer' for Q->A, 'rationale' for QA->R, where the right answer follows the question. In a file without labels, as
            the test file, each of the four answers does in turn, and a question has four groups.
        classes: names of what boxes can show, in the order of their numbers; by default COCO's, background first. Of an object
            called otherwise no class is known.
    """

    def __init__(
        self, images: str, ask: Literal["answer", "rationale"] = "answer", classes: Sequence[str] = OBJECTS
    ) -> None:
        self.images, self.ask = images, ask
        self.numbers = {name: number for number, name in enumerate(classes)}

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield four examples a group."""
        for where, fields in json_lines(path):
            row = Row(fields, where, FORM)
            picture = self._picture(row)
            for group, asked in self._asked(row):
                yield from self._choices(row, group, asked, picture)

    def _asked(self, row: Row) -> Iterator[tuple[str, Words]]:
        """The groups of a question, each with the words that its choices follow."""
        words, name = row.get("question", list), question(row)
        answers = row.entries("answer_choices", "lists of words")
        if self.ask == "answer":
            yield name, words
        elif row.has("answer_label"):
            yield name, [*words, *answers[self._label(row, "answer_label", len(answers))]]
        else:
            yield from ((conditioned(name, number), [*words, *answer]) for number, answer in enumerate(answers))

    def _choices(self, row: Row, group: str, asked: Words, picture: Picture) -> Iterator[Example]:
        names = [_name(kind, place) for place, kind in enumerate(row.strings("objects"))]
        text, spans = _written(asked, names, row)
        choices, label = row.entries(f"{self.ask}_choices", "lists of words"), f"{self.ask}_label"
        gold = self._label(row, label, len(choices)) if row.has(label) else None
        for number, choice in enumerate(choices):
            pair, pair_spans = _written(choice, names, row)
            yield Example(
                text,
                pair,
                label=None if gold is None else (RIGHT if number == gold else WRONG),
                picture=picture,
                references=(*(Reference(*span, 0) for span in spans), *(Reference(*span, 1) for span in pair_spans)),
                group=group,
                id=f"{group}-{number}",
                where=row.where,
            )

    def _label(self, row: Row, name: str, choices: int) -> int:
        number = row.get(name, int)
        if not 0 <= number < choices:
            raise row.wrong(name, f"the number of a choice, from 0 to {choices - 1}", number)
        return number

    def _picture(self, row: Row) -> Picture:
        place = f"{self.images}/{row.get('metadata_fn', str)}"
        boxes, shown = _boxes(place), row.strings("objects")
        if len(boxes) != len(shown):
            raise row.error(f"there are {len(shown)} objects, but {len(boxes)} boxes in {place}.")
        kinds = tuple(self.numbers.get(name, IGNORE) for name in shown)
        return Picture(row.get("img_fn", str), boxes, kinds=kinds, outlines=place, folder=self.images)


def question(row: Row) -> str:
    """The name of a question."""
    return row.name("annot_id") if row.has("annot_id") else row.id()


def conditioned(name: str, answer: int) -> str:
    """The group of the reasons that follow an answer of which nobody says that it is the right one."""
    return f"{name}-a{answer}"


@lru_cache(maxsize=1024)
def _boxes(path: str) -> tuple[Box, ...]:
    form = 'Metadata files hold {"boxes": [[x1, y1, x2, y2, score], ...]}.'
    row = Row(as_object(json_file(path), path, form), path, form)
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
