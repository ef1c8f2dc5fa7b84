"""The files of a SemBERT checkpoint: weights, and the config and vocabulary of the BERT it was trained from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kplm.convert.keys import State
from kplm.convert.settings import read_settings
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError

SUFFIXES = (".bin", ".safetensors")
USUAL = "pytorch_model.bin"
CONFIGS, VOCABULARY = ("bert_config.json", "config.json"), "vocab.txt"
NEEDED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
WORDS = "cnn.char_cnn.weight"
"""What every checkpoint of this system has, and no other system's."""


def weights(source: Path) -> tuple[Path, State]:
    """The weights file and its tensors.

    Args:
        source: the file, or a folder with one.

    Raises:
        CheckpointError: there is none, there are several, or it is damaged or of another system.
    """
    path = source if source.is_file() else _only(source)
    state = read_weights(path)
    if WORDS not in state:
        hint = (
            "It is a plain BERT: name it as the start of model.encoder, kplm.hub.sembert, without conversion"
            if any(".attention.self." in key for key in state)
            else "Give a file of the authors' code"
        )
        raise CheckpointError(
            f"{path} is no SemBERT checkpoint: it has no {WORDS}; its keys are such as {', '.join(sorted(state)[:3])}. {hint}."
        )
    return path, state


def config(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The file of BERT's sizes beside the weights, and the sizes.

    Raises:
        CheckpointError: the file is missing, or no JSON object with the sizes of a BERT.
    """
    path = next((folder / name for name in CONFIGS if (folder / name).is_file()), None)
    if path is None:
        raise CheckpointError(
            f"{folder} has no {' or '.join(CONFIGS)}; found {_there(folder)}. Fine-tuning saves the weights alone: "
            f"copy {CONFIGS[0]} and {VOCABULARY} of the BERT it started from there."
        )
    return path, read_settings(path, NEEDED, "Put the config of the BERT these weights started from there.")


def _only(folder: Path) -> Path:
    if not folder.is_dir():
        raise CheckpointError(f"{folder} does not exist. Give a folder with {USUAL}, or a file such as it.")
    found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    usual = [path for path in found if path.name == USUAL]
    if len(usual or found) > 1:
        names = ", ".join(path.name for path in found)
        raise CheckpointError(f"{folder} holds several weights files: {names}. Give the file of the epoch you mean.")
    if not found:
        raise CheckpointError(
            f"{folder} holds no weights; looked for *.bin and *.safetensors, found {_there(folder)}. "
            f"The authors' folders hold {USUAL}, {CONFIGS[0]} and {VOCABULARY}."
        )
    return (usual or found)[0]


def _there(folder: Path) -> str:
    return ", ".join(sorted(item.name for item in folder.iterdir())[:10]) or "nothing"
