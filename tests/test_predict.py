"""Raw text in, answers out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kg.errors import KgError
from kplm.data.answer_file import predict_file
from kplm.data.example import Example
from kplm.errors import DataError, KplmError
from kplm.heads import EntityType, Tag
from kplm.predict import Predictor, load
from kplm.training import Finetune
from tests.conftest import class_rows, tiny_encoder, write_rows
from tests.training import run


@pytest.fixture(scope="module")
def saved(
    tmp_path_factory: pytest.TempPathFactory, class_files: dict[str, str], tiny_bert: Path, tiny_table: Path
) -> tuple[Path, Path]:
    """A checkpoint of a short run, and the folder exported from it."""
    folder = tmp_path_factory.mktemp("saved")
    model, data = run.model(), run.data(class_files, str(tiny_bert), str(tiny_table))
    return run.saved(folder, model, data, 2)


@pytest.fixture(scope="module")
def predictor(saved: tuple[Path, Path]) -> Predictor:
    return load(saved[1])


def of_task(task: str, head: Tag | EntityType, names: list[str], tokenizer: object) -> Predictor:
    from kplm.data.encode import TextEncoder

    return Predictor(Finetune(tiny_encoder(), head, names), TextEncoder(tokenizer, max_length=12), task)  # type: ignore[arg-type]


def bare(rows: list[dict]) -> list[dict]:
    return [{name: row[name] for name in ("id", "text", "mention", "links")} for row in rows]


def test_a_checkpoint_and_the_folder_exported_from_it_answer_alike(saved: tuple[Path, Path]) -> None:
    inputs = bare(class_rows(9, seed=3))
    one, other = (load(path).predict(inputs) for path in saved)
    assert one == other
    assert [answer["id"] for answer in one] == [row["id"] for row in inputs]
    assert {answer["label"] for answer in one} <= {"fr", "it"}
    assert all(sum(answer["scores"].values()) == pytest.approx(1, abs=1e-4) for answer in one)


def test_bfloat16_answers_nearly_alike(saved: tuple[Path, Path], predictor: Predictor) -> None:
    inputs = bare(class_rows(9, seed=3))
    exact, rounded = ([one["score"] for one in p.predict(inputs)] for p in (predictor, load(saved[1], bf16=True)))
    assert rounded == pytest.approx(exact, abs=0.02)
    assert rounded != exact


def test_answers_do_not_depend_on_what_else_is_in_the_batch(predictor: Predictor) -> None:
    inputs = bare(class_rows(7, seed=4))
    together, alone = predictor.predict(inputs), [predictor.predict([one])[0] for one in inputs]
    assert [answer["label"] for answer in together] == [answer["label"] for answer in alone]
    for one, other in zip(together, alone):
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)


def test_dicts_with_marks_examples_and_gold_labels_that_are_not_looked_at(predictor: Predictor) -> None:
    plain = {"text": "rome was good", "mention": [0, 4], "links": [[0, 4, "Q1"]]}
    gold = {**plain, "label": "never seen"}
    one, two = predictor.predict([plain, gold])
    assert one["label"] == two["label"]
    from kplm.data.example import Link, Mark

    example = Example("rome was good", marks=(Mark(0, 4, "mention"),), links=(Link(0, 4, "Q1"),))
    assert predictor.predict([example])[0]["label"] == one["label"]
    assert predictor.predict([]) == []


def test_raw_strings_the_empty_one_and_ten_thousand_words(tokenizer: object) -> None:
    predictor = of_task("set", EntityType(always=True), ["a", "b"], tokenizer)
    texts = ["rome was good", "", "rome " * 10_000, "北京 😀 \u200b"]
    answers = predictor.predict(texts)
    assert [answer["text"] for answer in answers] == texts
    assert [answer["id"] for answer in answers] == ["0", "1", "2", "3"]
    assert all(len(answer["labels"]) >= 1 for answer in answers)


def test_tags_come_one_a_word_and_cut_words_are_outside(tokenizer: object) -> None:
    predictor = of_task("tags", Tag(), ["B", "O"], tokenizer)
    long = "rome was in paris . " * 4
    answers = predictor.predict(["rome , paris", "", long])
    assert answers[0]["words"] == ["rome", ",", "paris"]
    assert [len(answer["tags"]) for answer in answers] == [3, 0, 20]
    assert answers[2]["tags"][10:] == ["O"] * 10
    given = predictor.predict([{"tokens": ["rome ,", "paris"]}])[0]
    assert given["words"] == ["rome ,", "paris"]
    assert len(given["tags"]) == 2


def test_what_is_no_input_is_named(predictor: Predictor) -> None:
    with pytest.raises(DataError, match="input 1 is a int; give a string"):
        predictor.predict([{"text": "rome", "mention": [0, 4]}, 3])  # type: ignore[list-item]
    with pytest.raises(DataError, match="input 0: field 'txt' is not known. Did you mean 'text'"):
        predictor.predict([{"txt": "rome"}])
    with pytest.raises(KplmError, match="Marked reads 1 marks a text, but the data marks 0"):
        predictor.predict(["rome without its mark"])


def test_a_file_is_answered_in_its_order_chunk_by_chunk(predictor: Predictor, tmp_path: Path) -> None:
    rows = bare(class_rows(23, seed=6))
    source, target = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    predict_file(predictor, source, target, chunk=5)
    lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == [row["id"] for row in rows]
    assert [line["text"] for line in lines] == [row["text"] for row in rows]


def test_a_text_file_has_an_answer_for_every_line_empty_ones_too(tokenizer: object, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("rome\n\nparis é\n", encoding="utf-8")
    predict_file(of_task("set", EntityType(), ["a", "b"], tokenizer), tmp_path / "in.txt", tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["rome", "", "paris é"]


def test_a_broken_line_is_named_and_the_older_answers_stay(predictor: Predictor, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    good = json.dumps({"text": "rome", "mention": [0, 4]})
    source.write_text(f"{good}\n{good}\n{{broken\n{good}\n")
    target.write_text("older\n")
    with pytest.raises(DataError, match=r"in.jsonl:3: not JSON"):
        predict_file(predictor, source, target, chunk=1)
    assert target.read_text() == "older\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_places_that_cannot_be_written_are_named(predictor: Predictor, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", bare(class_rows(1)))
    with pytest.raises(KgError, match="Cannot write"):
        predict_file(predictor, source, source / "below" / "out.jsonl")
    (tmp_path / "folder").mkdir()
    with pytest.raises(KgError, match="it is a folder"):
        predict_file(predictor, source, tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "in.jsonl"]


def test_knowledge_can_be_switched_at_prediction_time(saved: tuple[Path, Path]) -> None:
    inputs = bare(class_rows(9, seed=3))
    scores = {
        mode: [one["score"] for one in load(saved[1], knowledge=mode).predict(inputs)]
        for mode in ("on", "off", "shuffled")
    }
    assert scores["on"] != scores["off"]
    assert scores["on"] != scores["shuffled"]
