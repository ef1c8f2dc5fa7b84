"""A run that is killed and resumed goes on bit for bit as if nothing had happened."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from kplm.training.callbacks import RandomState
from tests.processes import Job
from tests.training import run
from tests.training.cases import CASES
from tests.training.rank import Losses
from tests.training.rows import Places

DIES_AFTER = 15
"""In the middle of the second of two epochs of ten steps, one step behind the last checkpoint."""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_continues_with_bit_identical_losses(
    workers: int, class_files: dict[str, str], tiny_bert: Path, tiny_table: Path, tmp_path: Path
) -> None:
    options = {"files": class_files, "tokenizer": str(tiny_bert), "table": str(tiny_table), "workers": workers}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    want = run.fit(whole, run.data(**options)).read_text().splitlines()
    assert len(want) == 20
    assert len({line.split(" ")[-1] for line in want}) == 20, "dropout is on and every loss differs"
    for epoch in (want[:10], want[10:]):
        rows = [row for line in epoch for row in json.loads(line[line.index("[") : line.index("]") + 1])]
        assert sorted(rows) == list(range(40)), "every row once an epoch"

    code, printed = Job(run.killed, broken, DIES_AFTER, **options).wait()
    assert code == -signal.SIGKILL, printed
    losses = broken / "losses.txt"
    assert losses.read_text().splitlines() == want[:DIES_AFTER]

    for step in (14, 10, 4):  # in the second epoch, between the two, in the first
        losses.unlink()
        run.fit(broken, run.data(**options), resume=str(broken / f"step={step}.ckpt"))
        assert losses.read_text().splitlines() == want[step:], f"resumed at step {step}"


STEPS, SAVED = 5, 2


def losses(name: str, places: Places, folder: Path, resume: Path | None = None) -> list[Any]:
    """The rows and the loss of every step; a run that is resumed scores the model first, which must change nothing."""
    pl.seed_everything(3 if resume is None else 9, verbose=False)
    (model, data), seen = CASES[name](places), Losses()
    saved = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=SAVED, save_top_k=-1)
    quick = {"max_epochs": 1, "limit_train_batches": STEPS, "limit_val_batches": 1, "num_sanity_val_steps": 0}
    trainer = run.trainer(folder, [RandomState(), seen, saved], **quick)
    if resume is not None:
        trainer.validate(model, datamodule=data, verbose=False)
    trainer.fit(model, datamodule=data, ckpt_path=resume, weights_only=True)
    return seen.seen


@pytest.mark.parametrize("name", CASES)
def test_every_system_goes_on_to_the_bit_from_the_middle_of_an_epoch(name: str, places: Places, tmp_path: Path) -> None:
    whole = losses(name, places, tmp_path)
    assert len(whole) == STEPS
    assert losses(name, places, tmp_path / "rest", tmp_path / f"step={SAVED}.ckpt") == whole[SAVED:]
