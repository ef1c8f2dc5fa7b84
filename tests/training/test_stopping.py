"""Runs that are asked to stop, lose a process, or have no room to save: none hangs, and each can go on."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml
from pytorch_lightning.callbacks import Callback

from kplm.cli import main
from kplm.errors import CheckpointError, Terminated
from kplm.training.callbacks import RandomState
from kplm.training.checkpoint import LastCheckpoint, WholeFiles
from kplm.training.termination import Termination
from tests.processes import ranks
from tests.training import run
from tests.training.cases import CASES
from tests.training.rank import RANKS, Losses
from tests.training.rows import Places


class Signalled(Callback):
    """One of the processes gets a signal in the middle of a step."""

    def __init__(self, number: int, step: int = 2, rank: int = 0) -> None:
        self.number, self.step, self.rank = number, step, rank

    def on_before_optimizer_step(self, trainer: pl.Trainer, *args: Any) -> None:
        """Send it once."""
        if (trainer.global_step, trainer.global_rank) == (self.step, self.rank):
            os.kill(os.getpid(), self.number)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Whatever listens to signals is as it was."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]


def losses(places: Places, folder: Path, resume: str | None = None, stop: int = 0, **options: Any) -> Losses:
    """Two epochs of six batches, the second scored too."""
    pl.seed_everything(3, verbose=False)
    (model, data), seen = CASES["kbert_classify"](places), Losses()
    callbacks = [RandomState(), seen, Termination(), LastCheckpoint(folder, save_last=True)]
    trainer = run.trainer(folder, [*callbacks, *([Signalled(stop, **options)] if stop else [])], plugins=[WholeFiles()])
    try:
        trainer.fit(model, datamodule=data, ckpt_path=resume, weights_only=True)
    except Terminated as ended:
        seen.ended = ended  # type: ignore[attr-defined]
    return seen


@pytest.mark.parametrize("step", [2, 5])
def test_a_run_that_is_asked_to_stop_ends_behind_the_step_and_goes_on_as_if_it_had_not(
    step: int, places: Places, tmp_path: Path
) -> None:
    """The sixth step is the last of an epoch, which is scored before the end."""
    whole = losses(places, tmp_path / "whole").seen
    first = losses(places, tmp_path / "rest", stop=signal.SIGTERM, step=step)
    path = str(tmp_path / "rest" / "last.ckpt")
    assert str(first.ended) == f"stopped after step {step + 1}, saved; it goes on with --ckpt_path {path}"  # type: ignore[attr-defined]
    assert first.seen == whole[: step + 1]
    assert losses(places, tmp_path / "rest", path).seen == whole[step + 1 :]


@pytest.fixture(scope="module")
def config(places: Places, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run of two epochs as a YAML file, saved every two steps."""
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    content: dict[str, Any] = {
        "trainer": {"accelerator": "cpu", "max_epochs": 2, "logger": False, **quiet},
        "checkpoint": {"every_n_train_steps": 2},
        "model": {
            "class_path": "kplm.training.Finetune",
            "init_args": {
                "encoder": {"class_path": "kplm.hub.bert", "init_args": {"pretrained": places.bert}},
                "head": "kplm.heads.Classify",
            },
        },
        "data": {
            "class_path": "kplm.data.module.TextData",
            "init_args": {
                "source": "kplm.data.sources.JsonLines",
                "tokenizer": places.bert,
                "batch_rows": 4,
                "train": places.file("texts", "train"),
            },
        },
    }
    path = tmp_path_factory.mktemp("stopping") / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def signalled(number: int, **options: int) -> list[str]:
    """The words that add the callback above to a command."""
    words = ["--trainer.callbacks+=tests.training.test_stopping.Signalled", f"--trainer.callbacks.number={int(number)}"]
    return [*words, *(f"--trainer.callbacks.{name}={value}" for name, value in options.items())]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_command_says_how_to_go_on_and_last_does(
    number: int, status: int, config: str, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    words = ["fit", "-c", config, "--trainer.default_root_dir", str(tmp_path)]
    assert main([*words, *signalled(number)]) == status
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"kplm: stopped after step 3, saved; it goes on with --ckpt_path {tmp_path}/checkpoints/last.ckpt"
    )
    assert main([*words, "--ckpt_path", "last"]) == 0
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 12


def test_last_starts_anew_where_there_is_none_and_nothing_else_does(config: str, tmp_path: Path) -> None:
    words = ["-c", config, "--trainer.default_root_dir", str(tmp_path), "--ckpt_path", "last"]
    assert main(["validate", *words]) == 1
    assert main(["fit", *words, "--trainer.max_steps", "2"]) == 0
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def command(words: list[str]) -> None:
    """The command as a process."""
    sys.exit(main(words))


@pytest.mark.parametrize(
    ("number", "statuses", "said", "step"),
    [
        (signal.SIGTERM, [143, 143], "kplm: stopped after step 4, saved", 4),
        (signal.SIGKILL, [1, -signal.SIGKILL], "another process of this run ended, so it stops after step", 2),
    ],
)
def test_a_signal_to_one_of_two_ranks_ends_both_with_a_checkpoint_to_go_on_from(
    number: int, statuses: list[int], said: str, step: int, config: str, tmp_path: Path
) -> None:
    several = ["--trainer.strategy=ddp", f"--trainer.devices={RANKS}", "--trainer.max_epochs=4"]
    words = ["fit", "-c", config, "--trainer.default_root_dir", str(tmp_path), *several]
    ended = ranks(RANKS, command, [*words, *signalled(number, step=3, rank=1)])
    assert [status for status, _ in ended] == statuses, ended[0][1][-2000:]
    assert said in ended[0][1]
    assert f"--ckpt_path {tmp_path}/checkpoints/last.ckpt" in ended[0][1]
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == step


@pytest.fixture
def little_room() -> Iterator[int]:
    """No file of this process may grow beyond so many bytes, as on a full disk."""
    before, room = resource.getrlimit(resource.RLIMIT_FSIZE), 50_000
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    yield room
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


def test_without_room_the_checkpoint_before_stays_and_the_error_says_what_to_do(
    tmp_path: Path, little_room: int
) -> None:
    path = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint({"step": 1}, path)
    for place, what in ((path, "File too large"), (tmp_path / "last.ckpt" / "in" / "a.ckpt", "Not a directory")):
        with pytest.raises(CheckpointError, match=rf"{place} could not be written: {what}.* Make room"):
            WholeFiles().save_checkpoint({"step": torch.zeros(little_room)}, place)
    assert torch.load(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
