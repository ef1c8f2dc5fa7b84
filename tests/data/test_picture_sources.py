"""Data sets of pictures: questions, captions, choices, expressions, and the files their servers take."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from kplm.data.sources import (
    Captions,
    EasyVqa,
    JsonLines,
    RefCoco,
    Scenes,
    Vcr,
    Vqa,
    example_from_json,
    example_to_json,
)
from kplm.data.sources.vcr_scores import vcr_accuracy
from kplm.data.sources.vqa import leaderboard
from kplm.data.sources.vqa_answers import normalised, soft_scores
from kplm.data.targets import AnswerTargets
from kplm.errors import DataError
from tests.conftest import write_rows
from tests.data import pictures
from vision.scenes import write_scenes


@pytest.mark.parametrize(
    ("given", "compared"),
    [
        ("Two.", "2"),
        ("the  red bus", "red bus"),
        ("none", "0"),
        ("dont", "don't"),
        ("1,000", "1000"),
        ("10.5", "10.5"),
        ("yes!", "yes"),
        ("black/white", "black white"),
        ("black / white", "black white"),
        ("o'clock", "o'clock"),
        ("couldve", "could've"),
        ("couldntve", "couldntve"),
        ("couldnt've", "couldn't've"),
        ("couldn'tve", "couldn't've"),
        ("someoned", "someone'd"),
        ("twas", "'twas"),
        ("ows'at", "ows'at"),
        ("ow's'at", "'ow's'at"),
        ("lets", "lets"),
        ("shes", "shes"),
        ("Im", "im"),
        ("thatd", "thatd"),
        ("somethings", "somethings"),
        ("somebody'd", "somebodyd"),
        ("a-b;-c", "b c"),
        ("x-y;-z", "x y z"),
        ("", ""),
    ],
)
def test_answers_are_compared_in_the_official_form(given: str, compared: str) -> None:
    assert normalised(given) == compared
    assert normalised(compared) == compared


def test_an_answer_scores_by_how_many_others_gave_it() -> None:
    assert [dict(soft_scores(["x"] * n + [f"other {i}" for i in range(10 - n)]))["x"] for n in range(1, 6)] == [
        0.3,
        0.6,
        0.9,
        1,
        1,
    ]
    assert dict(soft_scores(["Two", "2", "the 2.", *"abcdefg"]))["2"] == 0.9


def test_answers_outside_the_vocabulary_score_nothing_and_no_answer_counts_twice() -> None:
    targets = AnswerTargets(["2", "Rome", "rome", "<unk>"])
    example = example_from_json({"question": "?", "image": "a", "answers": {"two": 0.3, "Rome.": 0.9, "river": 1}}, "x")
    found = targets.encode(example, None)["labels"]  # type: ignore[arg-type]
    np.testing.assert_allclose(found, [0.3, 0.9, 0, 0])


def test_vqa_joins_questions_and_annotations(tmp_path: Path) -> None:
    found = list(Vqa().read(pictures.vqa(tmp_path, "train")))
    assert found[0].picture.name == "COCO_train2014_000000000000.jpg"
    assert (found[0].text, found[0].pair, found[0].id) == ("was it good 0?", "[MASK]", "10")
    assert dict(found[0].scores) == {"2": 1.0, "rome": 1.0, "river": 0.3}
    assert [example.label for example in found[:2]] == ["2", "rome"]
    assert AnswerTargets.of(found, least=3) == ("2", "rome")
    assert AnswerTargets.of(found, least=4) == ()
    assert (
        next(iter(Vqa("{image_id}").read(tmp_path / "v2_OpenEnded_mscoco_train2014_questions.json"))).picture.name
        == "0"
    )


def test_questions_without_annotations_have_no_answer(tmp_path: Path) -> None:
    path = Path(pictures.vqa(tmp_path, "test"))
    (tmp_path / "v2_mscoco_test2014_annotations.json").unlink()
    assert all(example.scores is None and example.label is None for example in Vqa().read(path))


def test_a_file_that_is_not_vqas_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match=r"x.json: there is no list 'questions'"):
        list(Vqa().read(tmp_path / "x.json"))


def test_the_leaderboard_file_has_a_number_and_an_answer_a_question(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", [{"id": "10", "answer": "2", "scores": {}}, {"id": "11", "answer": "rome"}])
    assert leaderboard(path, tmp_path / "out.json") == 2
    assert json.loads((tmp_path / "out.json").read_text()) == [
        {"question_id": 10, "answer": "2"},
        {"question_id": 11, "answer": "rome"},
    ]
    for rows, said in (
        ([{"id": "x", "answer": "2"}], "number of a question"),
        ([{"id": "1", "answer": "2"}] * 2, "answered twice"),
    ):
        with pytest.raises(DataError, match=said):
            leaderboard(write_rows(tmp_path / "p.jsonl", rows), tmp_path / "out.json")


def test_easy_vqa_holds_the_last_training_pictures_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures.easy_vqa(tmp_path, monkeypatch)
    found = {split: list(EasyVqa(held_out=1).read(split)) for split in ("train", "val", "test")}
    assert {split: {one.picture.name for one in some} for split, some in found.items()} == {
        "train": {"0.png"},
        "val": {"250.png"},
        "test": {"0.png", "250.png"},
    }
    assert all(Path(one.picture.folder, one.picture.name).is_file() for one in found["test"])
    with pytest.raises(DataError, match="no split 'dev'; possible are train, val, test"):
        list(EasyVqa().read("dev"))


def test_easy_vqa_says_how_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "easy_vqa", None)
    with pytest.raises(DataError, match="pip install easy-vqa"):
        list(EasyVqa().read("train"))


def test_captions_are_strings_or_words_and_name_their_features(tmp_path: Path) -> None:
    rows = [
        {"image": "a.zip@/1.jpg", "caption": ["a", "river"], "frcnn": "f.zip@/1.json"},
        {"image": "b.png", "caption": "paris"},
    ]
    first, second = Captions().read(write_rows(tmp_path / "c.jsonl", rows))
    assert (first.text, first.picture.name, first.picture.features) == (
        "a river",
        "a.zip@/1.jpg",
        f"{tmp_path}/f.zip@/1.json",
    )
    assert (second.text, second.picture.features) == ("paris", None)
    with pytest.raises(DataError, match=r"c.jsonl:1: field 'caption' is missing"):
        list(Captions().read(write_rows(tmp_path / "c.jsonl", [{"image": "a"}])))


def test_scenes_come_with_boxes_and_what_is_asked(tmp_path: Path) -> None:
    write_scenes(tmp_path / "s", count=3, side=32)
    questions, captions, statements, expressions = (
        list(Scenes().read(tmp_path / f"s/{name}.jsonl"))
        for name in ("questions", "captions", "statements", "expressions")
    )
    assert all(one.pair == "[MASK]" and one.label for one in questions)
    assert all(one.pair is None and one.label is None for one in captions)
    assert {one.label for one in statements} <= {"true", "false"}
    assert all(
        set(one.picture.meant) <= set(one.picture.boxes) and len(one.picture.labels) == len(one.picture.boxes)
        for one in expressions
    )


def test_vcr_has_four_rows_a_question_and_words_that_name_objects(tmp_path: Path) -> None:
    path = pictures.vcr(tmp_path, "train")
    found = list(Vcr(str(tmp_path / "images")).read(path))
    assert [one.label for one in found[4:8]] == ["wrong", "right", "wrong", "wrong"]
    assert {one.group for one in found[4:8]} == {"train-1"}
    assert (found[0].text, found[0].pair) == ("was Riley in the river", "he is Casey")
    assert found[1].pair == "Casey and Riley lives"
    named = [
        ((found[1].pair if one.part else found[1].text)[one.start : one.end], one.box) for one in found[1].references
    ]
    assert named == [("Riley", 1), ("river", 2), ("Casey", 0), ("Riley", 1)]
    assert found[0].picture.boxes[0] == (2, 2, 20, 30)
    reasons = list(Vcr(str(tmp_path / "images"), "rationale").read(path))
    assert reasons[0].text == "was Riley in the river he is Casey"
    assert [one.label for one in reasons[:4]] == ["wrong", "right", "wrong", "wrong"]


def test_vcr_refuses_an_object_that_is_not_there(tmp_path: Path) -> None:
    path = Path(pictures.vcr(tmp_path, "train"))
    path.write_text(path.read_text().replace("[2]", "[5]"))
    with pytest.raises(DataError, match=r"train.jsonl:1: .*objects from 0 to 2"):
        list(Vcr(str(tmp_path / "images")).read(path))


def test_both_tasks_of_vcr_are_counted_together(tmp_path: Path) -> None:
    gold = pictures.vcr(tmp_path, "val")

    def said(name: str, best: list[int]) -> Path:
        rows = [
            {"id": f"val-{i}-{n}", "group": f"val-{i}", "scores": {"right": 0.9 if n == one else 0.1}}
            for i, one in enumerate(best)
            for n in range(4)
        ]
        return write_rows(tmp_path / name, rows)

    answers, rationales = said("a.jsonl", [0, 1, 0]), said("r.jsonl", [1, 0, 1])
    assert vcr_accuracy(gold, answers, rationales) == pytest.approx({"Q->A": 2 / 3, "QA->R": 2 / 3, "Q->AR": 1 / 3})
    with pytest.raises(DataError, match="0 of the 4 choices of question val-2"):
        vcr_accuracy(gold, said("a.jsonl", [0, 1]), rationales)


def test_refcoco_means_one_box_among_those_of_the_picture(tmp_path: Path) -> None:
    path = pictures.refcoco(tmp_path, "val")
    found = list(RefCoco().read(path))
    assert len(found) == 4
    assert found[1].picture.boxes == ((20, 3, 31, 22), (5, 15, 24, 24))
    assert found[1].picture.meant == ((20, 3, 31, 22),)
    assert found[1].picture.name == "COCO_train2014_000000000001.jpg"
    assert next(iter(RefCoco(gold_boxes=False).read(path))).picture.boxes is None
    with pytest.raises(DataError, match=r"no split 'dev'; possible are train, val"):
        list(RefCoco().read(tmp_path / "dev"))


def test_references_that_would_run_code_are_refused(tmp_path: Path) -> None:
    path = Path(pictures.refcoco(tmp_path, "val"))
    (tmp_path / "refs(unc).p").write_bytes(pickle.dumps([Path("x")]))
    with pytest.raises(DataError, match="it names pathlib"):
        list(RefCoco().read(path))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "a", "text": "b"}, "'question' and 'text' exclude each other"),
        ({"question": "a", "answers": {"x": 2}}, "scores the number 2"),
        ({"question": "a", "image": "i", "boxes": [[0, 0, 1]]}, r"made of \[x1, y1, x2, y2\]"),
        ({"text": "a", "image": "i", "references": [[0, 1, -1]]}, "names box -1"),
        ({"text": "a", "image": "i", "references": [[0, 9, 0]]}, "references has the span 0..9"),
        ({"text": "a", "image": 3}, "'image' must be a string"),
    ],
)
def test_a_row_that_is_wrong_about_its_picture_is_refused(row: dict, said: str) -> None:
    with pytest.raises(DataError, match=said):
        example_from_json(row, "x.jsonl:1")


def test_a_row_with_a_picture_is_written_as_it_was_read(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "text": "rome",
        "pair": "[MASK]",
        "image": "a.png",
        "boxes": [[0, 0, 5.5, 5]],
        "meant": [[0, 0, 5, 5]],
        "features": "f.json",
    }
    row |= {"references": [[0, 4, 0, 0]], "answers": {"yes": 0.3}, "group": "g"}
    example = example_from_json(row, "x")
    assert example_to_json(example) == row
    [again] = JsonLines().read(write_rows(tmp_path / "x.jsonl", [example_to_json(example)]))
    assert again == example
