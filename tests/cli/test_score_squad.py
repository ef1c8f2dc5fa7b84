"""Answers to SQuAD's questions, counted as its evaluation counts them, and the file it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kplm.data.answer_file import predict_file
from kplm.data.encode import TextEncoder
from kplm.data.sources import Squad
from kplm.data.sources.squad_scores import Answered, best_threshold, read_predictions, squad_scores
from kplm.errors import DataError
from kplm.heads import Extract
from kplm.predict import Predictor
from kplm.score import squad, squad_leaderboard
from kplm.text import Tokenizer
from kplm.training import Finetune
from tests.conftest import tiny_encoder, write_rows

CONTEXT = "The Eiffel Tower was built in Paris in 1889."
RIGHT: dict[str, list[str]] = {
    "a": ["The Eiffel Tower", "Tower"],
    "b": ["in Paris", "Paris"],
    "c": [],
    "d": [],
    "e": ["1889"],
}
SAID = [
    {"id": "e", "answer": "", "scores": {"in 1889": 0.3, "": 0.6}, "no_answer": 1.5},
    {"id": "d", "answer": "Paris", "scores": {"Paris": 0.7, "": 0.3}, "no_answer": -1.0},
    {"id": "c", "answer": "", "scores": {"": 1.0}, "no_answer": None},
    {"id": "b", "answer": "built in Paris", "scores": {"built in Paris": 0.9, "": 0.1}, "no_answer": -2.0},
    {"id": "a", "answer": "eiffel tower!", "scores": {"eiffel tower!": 0.9, "": 0.1}, "no_answer": -3.0},
]


def gold(folder: Path, right: dict[str, list[str]]) -> str:
    questions = [
        {
            "id": name,
            "question": "?",
            "answers": [{"text": text, "answer_start": CONTEXT.index(text)} for text in texts],
        }
        for name, texts in right.items()
    ]
    content = {"data": [{"title": "Paris", "paragraphs": [{"context": CONTEXT, "qas": questions}]}]}
    (folder / "gold.json").write_text(json.dumps(content))
    return str(folder / "gold.json")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    return str(write_rows(tmp_path / "said.jsonl", SAID)), gold(tmp_path, RIGHT)


F1 = 2 * (2 / 3) * 1 / (2 / 3 + 1)
"""Of 'built in Paris' against 'in Paris'."""


def test_both_kinds_of_questions_are_counted_by_hand(files: tuple[str, str]) -> None:
    every, having, lacking = squad_scores(files[1], read_predictions(files[0]))
    assert (every.questions, having.questions, lacking.questions) == (5, 3, 2)
    assert every.exact == pytest.approx((1 + 0 + 1 + 0 + 0) / 5)
    assert every.f1 == pytest.approx((1 + F1 + 1 + 0 + 0) / 5)
    assert (having.exact, having.f1) == (pytest.approx(1 / 3), pytest.approx((1 + F1) / 3))
    assert lacking.exact == lacking.f1 == 0.5


def test_where_all_questions_have_answers_there_is_one_line(tmp_path: Path) -> None:
    found = {"a": Answered("tower", "tower")}
    [line] = squad_scores(gold(tmp_path, {"a": ["The Eiffel Tower", "Tower"]}), found)
    assert (line.part, line.questions, line.exact, line.f1) == ("all", 1, 1.0, 1.0)


def test_the_best_threshold_is_that_of_trying_all(files: tuple[str, str]) -> None:
    found = read_predictions(files[0])

    def f1(threshold: float) -> float:
        margins = {name: one.no_answer for name, one in found.items()}
        kept = {name: Answered(one.best if margins[name] <= threshold else "", "") for name, one in found.items()}
        return squad_scores(files[1], kept)[0].f1

    best = best_threshold(files[1], found)
    assert best is not None
    assert best.f1 == pytest.approx(max(map(f1, (-9, -3, -2, -1, 0, 1.5, 9))))
    assert f1(best.threshold) == pytest.approx(best.f1)
    silent = best_threshold(files[1], {**found, "a": Answered("", "Paris", -3.0), "b": Answered("", "1889", -2.0)})
    assert silent is not None
    assert silent.f1 == pytest.approx(2 / 5)
    assert silent.threshold < -3
    unsure = best_threshold(files[1], dict.fromkeys(RIGHT, Answered("", "", float("inf"))))
    assert unsure is not None
    assert unsure.f1 == 2 / 5
    tied = {name: Answered(one.best, one.best, 1.0) for name, one in found.items()}
    whole = best_threshold(files[1], tied)  # all questions are answered, or none
    assert whole is not None
    assert whole.f1 == pytest.approx(max(2 / 5, squad_scores(files[1], tied)[0].f1))


def test_a_table_is_printed_and_the_official_file_scores_the_same(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    squad(*files)
    table = capsys.readouterr().out
    assert table.splitlines()[1].split() == ["all", "5", "40.00", f"{100 * (2 + F1) / 5:.2f}"]
    assert "with model.head.init_args.threshold=-2.0000 F1 would be" in table
    squad_leaderboard(files[0], str(tmp_path / "answers.json"))
    assert json.loads((tmp_path / "answers.json").read_text()) == {str(one["id"]): one["answer"] for one in SAID}
    assert "wrote 5 answers" in capsys.readouterr().out
    squad(str(tmp_path / "answers.json"), files[1])
    assert capsys.readouterr().out == "".join(table.splitlines(keepends=True)[:-1])


def written(folder: Path, rows: list[dict[str, Any]]) -> str:
    return str(write_rows(folder / "other.jsonl", rows))


def test_a_model_answers_the_file_of_questions_and_is_scored(
    tokenizer: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model = Finetune(tiny_encoder(), Extract(no_answer=True))
    predictor = Predictor(model, TextEncoder(tokenizer, max_length=30, stride=10), "spans")
    right = gold(tmp_path, RIGHT)
    predict_file(predictor, right, tmp_path / "found.jsonl", chunk=2, reader=Squad())
    found = read_predictions(tmp_path / "found.jsonl")
    assert list(found) == list(RIGHT)
    assert all(one.answer in CONTEXT and one.best in CONTEXT and one.no_answer is not None for one in found.values())
    squad(str(tmp_path / "found.jsonl"), right)
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["all", "5"]


def test_predictions_that_cannot_be_used_are_named(files: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"gold.json: article 'Paris', question 'a': it has no prediction. Predict the whole file"
    ):
        squad(written(tmp_path, SAID[:-1]), files[1])
    with pytest.raises(DataError, match=r"other.jsonl:6: question 'e' is answered twice"):
        squad(written(tmp_path, [*SAID, SAID[0]]), files[1])
    with pytest.raises(DataError, match=r"other.jsonl:1: field 'answer' is missing.*as kplm predict writes them"):
        squad(written(tmp_path, [{"id": "a", "label": "x"}]), files[1])
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(DataError, match=r"list.json: expected an object of ids and answers, got the list"):
        squad(str(tmp_path / "list.json"), files[1])
    (tmp_path / "number.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match=r"number.json: the answer to 'a' must be a string, got the number 1"):
        squad(str(tmp_path / "number.json"), files[1])


def test_a_gold_file_without_gold_is_named(files: tuple[str, str], tmp_path: Path) -> None:
    bare = {"data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [{"id": "a", "question": "?"}]}]}]}
    (tmp_path / "bare.json").write_text(json.dumps(bare))
    with pytest.raises(DataError, match="question 'a': there is no list 'answers'"):
        squad(files[0], str(tmp_path / "bare.json"))
    (tmp_path / "bare.json").write_text('{"data": []}')
    with pytest.raises(DataError, match="holds no question"):
        squad(files[0], str(tmp_path / "bare.json"))
