"""VCR and VQA from predictions to numbers and to the files of their servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kplm.cli import main
from tests.conftest import write_rows
from tests.data import pictures


def config(folder: Path, tiny_bert: Path, ask: str) -> str:
    """VCR as in the shipped configs, with a small network."""
    source = {"class_path": "kplm.data.sources.Vcr", "init_args": {"images": str(folder / "images"), "ask": ask}}
    network = {"name": "resnet18", "weights": None, "short": 32, "long": 32}
    features = {"class_path": "vision.regions.Caffe", "init_args": network}
    pixels = {"class_path": "kplm.data.looks.Pixels", "init_args": {"masks": 14}}
    train, val = (pictures.vcr(folder, stage) for stage in ("train", "val"))
    content: dict[str, Any] = {
        "trainer": {
            "max_epochs": 1,
            "accelerator": "cpu",
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": str(folder / ask),
        },
        "model": {
            "class_path": "kplm.training.Finetune",
            "init_args": {
                "encoder": {
                    "class_path": "kplm.hub.vlbert",
                    "init_args": {"pretrained": str(tiny_bert), "features": features},
                },
                "head": "kplm.heads.GroundedChoice",
            },
        },
        "data": {
            "class_path": "kplm.data.module.TextData",
            "init_args": {
                "source": source,
                "predict_source": source,
                "task": "choices",
                "labels": ["right", "wrong"],
                "tokenizer": str(tiny_bert),
                "batch_rows": 2,
                "train": train,
                "val": val,
                "annotators": [{"class_path": "kplm.data.annotate.Regions", "init_args": {"looks": pixels}}],
            },
        },
    }
    path = folder / f"{ask}.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def choice(group: str, number: int) -> dict[str, Any]:
    return {"id": f"{group}-{number}", "group": group, "scores": {"right": 0.5}}


def predicted(settings: str, source: str, target: Path) -> list[dict[str, Any]]:
    assert main(["predict", "-c", settings, "--data.predict", source, "--out", str(target)]) == 0
    return [json.loads(line) for line in target.read_text().splitlines()]


def test_vcr_is_trained_predicted_and_scored(tmp_path: Path, tiny_bert: Path, capsys: pytest.CaptureFixture) -> None:
    files, gold = {}, str(tmp_path / "val.jsonl")
    assert main(["fit", "-c", config(tmp_path, tiny_bert, "answer")]) == 0
    for ask in ("answer", "rationale"):
        settings, files[ask] = config(tmp_path, tiny_bert, ask), tmp_path / f"{ask}.jsonl"
        rows = predicted(settings, gold, files[ask])
        assert [row["id"] for row in rows] == [f"val-{i}-{n}" for i in range(3) for n in range(4)]
    capsys.readouterr()
    assert main(["score", "vcr", str(files["answer"]), str(files["rationale"]), gold]) == 0
    said = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert said.keys() == {"Q->A", "QA->R", "Q->AR"}
    assert float(said["Q->AR"]) <= min(float(said["Q->A"]), float(said["QA->R"]))


def test_the_servers_of_both_data_sets_get_their_files(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = write_rows(tmp_path / "p.jsonl", [{"id": "7", "answer": "two"}, {"id": "9", "answer": "Rome"}])
    target = tmp_path / "out.json"
    assert main(["score", "vqa", str(path), str(target)]) == 0
    assert json.loads(target.read_text()) == [{"question_id": 7, "answer": "two"}, {"question_id": 9, "answer": "Rome"}]
    answers, reasons = (
        str(write_rows(tmp_path / name, [choice(group, n) for group in groups for n in range(4)]))
        for name, groups in (("a.jsonl", ["t"]), ("r.jsonl", [f"t-a{n}" for n in range(4)]))
    )
    assert main(["score", "vcr-leaderboard", answers, reasons, str(tmp_path / "t.csv")]) == 0
    header, row = (tmp_path / "t.csv").read_text().splitlines()
    assert header.startswith("annot_id,answer_0,")
    assert row == ",".join(["t", *["0.25"] * 20])
    assert "wrote 1 questions" in capsys.readouterr().out


def test_a_question_without_a_prediction_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    gold = pictures.vcr(tmp_path, "val")
    rows = [choice(f"val-{i}", n) for i in range(2) for n in range(4)]
    path = str(write_rows(tmp_path / "p.jsonl", rows))
    assert main(["score", "vcr", path, path, gold]) == 1
    assert "val.jsonl:3: 0 of the 4 choices of question val-2 are among the predictions" in capsys.readouterr().err
