"""The scenes of shapes that ``kplm vision scenes`` draws: captions, statements, questions and expressions with exact answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kplm.data.example import Box, Example, Picture
from kplm.data.sources.base import Source, json_lines
from kplm.data.sources.jsonl import ASKED
from kplm.data.sources.row import NUMBER, Row
from kplm.errors import DataError

BOXES = "boxes.jsonl"
_FORM = "Read captions.jsonl, statements.jsonl, questions.jsonl or expressions.jsonl of a folder made by kplm vision scenes."
Known = dict[str, tuple[tuple[Box, ...], tuple[str, ...]]]


class Scenes(Source):
    """One example a line; a question asks for ``label``, a statement is true or false, an expression means one box.

    Boxes and their labels are those of ``boxes.jsonl`` beside the file.
    """

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a line."""
        path = Path(path)
        known = _boxes(path.with_name(BOXES))
        for where, fields in json_lines(path):
            row = Row(fields, where, _FORM)
            name = row.get("image", str)
            if name not in known:
                raise row.error(f"{BOXES} has no line for {name}.")
            boxes, labels = known[name]
            picture = Picture(name, boxes, _meant(row, boxes), labels=labels, folder=str(path.parent))
            text = next((field for field in ("question", "caption") if row.has(field)), "text")
            pair = ASKED if text == "question" else None
            yield Example(row.get(text, str), pair, label=_label(row), picture=picture, id=row.id(), where=where)


def _label(row: Row) -> str | None:
    if row.has("answer"):
        return row.get("answer", str)
    if not row.has("label"):
        return None
    if not isinstance(row.fields["label"], bool):
        raise row.wrong("label", "true or false", row.fields["label"])
    return str(row.fields["label"]).lower()


def _meant(row: Row, boxes: tuple[Box, ...]) -> tuple[Box, ...] | None:
    if not row.has("box"):
        return None
    number = row.get("box", int)
    if not 0 <= number < len(boxes):
        raise row.error(f"field 'box' is {number}, but the picture has {len(boxes)} boxes.")
    return (boxes[number],)


@lru_cache(maxsize=8)
def _boxes(path: Path) -> Known:
    found: Known = {}
    for where, fields in json_lines(path):
        row = Row(fields, where, _FORM)
        corners = row.entries("boxes", "[x1, y1, x2, y2]", *(4 * (NUMBER,)))
        boxes = tuple((float(one[0]), float(one[1]), float(one[2]), float(one[3])) for one in corners)
        labels = tuple(row.strings("labels"))
        if len(labels) != len(boxes):
            raise DataError(f"{where}: {len(boxes)} boxes but {len(labels)} labels. {_FORM}")
        found[row.get("image", str)] = boxes, labels
    return found
