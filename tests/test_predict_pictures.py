"""Pictures and questions in, answers out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import kplm
from kplm.cli import main
from kplm.data.annotate import Regions
from kplm.data.answer_file import predict_file
from kplm.data.example import Example, Picture
from kplm.data.looks import Pixels
from kplm.data.module import TextData
from kplm.data.sources import JsonLines
from kplm.errors import DataError
from kplm.heads import Answer
from kplm.hub import load_finetuned, vlbert
from kplm.predict import Predictor, load
from kplm.spec import from_spec, to_spec
from kplm.text import Tokenizer
from kplm.training import Finetune, Optimization
from tests.conftest import write_rows
from tests.data import pictures
from tests.training import run
from vision.errors import VisionError
from vision.regions import Small

COLOURS = ("red", "blue")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pictures")
    for number in range(12):
        pictures.png(place / f"{number}.png", COLOURS[number % 2], (20 + number, 24))
    rows = [{"image": f"{i}.png", "question": "the river", "label": ("good", "bad")[i % 2]} for i in range(12)]
    write_rows(place / "train.jsonl", rows * 4)
    return place


@pytest.fixture(scope="module")
def saved(folder: Path, tiny_bert: Path) -> tuple[Path, Path]:
    """A checkpoint of a short run, and the folder exported from it."""
    looks = Pixels(grid=2)
    train = str(folder / "train.jsonl")
    data = TextData(
        JsonLines(), str(tiny_bert), "answers", train=train, val=train, annotators=[Regions(looks)], batch_rows=8
    )
    names = data.label_names
    encoder = vlbert(str(tiny_bert), Small(16, 16, 32), visual_init=1.0)
    model = Finetune(encoder, Answer(), names, Optimization(lr=3e-3, warmup=0.0))
    return run.saved(folder, model, data, 20)


@pytest.fixture(scope="module")
def predictor(saved: tuple[Path, Path]) -> Predictor:
    return load(saved[1])


def test_a_trained_model_tells_pictures_apart_that_have_the_same_question(predictor: Predictor, folder: Path) -> None:
    asked = [{"image": str(folder / f"{i}.png"), "question": "the river"} for i in range(4)]
    assert [one["answer"] for one in predictor.predict(asked)] == ["good", "bad", "good", "bad"]
    [one] = predictor.predict(image=str(folder / "1.png"), question="the river")
    assert (one["answer"], one["image"], one["text"]) == ("bad", str(folder / "1.png"), "the river")
    assert one["score"] == max(one["scores"].values())


def test_a_checkpoint_and_the_folder_answer_alike_and_off_sees_nothing(saved: tuple[Path, Path], folder: Path) -> None:
    asked = [{"image": str(folder / f"{i}.png"), "question": "the river"} for i in range(2)]
    assert load(saved[0]).predict(asked) == load(saved[1]).predict(asked)
    first, second = load(saved[1], knowledge="off").predict(asked)
    assert first["scores"] == second["scores"]


def test_a_file_of_pictures_is_answered_in_order(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    rows = [{"id": i, "image": f"{i}.png", "question": "the river"} for i in range(5)] + [
        {"id": 5, "question": "the river"}
    ]
    source = write_rows(folder / "in.jsonl", rows)
    predict_file(predictor, source, tmp_path / "out.jsonl")
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["id"] for one in answers] == list("012345")
    assert [one["answer"] for one in answers[:5]] == ["good", "bad", "good", "bad", "good"]


def test_a_picture_that_is_not_there_is_told(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere.png"):
        predictor.predict(image=str(tmp_path / "nowhere.png"), question="the river")
    with pytest.raises(DataError, match="Give a question"):
        predictor.predict(image="a.png")


def test_loading_trained_weights_does_not_call_them_random(
    saved: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    load(saved[1])
    assert "random" not in caplog.text


def test_a_network_with_random_weights_is_fresh(tiny_bert: Path) -> None:
    assert "features.module.project.weight" in vlbert(str(tiny_bert), Small(16, 16, 32)).fresh
    assert not any("project" in name for name in vlbert(str(tiny_bert), Small(16, 16, 32, weights="later")).fresh)


def test_boxes_can_be_given_with_a_picture_or_found(saved: tuple[Path, Path], folder: Path) -> None:
    image, question = str(folder / "1.png"), "the river"
    predictor = load(saved[1])
    [tiles] = predictor.predict(image=image, question=question)
    [given] = predictor.predict(image=image, question=question, boxes=[[0, 0, 5, 5], [2, 2, 20, 20]])
    [row] = predictor.predict([{"image": image, "question": question, "boxes": [[0, 0, 5, 5], [2, 2, 20, 20]]}])
    assert given["scores"] == row["scores"] != tiles["scores"]
    [found] = load(saved[1], boxes="grid:2x2").predict(image=image, question=question)
    assert found["scores"] == tiles["scores"]
    with pytest.raises(DataError, match=r"box 0 is \(5, 0, 0, 5\)"):
        predictor.predict(image=image, question=question, boxes=[[5, 0, 0, 5]])
    with pytest.raises(DataError, match="boxes of which picture"):
        predictor.predict(question=question, boxes=[[0, 0, 5, 5]])
    with pytest.raises(VisionError, match="no box source"):
        load(saved[1], boxes="nowhere")


def test_the_command_takes_boxes_of_a_line_and_a_source(saved: tuple[Path, Path], folder: Path, tmp_path: Path) -> None:
    rows = [{"image": "1.png", "question": "the river", "boxes": boxes} for boxes in (None, [[0, 0, 5, 5]])]
    source = str(write_rows(folder / "boxes.jsonl", rows))
    assert main(["predict", str(saved[1]), source, str(tmp_path / "out.jsonl"), "--boxes", "grid:3x3"]) == 0
    first, second = (json.loads(line)["scores"] for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert first != second


@pytest.mark.parametrize(("source", "count"), [([], 5), (["--boxes", "grid:3x4"], 13)])
def test_a_glance_takes_a_source_of_boxes_too(
    saved: tuple[Path, Path], folder: Path, capsys: pytest.CaptureFixture[str], source: list[str], count: int
) -> None:
    command = ["inspect", "regions", str(folder / "1.png"), "the river", "--model", str(saved[1])]
    assert main([*command, *source]) == 0
    assert sum(line.split()[0].isdecimal() for line in capsys.readouterr().out.splitlines()) == count


def test_answers_start_from_words_when_training_begins(folder: Path, tiny_bert: Path) -> None:
    train = str(folder / "train.jsonl")
    data = TextData(JsonLines(), str(tiny_bert), "answers", train=train, annotators=[Regions(Pixels())])
    head = Answer(start="words")
    model = Finetune(vlbert(str(tiny_bert), Small(16, 16, 32)), head, data.label_names, Optimization(lr=0.0))
    trainer = run.trainer(folder, [], max_steps=1, enable_checkpointing=False)
    trainer.fit(model, datamodule=data)
    ids = [int(one) for [one] in data.pieces(head.names)]
    torch.testing.assert_close(
        head.output.weight.detach(), model.encoder.embeddings.terms["input_ids"].weight[ids].detach()
    )


def test_a_head_that_started_from_words_keeps_what_it_learnt(folder: Path, tiny_bert: Path, tmp_path: Path) -> None:
    train, head = str(folder / "train.jsonl"), Answer(start="words")

    def trained_on(model: Finetune) -> torch.Tensor:
        data = TextData(JsonLines(), str(tiny_bert), "answers", train=train, annotators=[Regions(Pixels())])
        run.trainer(folder, [], max_steps=1, enable_checkpointing=False).fit(model, datamodule=data)
        return model.head.output.weight.detach().clone()

    model = Finetune(vlbert(str(tiny_bert), Small(16, 16, 32)), head, ["bad", "good"], Optimization(lr=0.1, warmup=0.0))
    before = trained_on(model)
    again, _ = load_finetuned(kplm.save_pretrained(model, tmp_path / "model"))
    for one in (model, again):
        one.optimization = Optimization(lr=0.0)
        assert torch.equal(trained_on(one), before)


def test_a_picture_that_a_file_of_boxes_does_not_list_is_told(
    folder: Path, tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    boxes = write_rows(folder / "places.jsonl", [{"image": "0.png", "boxes": [[0, 0, 5, 5]]}])
    annotator = Regions(Pixels(boxes=str(boxes)))
    annotator.annotate([Example("good", picture=Picture("0.png"))])
    again = from_spec(json.loads(json.dumps(to_spec(annotator))), Regions)
    assert not caplog.text
    again.annotate([Example("good", picture=Picture("new.png"))])
    assert "1 of 1 pictures come without boxes, 'new.png' first" in caplog.text
