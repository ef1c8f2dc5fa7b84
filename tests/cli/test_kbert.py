"""K-BERT from end to end: only the graph knows the answer, so whoever swaps the graph changes the answer."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any

import pytest
import yaml

import kplm
from kplm.cli import main
from tests.cli.test_cli import checkpoint
from tests.conftest import write_rows

NAMES = [one + two for one in string.ascii_lowercase for two in string.ascii_lowercase]
CHOOSE = random.Random(1)
ANSWER = {name: CHOOSE.choice(("good", "bad")) for name in NAMES}
OTHER = {"good": "bad", "bad": "good"}


def write_graph(path: Path, right: bool = True) -> str:
    """A name is good or bad, by chance; in the other graph the other way round."""
    told = {name: one if right else OTHER[one] for name, one in ANSWER.items()}
    path.write_text("".join(f"{name}\twas\t{one}\n" for name, one in told.items()))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Graphs, files and a trained model; no name of the validation file occurs in training."""
    folder = tmp_path_factory.mktemp("kbert")
    names = random.Random(0).sample(NAMES, 360)
    rows = [{"id": name, "text": f"the {name} lives in rome", "label": ANSWER[name]} for name in names]
    write_rows(folder / "train.jsonl", rows[:320])
    write_rows(folder / "val.jsonl", rows[320:])
    write_graph(folder / "graph.spo")
    write_graph(folder / "other.spo", right=False)
    (folder / "config.yaml").write_text(yaml.safe_dump(config(folder, tiny_bert)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fit", "-c", "config.yaml"]) == 0
        assert main(["export", checkpoint(folder), "model"]) == 0
    return folder


def config(folder: Path, tiny_bert: Path) -> dict[str, Any]:
    tree = {
        "class_path": "kplm.data.annotate.Tree",
        "init_args": {"graph": str(folder / "graph.spo"), "match": "longest"},
    }
    pool = {"class_path": "kplm.nn.pooling.Mean"}
    start = {"pretrained": str(tiny_bert), "dropout": 0.0}  # it learns all, by any processor
    return {
        "trainer": {
            "max_epochs": 4,
            "log_every_n_steps": 1,
            "accelerator": "cpu",
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "logger": {"class_path": "pytorch_lightning.loggers.CSVLogger", "init_args": {"save_dir": "logs"}},
        },
        "model": {
            "class_path": "kplm.training.Finetune",
            "init_args": {
                "encoder": {"class_path": "kplm.hub.bert", "init_args": start},
                "head": {"class_path": "kplm.heads.Classify", "init_args": {"pool": pool}},
                "optimization": {"lr": 3e-3, "fresh_lr": 1e-2},
            },
        },
        "data": {
            "class_path": "kplm.data.module.TextData",
            "init_args": {
                "source": "kplm.data.sources.JsonLines",
                "tokenizer": str(tiny_bert),
                "train": str(folder / "train.jsonl"),
                "val": str(folder / "val.jsonl"),
                "batch_rows": 16,
                "annotators": [tree],
            },
        },
    }


def labels(path: Path) -> list[str]:
    return [json.loads(line)["label"] for line in path.read_text().splitlines()]


def test_raw_text_is_answered_from_the_graph_and_another_graph_answers_otherwise(folder: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (folder / "val.jsonl").read_text().splitlines()]
    source = tmp_path / "in.txt"
    source.write_text("".join(f"{row['text']}\n" for row in rows))
    own, other = tmp_path / "own.jsonl", tmp_path / "other.jsonl"
    assert main(["predict", str(folder / "model"), str(source), str(own)]) == 0
    swap = ["--data.graph", str(folder / "other.spo")]
    assert main(["predict", str(folder / "model"), str(source), str(other), *swap]) == 0
    gold = [row["label"] for row in rows]
    assert labels(own) == gold
    assert all(one != two for one, two in zip(labels(other), gold))


def test_the_graph_is_swapped_by_config_too(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["-c", str(folder / "config.yaml"), "--ckpt_path", checkpoint(folder)]
    source = ["--data.predict", str(folder / "val.jsonl"), "--data.graph", str(folder / "other.spo")]
    assert main(["predict", *options, *source, "--out", "out.jsonl"]) == 0
    gold = [json.loads(line)["label"] for line in (folder / "val.jsonl").read_text().splitlines()]
    assert all(one != two for one, two in zip(labels(tmp_path / "out.jsonl"), gold))


def test_in_python_the_graph_is_an_argument_and_may_replace_one_that_is_gone(folder: Path, tmp_path: Path) -> None:
    name = NAMES[0]
    model = kplm.load(folder / "model", graph=write_graph(tmp_path / "copy.spo"))
    assert model.predict([f"the {name} lives in rome"])[0]["label"] == ANSWER[name]
    off = kplm.load(folder / "model", knowledge="off").predict([f"the {n} lives in rome" for n in NAMES[:40]])
    assert [one["label"] for one in off] != [ANSWER[n] for n in NAMES[:40]]


def test_a_graph_that_is_not_there_is_one_message(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["predict", str(folder / "model"), str(folder / "val.jsonl"), str(tmp_path / "out.jsonl")]
    assert main([*words, "--data.graph", "nowhere.spo"]) == 1
    assert "There is no file or folder" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_compare_sets_control_ablations_and_another_graph_side_by_side(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arms = ["on", "off", "shuffled", "no_soft_positions", "no_visible_matrix"]
    words = ["compare", "-c", str(folder / "config.yaml"), "--knowledge", ",".join(arms), "--seeds", "1"]
    assert main([*words, "--out", "cmp", "--trainer.max_epochs=4"]) == 0
    found = json.loads((tmp_path / "cmp" / "results.json").read_text())["scores"]
    scores = {arm: found[f"{arm}/0"]["val/accuracy"] for arm in arms}
    assert scores["on"] == 1.0
    assert max(scores["off"], scores["shuffled"]) < 0.8
    assert min(scores["no_soft_positions"], scores["no_visible_matrix"]) > 0.8, "bags of words can do this task"
