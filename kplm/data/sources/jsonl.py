"""kplm's own format, for data and for prediction: one JSON object a line, all offsets in characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kplm.data.example import Box, Example, Link, Mark, Picture, Reference, join_words
from kplm.data.sources.base import Source, describe, json_lines, position
from kplm.data.sources.row import NUMBER, Row, is_a
from kplm.errors import DataError, did_you_mean

_MARKS = ("head", "tail", "mention")
_OF_PICTURES = ("question", "image", "boxes", "meant", "features", "references", "answers", "group")
_OF_WORDS = ("words", "tags", "tag_sets")
_FIELDS = (
    "text",
    "tokens",
    "pair",
    "marks",
    *_MARKS,
    "links",
    "label",
    "labels",
    *_OF_WORDS,
    "spans",
    "id",
    *_OF_PICTURES,
)
ASKED = "[MASK]"
"""The second text of a question: the word that a model would fill in is the answer (Su et al., 2020, section 4.2.2)."""
_FORM = "A row needs text, or tokens; offsets count characters from 0, and the end is exclusive."


class JsonLines(Source):
    """One JSON object a line. Only ``text`` (or ``tokens``) is required; null means absent.

    ====================  =====================================================================================
    ``text``              string
    ``tokens``            list of strings, instead of ``text`` and ``words``: they are joined by single spaces
    ``pair``              string, the second text of a pair task
    ``marks``             ``[[start, end, role, part?], ...]``, roles such as head, tail and mention
    ``head`` and so on    ``[start, end]``: ``head``, ``tail`` and ``mention`` are short forms of a mark
    ``links``             ``[[start, end, entity, score?, part?], ...]``; ``[]`` says linked, nothing found
    ``label``             string or number
    ``labels``            list of strings, for tasks with several labels
    ``words``             ``[[start, end], ...]``, the words that are tagged
    ``tags``              list of strings, one a word; null for a word without gold
    ``tag_sets``          list of lists of strings, instead of ``tags`` where several are right; ``[]`` says no gold
    ``spans``             ``[[start, end], ...]``, characters of ``pair`` that answer ``text``; ``[]`` says that none do
    ``id``                string or whole number; the line number where absent
    ``question``          string, instead of ``text`` and ``pair``, for visual question answering
    ``image``             string, the picture's path, relative to this file
    ``boxes``             ``[[x1, y1, x2, y2], ...]`` in pixels, regions of the picture
    ``meant``             boxes that the text means, in pixels
    ``features``          string, path of the picture's stored features
    ``references``        ``[[start, end, box, part?], ...]``, words that name one of the boxes, counted from 0
    ``answers``           ``{"answer": score, ...}``, what each answer to the question scores from 0 to 1
    ``group``             string or whole number, the question that this row is one choice for
    ====================  =====================================================================================
    """

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a line; blank lines are skipped."""
        for where, fields in json_lines(path):
            example = example_from_json(fields, where, str(Path(path).parent))
            yield example if example.id else replace(example, id=position(where))


def example_from_json(row: Mapping[str, Any], where: str, folder: str = "") -> Example:
    """Read one object in the format of ``JsonLines``.

    Args:
        row: the parsed object.
        where: file and line, for messages.
        folder: what the path of a picture is relative to.

    Raises:
        DataError: a field is missing, unknown, or not what the format says; or a span lies outside its text.
    """
    fields = Row({name: value for name, value in row.items() if value is not None}, where, _FORM)
    _refuse_unknown(fields)
    text, words = _text(fields)
    return Example(
        text=text,
        pair=_pair(fields),
        marks=tuple(_marks(fields)),
        links=tuple(_links(fields)) if fields.has("links") else None,
        label=_label(fields) if fields.has("label") else None,
        labels=tuple(fields.strings("labels")) if fields.has("labels") else None,
        words=words,
        tags=_tags(fields) if fields.has("tags") else None,
        tag_sets=_tag_sets(fields) if fields.has("tag_sets") else None,
        spans=_spans(fields) if fields.has("spans") else None,
        picture=_picture(fields, folder) if fields.has("image") else None,
        references=tuple(_references(fields)) if fields.has("references") else (),
        scores=tuple(_scores(fields)) if fields.has("answers") else None,
        group=fields.name("group") if fields.has("group") else "",
        id=fields.name("id") if fields.has("id") else "",
        where=where,
    )


