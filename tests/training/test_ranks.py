"""Two processes score and answer like one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training import run

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def launch(arguments: str, module: str = "tests.training.run") -> list[str]:
    """Start both ranks the way torchrun does; returns what each printed."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    started = []
    for rank in ("0", "1"):
        own = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test"}
        command = [sys.executable, "-m", module, "rank", arguments]
        environment = {**os.environ, **shared, **own, "PYTHONWARNINGS": "ignore"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, **pipes))
    try:
        return [process.communicate(timeout=300)[0] for process in started]
    finally:
        for process in started:
            process.kill()


def test_two_ranks_give_the_scores_and_the_answers_of_one_on_an_odd_number_of_rows(
    class_files: dict[str, str], tiny_bert: Path, tiny_table: Path, tmp_path: Path
) -> None:
    files = {**class_files, "predict": class_files["val"]}
    options = {"files": files, "tokenizer": str(tiny_bert), "table": str(tiny_table)}
    own, task = run.model(), run.data(**options)
    alone, both = tmp_path / "alone", tmp_path / "both"
    alone.mkdir(), both.mkdir()
    run.trainer(alone, [], max_steps=12, enable_checkpointing=False).fit(own, datamodule=task)
    answers = run.PredictionFile(str(alone / "answers.jsonl"))
    one = run.trainer(alone, [answers])
    one.validate(own, datamodule=task, verbose=False)
    want = {name: float(value) for name, value in one.callback_metrics.items()}
    one.predict(own, datamodule=task, return_predictions=False)
    one.save_checkpoint(alone / "model.ckpt")

    printed = launch(json.dumps({**options, "folder": str(both), "checkpoint": str(alone / "model.ckpt")}))
    for rank in (0, 1):
        assert (both / f"scores_{rank}.json").exists(), printed[rank][-3000:]
        got = json.loads((both / f"scores_{rank}.json").read_text())
        assert got.keys() == want.keys()
        assert got["val/accuracy"] == want["val/accuracy"]
        assert got["val/loss"] == pytest.approx(want["val/loss"], abs=1e-6)
    assert want.keys() >= {"val/accuracy", "val/loss"}

    mine, theirs = (
        [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()] for folder in (both, alone)
    )
    assert [row["id"] for row in mine] == [f"r{i}" for i in range(37)]
    assert [(row["text"], row["label"]) for row in mine] == [(row["text"], row["label"]) for row in theirs]
    assert sorted(path.name for path in both.iterdir()) == ["answers.jsonl", "scores_0.json", "scores_1.json"]
