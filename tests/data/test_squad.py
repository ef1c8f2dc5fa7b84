"""SQuAD's files, and long contexts in windows: nothing is lost, nothing is parted, and what does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kplm.data.encode import TextEncoder
from kplm.data.example import Example
from kplm.data.module import EncodedRows, TextData
from kplm.data.questions import Windowed
from kplm.data.sources import JsonLines, Squad, example_from_json, example_to_json
from kplm.data.span_targets import SpanTargets, right_answers
from kplm.data.windows import Windows
from kplm.errors import DataError
from kplm.fields import code_points, written
from kplm.text import Tokenizer
from kplm.text.tokens import Pieces
from tests.conftest import write_rows

CONTEXT = "Zürich 😀 lies in the river — of  Rome."


def asked(name: str, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    found = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": f"question {name}?", "answers": found, **more}


def document(*questions: dict[str, Any], context: str = CONTEXT) -> dict[str, Any]:
    return {
        "version": "v2.0",
        "data": [{"title": "Swiss_cities", "paragraphs": [{"context": context, "qas": list(questions)}]}],
    }


def saved(folder: Path, content: Any) -> Path:
    (folder / "dev.json").write_text(json.dumps(content))
    return folder / "dev.json"


def read(folder: Path, content: Any) -> list[Example]:
    return list(Squad().read(saved(folder, content)))


def test_questions_come_with_their_context_their_answers_and_their_ids(tmp_path: Path) -> None:
    end = CONTEXT.index("Rome.")
    questions = (
        asked("a", ("Zürich", 0), ("Zürich 😀", 0)),
        asked("b", ("Rome.", end)),
        asked("c", is_impossible=True, plausible_answers=[{"text": "Rome", "answer_start": end}]),
        {"id": 7, "question": "no gold?"},
        {"id": "d", "question": "no list?", "is_impossible": True},
    )
    *found, last = read(tmp_path, document(*questions))
    assert last.spans == (), "it says so, without a list too"
    assert [one.id for one in found] == ["a", "b", "c", "7"]
    assert [one.spans for one in found] == [((0, 6), (0, 8)), ((end, len(CONTEXT)),), (), None]
    assert {one.pair for one in found} == {CONTEXT}
    assert found[1].text == "question b?"
    assert found[1].where == "dev.json: article 'Swiss_cities', question 'b'"
    assert right_answers(found[0]) == ["Zürich", "Zürich 😀"]


def broken(change: Any) -> dict[str, Any]:
    """A good document with one thing changed."""
    whole = document(asked("a", ("Rome", CONTEXT.index("Rome"))), asked("b", ("Zürich", 0)))
    change(whole["data"][0])
    return whole


def first(article: dict[str, Any]) -> dict[str, Any]:
    return article["paragraphs"][0]["qas"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: first(a)["answers"][0].update(answer_start=3),
            r"question 'a': answer_start is 3, but the context has 'ich ' there, not",
        ),
        (
            lambda a: first(a)["answers"][0].update(answer_start=3),
            r"the answer 'Rome'. It stands at 33. Places count characters",
        ),
        (
            lambda a: first(a)["answers"][0].update(text="Bern"),
            r"the context has 'Rome' there, .* The context does not hold it",
        ),
        (lambda a: first(a)["answers"][0].update(answer_start=-4), r"answer_start is -4"),
        (
            lambda a: first(a)["answers"][0].update(answer_start=999),
            r"answer_start is 999, but the context has '' there",
        ),
        (lambda a: first(a)["answers"][0].update(text=" ", answer_start=6), r"question 'a'.*: an answer is blank"),
        (
            lambda a: first(a)["answers"][0].pop("answer_start"),
            r"question 'a', answers\[0\]: field 'answer_start' is missing",
        ),
        (
            lambda a: first(a)["answers"][0].update(answer_start="3"),
            r"field 'answer_start' must be a whole number, got the string",
        ),
        (lambda a: first(a).update(answers={}), r"question 'a': field 'answers' must be a list, got the object"),
        (
            lambda a: first(a).update(is_impossible=True),
            r"is_impossible is true, but there are answers, such as 'Rome'",
        ),
        (lambda a: first(a).update(id="b"), r"question 'b': another question has the same id"),
        (lambda a: first(a).pop("id"), r"article 'Swiss_cities', paragraphs\[0\], qas\[0\]: field 'id' is missing"),
        (lambda a: first(a).pop("question"), r"article 'Swiss_cities', question 'a': field 'question' is missing"),
        (lambda a: a["paragraphs"][0].pop("context"), r"paragraphs\[0\]: field 'context' is missing"),
        (
            lambda a: a.pop("paragraphs"),
            r"dev.json: article 'Swiss_cities': field 'paragraphs' is missing; this row has: title",
        ),
        (lambda a: a["paragraphs"].append("text"), r"paragraphs\[1\]: expected an object, got the string"),
    ],
)
def test_what_is_wrong_is_named_with_file_article_and_question(change: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, broken(change))
    assert str(error.value).startswith("dev.json: ")


@pytest.mark.parametrize("content", [[], {"rows": []}, {"data": {}}])
def test_a_file_of_another_form_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dev.json: .*SQuAD files are"):
        read(tmp_path, content)


def test_places_that_count_as_other_languages_do_are_told_where_the_answer_is(tmp_path: Path) -> None:
    units = len(CONTEXT[: CONTEXT.index("lies")].encode("utf-16-le")) // 2  # an emoji is two of them
    with pytest.raises(
        DataError, match=r"has 'ies ' there, not the answer 'lies'. It stands at 9. .* Unicode code points"
    ):
        read(tmp_path, document(asked("a", ("lies", units))))


@pytest.mark.parametrize("context", ["was rome\u0301", "was rome\u0301 good", "rome\u0301", "\u200brome\u0301\u200b"])
def test_an_answer_may_end_with_what_no_token_stands_for(tokenizer: Tokenizer, context: str) -> None:
    start, end = context.index("rome"), len(context.removesuffix(" good"))
    [row] = encoder(tokenizer, 30, 4)([Example("who", context, spans=((start, end),))])
    first, last = row["answer_tokens"]
    assert first == last > 0
    assert tuple(row["character_spans"][first]) == (start, start + 4)


def test_json_lines_hold_spans_too(tmp_path: Path) -> None:
    row = {"id": "1", "text": "who?", "pair": "rome was", "spans": [[0, 4]]}
    example = example_from_json(row, "here")
    assert example.spans == ((0, 4),)
    assert example_from_json(example_to_json(example), "here") == example
    assert example_from_json({**row, "spans": []}, "here").spans == ()
    assert example_from_json({**row, "spans": None}, "here").spans is None
    with pytest.raises(DataError, match=r"a.jsonl:1: spans has the span 5..9, but the pair has 8 characters"):
        list(JsonLines().read(write_rows(tmp_path / "a.jsonl", [{**row, "spans": [[5, 9]]}])))
    with pytest.raises(DataError, match=r"here: spans has \[4, 5\], where the pair has nothing but white space"):
        example_from_json({**row, "spans": [[4, 5]]}, "here")


def pieces(size: int) -> Pieces:
    at = np.arange(size)
    return Pieces(at, np.stack([2 * at, 2 * at + 1], 1))


@given(size=st.integers(0, 60), asked=st.integers(0, 9), room=st.integers(1, 20), stride=st.integers(1, 20))
def test_windows_cover_the_context_overlap_and_fit(size: int, asked: int, room: int, stride: int) -> None:
    windows, context = Windows(asked + room, stride), pieces(size)
    if size > room and room < stride:
        with pytest.raises(DataError, match="fewer than a stride of"):
            list(windows(Example("q"), pieces(asked), context))
        return
    found = [one.ids.tolist() for one in windows(Example("q"), pieces(asked), context)]
    assert sorted(set().union(*found)) == list(range(size))
    assert all(len(one) <= room for one in found)
    assert [one[0] for one in found if one] == [stride * i for i in range(len(found))][: size and len(found)]
    assert all(len(one) == room for one in found[:-1])  # only the last is shorter
    assert len(found) == 1 or max(found[-2]) < size - 1  # and none too many


def encoder(tokenizer: Tokenizer, length: int, stride: int | None) -> TextEncoder:
    return TextEncoder(tokenizer, max_length=length, targets=SpanTargets([]), stride=stride)


def answer_of(row: dict[str, Any], context: str) -> str | None:
    first, last = row["answer_tokens"]
    return context[row["character_spans"][first, 0] : row["character_spans"][last, 1]] if first > 0 else None


@pytest.mark.parametrize("answer", ["rome", "paris", "good river", "rome was in the good river of paris"])
def test_the_gold_answer_is_in_the_windows_that_hold_it_whole(answer: str, tokenizer: Tokenizer) -> None:
    context = "rome was in the good river of paris"
    start = context.index(answer)
    example = Example("who", context, spans=((start, start + len(answer)),))
    rows = encoder(tokenizer, 11, 2)([example])  # five tokens of the context in a window
    assert [row["row"] for row in rows] == [0] * len(rows)
    assert [len(row["input_ids"]) for row in rows][:-1] == [11] * (len(rows) - 1)
    for row in rows:
        assert written(row["characters"]) in context
        held = answer in written(row["characters"])
        assert answer_of(row, context) == (answer if held else None)
        assert [written(one) for one in row["right_answers"]] == [answer]
    found = [answer_of(row, context) for row in rows]
    assert (answer in found) == (len(answer.split()) <= 4)  # one of eight words is split over all windows


def test_white_space_around_an_answer_is_no_part_of_it(tokenizer: Tokenizer) -> None:
    rows = encoder(tokenizer, 30, 4)([Example("who", "rome  was  in", spans=((4, 11),))])
    assert answer_of(rows[0], "rome  was  in") == "was"


def test_answers_of_articles_and_signs_are_not_among_the_right_ones() -> None:
    example = Example("q", "the A... an answer the", spans=((0, 3), (4, 8), (9, 18), (9, 18), (19, 22)))
    assert right_answers(example) == ["an answer"]


@pytest.mark.parametrize("text", ["", "plain", "Zürich 😀 北京", "\ud800 lone", "\x00"])
def test_texts_survive_as_code_points(text: str) -> None:
    padded = np.concatenate([code_points(text), np.full(3, -1, np.int32)])
    assert written(padded) == text


def test_without_a_stride_long_pairs_are_shortened_as_before(tokenizer: Tokenizer) -> None:
    rows = encoder(tokenizer, 11, None)([Example("who", "rome was in the good river of paris")])
    assert [len(row["input_ids"]) for row in rows] == [11]


def test_windows_of_a_question_stay_together_where_it_is_answered_and_are_single_in_training(
    tiny_bert: Path, tmp_path: Path
) -> None:
    long = "rome was in the good river of paris " * 3
    path = str(saved(tmp_path, document(asked("a", ("river", 21)), asked("b"), context=long)))
    task = TextData(Squad(), str(tiny_bert), "spans", train=path, val=path, max_length=33, stride=6, batch_rows=1)
    task.setup("fit")
    assert task.label_names == ()
    train, val = task._rows["train"], task._rows["val"]
    assert isinstance(val, Windowed)
    assert len(val) == 2
    assert len(train) == sum(map(len, val.members)) > 2
    assert val.lengths.tolist() == [33 * len(of) for of in val.members]
    batches = list(task.val_dataloader())
    assert sorted(tuple(batch["row"].unique().tolist()) for batch in batches) in ([(0,), (1,)], [(0, 1)])
    assert [row["row"] for row in task.read("val").rows.rows] == sorted(row["row"] for row in val.rows.rows)
    assert "stride" in task.describe()
    assert TextEncoder.from_description(task.describe()).stride == 6


def test_one_long_context_does_not_make_the_batches_of_the_others_small(tokenizer: Tokenizer) -> None:
    text = encoder(tokenizer, 16, 4)
    rows = EncodedRows(text([Example("of", "rome " * 90), *[Example("of", "rome")] * 5]), text)
    items = Windowed(rows, [row["row"] for row in rows.rows])
    assert items.lengths[0] > 16 * 15
    assert set(items.lengths[1:]) == {5}
