"""A run that is killed and resumed goes on bit for bit as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training import run

ROOT = Path(__file__).parents[2]
DIES_AFTER = 14
"""Step 14 of two epochs of ten: in the middle of the second one, two steps behind the last checkpoint."""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_continues_with_bit_identical_losses(
    workers: int, class_files: dict[str, str], tiny_bert: Path, tiny_table: Path, tmp_path: Path
) -> None:
    options = {"files": {"train": class_files["train"]}, "tokenizer": str(tiny_bert), "table": str(tiny_table)}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    want = run.fit(whole, run.data(**options, workers=workers)).read_text().splitlines()

    arguments = json.dumps({**options, "workers": workers, "folder": str(broken), "die_after": DIES_AFTER})
    command = [sys.executable, "-m", "tests.training.run", "killed", arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = (broken / "losses.txt").read_text().splitlines()
    assert before == want[:DIES_AFTER]
    (broken / "losses.txt").unlink()

    checkpoint = broken / "step=12.ckpt"
    after = run.fit(broken, run.data(**options, workers=workers), resume=str(checkpoint)).read_text().splitlines()
    assert len(want) == 20
    assert after == want[12:]
    assert len({line.split(" ")[-1] for line in want}) == 20, "dropout is on and every loss differs"
