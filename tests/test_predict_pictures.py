"""Pictures and questions in, answers out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kplm
from kplm.data.annotate import Regions
from kplm.data.looks import Pixels
from kplm.data.module import TextData
from kplm.data.sources import JsonLines
from kplm.errors import DataError
from kplm.heads import Answer
from kplm.hub import vlbert
from kplm.predict import Predictor, load, predict_file
from kplm.training import Finetune, Optimization
from tests.conftest import write_rows
from tests.data import pictures
from tests.training import run
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
    looks = Pixels(grid=2, short=24, long=32, colours="centred")
    train = str(folder / "train.jsonl")
    data = TextData(
        JsonLines(), str(tiny_bert), "answers", train=train, val=train, annotators=[Regions(looks)], batch_rows=8
    )
    names = data.label_names
    encoder = vlbert(str(tiny_bert), Small(16, 16, 32), visual_init=1.0)
    model = Finetune(encoder, Answer(), names, Optimization(lr=3e-3, warmup=0.0))
    trainer = run.trainer(folder, [], max_epochs=20, enable_checkpointing=False)
    trainer.fit(model, datamodule=data)
    trainer.save_checkpoint(folder / "model.ckpt")
    return folder / "model.ckpt", kplm.save_pretrained(model, folder / "model")


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
