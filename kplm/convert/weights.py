"""Tensors from files other code wrote."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from kplm.errors import CheckpointError
from kplm.folder import is_state, load_tensors

NAMES = ("model.safetensors", "pytorch_model.bin")
FOREIGN = (
    "tf_model.h5",
    "flax_model.msgpack",
    "bert_model.ckpt.index",
    "model.ckpt.index",
    "rust_model.ot",
    "model.onnx",
)
LFS = b"version https://git-lfs"


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read all tensors of a checkpoint onto the CPU; code in it is never run.

    Args:
        path: a ``.safetensors`` or ``.bin`` file, or a folder that holds one under its usual name.

    Raises:
        CheckpointError: there is no such file, it is a Git LFS pointer, it is damaged, or it holds something else.
    """
    path = find(Path(path))
    with path.open("rb") as file:
        if file.read(len(LFS)) == LFS:
            raise CheckpointError(
                f"{path} is a Git LFS pointer of {path.stat().st_size} bytes, not the weights. "
                f"Run `git lfs pull` in its folder, or download the file itself."
            )
    state = _read(path)
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):  # beside an optimizer and the like
        state = state["state_dict"]
    if not is_state(state) or not state:
        raise CheckpointError(f"{path} is no state dict: it must map names to tensors. Save `model.state_dict()`.")
    return state


def find(path: Path) -> Path:
    """The weights file in a folder, or the file itself.

    Raises:
        CheckpointError: it is not there; the message says what was looked for and what was found instead.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise CheckpointError(f"{path} does not exist. Give a folder with {' or '.join(NAMES)}, or one of these files.")
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    foreign = [name for name in FOREIGN if (path / name).exists()]
    if foreign:
        raise CheckpointError(
            f"{path} holds {', '.join(foreign)}, which is another system's format; looked for {' and '.join(NAMES)}. "
            f"Export the model as safetensors from the system that wrote it."
        )
    if any(path.glob("*.index.json")):
        raise CheckpointError(
            f"{path} holds weights in several shards; looked for {' and '.join(NAMES)}. Save them as one file."
        )
    there = ", ".join(sorted(item.name for item in path.iterdir())[:10]) or "nothing"
    raise CheckpointError(f"{path} holds no weights; looked for {' and '.join(NAMES)}, found {there}.")


def _read(path: Path) -> object:
    if path.suffix != ".safetensors":
        return load_tensors(path)
    try:
        return load_file(path)
    except Exception as error:  # a damaged file may raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} is damaged or cut off at {path.stat().st_size:,} bytes ({reason}). Download it again."
        ) from error
