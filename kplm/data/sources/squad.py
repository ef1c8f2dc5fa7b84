"""SQuAD 1.1 and 2.0: questions about paragraphs whose answers are spans of them (Rajpurkar et al., 2016 and 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from kplm.data.example import Example
from kplm.data.sources.base import Source, describe, json_file
from kplm.data.sources.row import Row
from kplm.errors import DataError

FORM = (
    'SQuAD files are {"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text", "answer_start"}], '
    '"is_impossible"}]}]}]}.'
)


class Squad(Source):
    """One JSON document; a question with an empty list of answers, or that is impossible, has none, one without that list no gold.

    The question is the text, the paragraph its pair.
    """

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a question.

        Raises:
            DataError: also where a field is missing, an answer does not stand where it says, or two questions have the same id.
        """
        path, seen = Path(path), set[str]()
        document = Row(_object(json_file(path), path.name), path.name, FORM)
        for number, article in enumerate(_rows(document, "data")):
            title = f"'{article.fields['title']}'" if article.has("title") else f"{number}"
            article = replace(article, where=f"{path.name}: article {title}")
            for paragraph in _rows(article, "paragraphs"):
                for asked in _rows(paragraph, "qas"):
                    yield _example(asked, paragraph.get("context", str), article.where, seen)


def _rows(row: Row, name: str) -> Iterator[Row]:
    for number, one in enumerate(row.get(name, list)):
        where = f"{row.where}, {name}[{number}]"
        yield Row(_object(one, where), where, row.form)


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an object, got {describe(value)}. {FORM}")
    return value


def _example(row: Row, context: str, article: str, seen: set[str]) -> Example:
    name = row.name("id")
    row = replace(row, where=f"{article}, question '{name}'")
    if name in seen:
        raise row.error("another question has the same id. Answers are told apart by their ids; give each its own.")
    seen.add(name)
    impossible = row.fields.get("is_impossible") is True
    spans = tuple(_spans(row, context)) if row.has("answers") else () if impossible else None
    if spans and impossible:
        raise row.error(
            f"is_impossible is true, but there are answers, such as '{context[slice(*spans[0])]}'. Drop one of both."
        )
    return Example(row.get("question", str), context, spans=spans, id=name, where=row.where)


def _spans(row: Row, context: str) -> Iterator[tuple[int, int]]:
    for one in _rows(row, "answers"):
        text, start = one.get("text", str), one.get("answer_start", int)
        end = start + len(text)
        if not text.strip():
            raise row.error("an answer is blank. A question that nothing answers has an empty list of answers.")
        if start < 0 or context[start:end] != text:
            there = context[max(start, 0) : max(end, 0)]
            found = [at for at in range(len(context)) if context.startswith(text, at)]
            hint = f" It stands at {', '.join(map(str, found[:5]))}." if found else " The context does not hold it."
            raise row.error(
                f"answer_start is {start}, but the context has '{there}' there, not the answer '{text}'.{hint} Places count characters, "
                f"that is Unicode code points, from 0."
            )
        yield start, end
