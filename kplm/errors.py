"""Errors that say what was got, what is possible, and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class KplmError(Exception):
    """Base of every error this package raises on purpose; printed alone by the command line."""


class DataError(KplmError):
    """A data file holds something that cannot be used; the message names the file and the line."""


class CheckpointError(KplmError):
    """A checkpoint cannot be read, or does not fit the model it is loaded into."""


class Terminated(KplmError):
    """A run was asked to stop, by SIGTERM or Ctrl-C, and ended behind a step.

    Args:
        step: the number of steps that are done.
        path: the checkpoint that was written; None where the run keeps none.
        status: the exit status that says so.
        told: whether this process is the one that tells.
    """

    def __init__(self, step: int, path: str | None, status: int, told: bool = True) -> None:
        how = f"saved; it goes on with --ckpt_path {path}" if path else "not saved, as it keeps no checkpoints"
        super().__init__(f"stopped after step {step}, {how}" if told else "")
        self.status = status


class ProcessLost(KplmError):
    """Another process of the run is gone, and no step can be made without it.

    Args:
        step: the number of steps that are done.
        path: the newest checkpoint, or nothing.
    """

    def __init__(self, step: int, path: str) -> None:
        how = (
            f"go on with --ckpt_path {path}"
            if path
            else "start anew, with --checkpoint.every_n_train_steps to save more often"
        )
        super().__init__(
            f"another process of this run ended, so it stops after step {step}. See what that process said, then {how}."
        )


class LabelError(DataError):
    """A label occurs in the data that the model has no class for."""


class MissingFieldError(KplmError):
    """A part reads a batch field that nothing writes."""

    def __init__(self, reader: str, field: str, written: Iterable[str]) -> None:
        have = sorted(written)
        super().__init__(
            f"{reader} reads batch field '{field}', but this data module writes only: {', '.join(have)}."
            f"{did_you_mean(field, have)}\nAdd a source or annotator that provides '{field}', or choose another part than {reader}."
        )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint naming the closest known name, or an empty string.

    >>> did_you_mean("lable", ["label", "text"])
    " Did you mean 'label'?"
    """
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
