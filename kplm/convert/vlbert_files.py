"""The files of a VL-BERT checkpoint: weights, and beside them, where there are any, config, vocabulary and answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kplm.convert.keys import State
from kplm.convert.settings import lines, number, read_settings
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError

SUFFIXES = (".model", ".bin", ".pth")
PADDING = "position_padding_idx"
CONFIG, VOCABULARY, ANSWERS = "config.json", "vocab.txt", "answers_vqa.txt"
OUTER, BODY = "module.", "vlbert."
IN_VCR = "vlbert._module."
TABLE = "end_embedding.weight"
"""What every checkpoint of this system has, and no other system's."""


def weights(source: Path) -> tuple[Path, State]:
    """The weights file and its tensors, their names as one process of the authors' pretraining would write them.

    Args:
        source: the file, or a folder with one.

    Raises:
        CheckpointError: there is none, there are several, or it is damaged or of another system.
    """
    path = source if source.is_file() else _only(source)
    state = plain_names(read_weights(path))
    if f"{BODY}{TABLE}" not in state:
        raise CheckpointError(
            f"{path} is no VL-BERT checkpoint: it has no {BODY}{TABLE}; its keys are such as {', '.join(sorted(state)[:3])}. "
            f"Give a file of the authors' code."
        )
    return path, state


def plain_names(state: Mapping[str, Any]) -> State:
    """Without what data-parallel training and VCR's loop over choices put before a name; a bare model gets its prefix."""
    found = {key.removeprefix(OUTER): tensor for key, tensor in state.items()}
    if TABLE in found:
        return {f"{BODY}{key}": tensor for key, tensor in found.items()}
    return {BODY + key.removeprefix(IN_VCR) if key.startswith(IN_VCR) else key: found[key] for key in found}


def config(folder: Path) -> dict[str, Any]:
    """The authors' settings of the encoder as JSON, from ``NETWORK.VLBERT`` or as they are; empty where there is no file.

    Raises:
        CheckpointError: the file is no JSON object.
    """
    path = folder / CONFIG
    if not path.is_file():
        return {}
    found = read_settings(path, fix="Write the authors' yaml file as JSON.")
    network = found.get("NETWORK")
    inner = network.get("VLBERT", found) if isinstance(network, dict) else found
    if not isinstance(inner, dict):
        raise CheckpointError(f"{path}: NETWORK.VLBERT is no object of settings. Write the authors' yaml file as JSON.")
    number(inner.get(PADDING, -1), f"{path}: {PADDING}", least=-1)
    return inner


def answers(folder: Path) -> list[str] | None:
    """The answers of a VQA checkpoint, if their file is beside the weights.

    Raises:
        CheckpointError: the file cannot be read.
    """
    path = folder / ANSWERS
    return lines(path) if path.is_file() else None


def _only(folder: Path) -> Path:
    if not folder.is_dir():
        raise CheckpointError(f"{folder} does not exist. Give a checkpoint of VL-BERT, or a folder with one.")
    found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if len(found) == 1:
        return found[0]
    if found:
        raise CheckpointError(f"{folder} holds several checkpoints: {', '.join(p.name for p in found)}. Give one file.")
    there = ", ".join(sorted(item.name for item in folder.iterdir())[:10]) or "nothing"
    raise CheckpointError(f"{folder} holds no weights; looked for *{', *'.join(SUFFIXES)}, found {there}.")
