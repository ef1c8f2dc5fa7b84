"""The files of a UER checkpoint: weights, config and vocabulary, whatever they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kplm.convert.keys import State
from kplm.convert.settings import read_settings
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError

SUFFIXES = (".bin", ".safetensors")
CONFIGS = ("google_config.json", "config.json")
VOCABULARIES = ("google_vocab.txt", "vocab.txt")
PARTS = ("embedding.", "encoder.transformer.")
"""What some keys of every UER checkpoint begin with."""


def weights(source: Path) -> tuple[Path, State]:
    """The weights file and its tensors: the file itself, or the only UER checkpoint in a folder.

    Raises:
        CheckpointError: there is none, there are several, or it is damaged or of another system.
    """
    if source.is_file():
        return source, _checked(source, read_weights(source))
    if not source.is_dir():
        raise CheckpointError(f"{source} does not exist. Give a folder with google_model.bin, or a file such as it.")
    found: dict[Path, State] = {}
    others: dict[Path, State] = {}
    broken: list[CheckpointError] = []
    for path in sorted(path for path in source.iterdir() if path.suffix in SUFFIXES):
        try:
            state = read_weights(path)
        except CheckpointError as error:
            broken.append(error)
            continue
        (found if _is_uer(state) else others)[path] = state
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise CheckpointError(f"{source} holds several UER checkpoints: {names}. Give the file you mean.")
    if found:
        return next(iter(found.items()))
    if broken:
        raise broken[0]
    if others:
        _checked(*next(iter(others.items())))
    raise CheckpointError(
        f"{source} holds no weights; looked for *.bin and *.safetensors, found {_there(source)}. "
        f"The authors' files are google_model.bin, google_config.json and google_vocab.txt."
    )


def joined(state: State, head: Path) -> State:
    """The tensors of a checkpoint and those of a head in a file of its own.

    Raises:
        CheckpointError: the file is missing, or both hold the same key.
    """
    more = read_weights(head)
    if twice := sorted(set(state) & set(more)):
        raise CheckpointError(f"{head} holds {', '.join(twice[:3])}, which the checkpoint has too. Give a head alone.")
    return state | more


def config(folder: Path, fields: tuple[str, ...]) -> tuple[Path, dict[str, Any]]:
    """The config beside the weights: google_config.json, config.json or the only ``*config.json``.

    Args:
        folder: where the weights are.
        fields: what it must contain.

    Raises:
        CheckpointError: it is missing, ambiguous, no JSON object, or another system's.
    """
    path = _config_path(folder)
    return path, read_settings(path, fields, "Put the config these weights were trained with beside them.")


def vocabulary_file(folder: Path) -> Path:
    """Where the vocabulary is, or would be."""
    return next((folder / name for name in VOCABULARIES if (folder / name).is_file()), folder / VOCABULARIES[0])


def _config_path(folder: Path) -> Path:
    for name in CONFIGS:
        if (folder / name).is_file():
            return folder / name
    found = sorted(folder.glob("*config.json"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise CheckpointError(f"{folder} holds several configs: {names}. Name the right one {CONFIGS[0]}.")
    if not found:
        raise CheckpointError(
            f"{folder} has no config; looked for {', '.join(CONFIGS)} and *config.json, found {_there(folder)}. A fine-tuned "
            f"checkpoint is saved without one: copy google_config.json and google_vocab.txt of the model it started from there."
        )
    return found[0]


def _checked(path: Path, state: State) -> State:
    if not _is_uer(state):
        hint = (
            "Checkpoints of Hugging Face BERT need no conversion: read them with kplm.from_pretrained"
            if any(".attention.self." in key for key in state)
            else "Give a checkpoint of the authors' code or of UER-py"
        )
        raise CheckpointError(
            f"{path} is no UER checkpoint: its keys are such as {', '.join(sorted(state)[:3])}; expected are "
            f"embedding.*, encoder.transformer.* and target.* or output_layer*. {hint}."
        )
    return state


def _is_uer(state: State) -> bool:
    return all(any(key.startswith(part) for key in state) for part in PARTS)


def _there(folder: Path) -> str:
    return ", ".join(sorted(item.name for item in folder.iterdir())[:10]) or "nothing"