def example_to_json(example: Example) -> dict[str, Any]:
    """Write an example as an object that ``example_from_json`` reads back as an equal one; ``where`` is left out."""
    fields = {
        "id": example.id or None,
        "text": example.text,
        "pair": example.pair,
        "marks": [[mark.start, mark.end, mark.role, mark.part] for mark in example.marks] or None,
        "links": None if example.links is None else [_link_to_json(link) for link in example.links],
        "label": example.label,
        "labels": None if example.labels is None else list(example.labels),
        "words": [list(span) for span in example.words] or None,
        "tags": None if example.tags is None else list(example.tags),
        "tag_sets": None if example.tag_sets is None else [list(right) for right in example.tag_sets],
        "spans": None if example.spans is None else [list(span) for span in example.spans],
        "references": [[one.start, one.end, one.box, one.part] for one in example.references] or None,
        "answers": None if example.scores is None else dict(example.scores),
        "group": example.group or None,
        **_picture_to_json(example.picture),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _refuse_unknown(row: Row) -> None:
    for name in row.fields:
        if name not in _FIELDS:
            hint = did_you_mean(name, _FIELDS)
            raise DataError(f"{row.where}: field '{name}' is not known.{hint} Known fields: {', '.join(_FIELDS)}.")


def _text(row: Row) -> tuple[str, tuple[tuple[int, int], ...]]:
    if row.has("question"):
        for name in ("text", "tokens", "pair"):
            if row.has(name):
                raise row.error(f"fields 'question' and '{name}' exclude each other; drop one.")
        return row.get("question", str), ()
    if not row.has("tokens"):
        text = row.get("text", str)
        return text, _words(row, len(text)) if row.has("words") else ()
    for name in ("text", "words"):
        if row.has(name):
            raise row.error(f"fields 'tokens' and '{name}' exclude each other; drop one.")
    return join_words(row.strings("tokens"))


def _words(row: Row, length: int) -> tuple[tuple[int, int], ...]:
    spans = tuple((start, end) for start, end, *_ in row.entries("words", "[start, end]", int, int))
    for start, end in spans:
        if not 0 <= start <= end <= length:
            raise row.error(f"words has the span {start}..{end}, but the text has {length} characters.")
    return spans


def _label(row: Row) -> str:
    """A class, or a number as Python writes it."""
    return str(row.fields["label"]) if is_a(row.fields["label"], NUMBER) else row.get("label", str)


def _spans(row: Row) -> tuple[tuple[int, int], ...]:
    found = tuple((start, end) for start, end, *_ in row.entries("spans", "[start, end]", int, int))
    blank = [span for span in found if row.has("pair") and not row.get("pair", str)[slice(*span)].strip()]
    if blank:
        raise row.error(f"spans has {list(blank[0])}, where the pair has nothing but white space.")
    return found


def _marks(row: Row) -> Iterator[Mark]:
    if row.has("marks"):
        for start, end, role, *rest in row.entries("marks", "[start, end, role, part?]", int, int, str, int, least=3):
            yield Mark(start, end, role, _part(row, "a mark", rest))
    for role in _MARKS:
        if row.has(role):
            span = row.entry(role, row.fields[role], "[start, end]", int, int)
            yield Mark(span[0], span[1], role)


def _links(row: Row) -> Iterator[Link]:
    form = "[start, end, entity, score?, part?]"
    for start, end, entity, *rest in row.entries("links", form, int, int, str, NUMBER, int, least=3):
        yield Link(start, end, entity, float((*rest, 1.0)[0]), _part(row, "a link", rest[1:]))


def _part(row: Row, what: str, given: Sequence[int]) -> int:
    part = given[0] if given else 0
    if part not in (0, 1):
        raise row.error(f"{what} has part {describe(part)}; 0 is the text, 1 is the pair.")
    return part


def _tags(row: Row) -> tuple[str | None, ...]:
    found = row.get("tags", list)
    if not all(one is None or is_a(one, str) for one in found):
        raise row.wrong("tags", "a list of strings, or null for a word without gold", found)
    return tuple(found)


def _tag_sets(row: Row) -> tuple[tuple[str, ...], ...]:
    found = row.get("tag_sets", list)
    if not all(is_a(right, list) and all(is_a(one, str) for one in right) for right in found):
        raise row.wrong("tag_sets", "a list of lists of strings", found)
    return tuple(map(tuple, found))


def _link_to_json(link: Link) -> list[Any]:
    return [link.start, link.end, link.entity, link.score, link.part]


def _pair(row: Row) -> str | None:
    if row.has("question"):
        return ASKED
    return row.get("pair", str) if row.has("pair") else None


def _picture(row: Row, folder: str) -> Picture:
    features = row.get("features", str) if row.has("features") else None
    boxes, meant = _boxes(row, "boxes"), _boxes(row, "meant")
    return Picture(row.get("image", str), boxes, meant, features=features, folder=folder)


def _boxes(row: Row, name: str) -> tuple[Box, ...] | None:
    if not row.has(name):
        return None
    corners = row.entries(name, "[x1, y1, x2, y2]", *(4 * (NUMBER,)))
    return tuple((float(one[0]), float(one[1]), float(one[2]), float(one[3])) for one in corners)


def _references(row: Row) -> Iterator[Reference]:
    for start, end, box, *rest in row.entries("references", "[start, end, box, part?]", *(4 * (int,)), least=3):
        part = rest[0] if rest else 0
        if part not in (0, 1) or box < 0:
            raise row.error(f"a reference names box {box} in part {part}; boxes count from 0, parts are 0 and 1.")
        yield Reference(start, end, box, part)


def _scores(row: Row) -> Iterator[tuple[str, float]]:
    for answer, score in row.get("answers", dict).items():
        if not is_a(score, NUMBER) or not 0 <= score <= 1:
            raise row.error(f"the answer '{answer}' scores {describe(score)}; a score is a number from 0 to 1.")
        yield answer, float(score)


def _picture_to_json(picture: Picture | None) -> dict[str, Any]:
    if picture is None:
        return {}
    boxes, meant = (None if some is None else [list(box) for box in some] for some in (picture.boxes, picture.meant))
    return {"image": picture.name, "boxes": boxes, "meant": meant, "features": picture.features}
