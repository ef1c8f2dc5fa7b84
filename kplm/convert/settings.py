"""What lies beside the weights of others: their settings and their vocabulary, files that nobody vouches for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sized
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch
from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.errors import CheckpointError, KplmError
from kplm.folder import json_object
from kplm.spec import UNFIT

C = TypeVar("C", bound=EncoderConfig)
M = TypeVar("M", bound=nn.Module)
KINDS = get_type_hints(EncoderConfig)
TIMES, SLACK = 8, 1 << 20
"""So many times the numbers of its weights a model may have, and some besides; more would only show how much memory there is."""


def read_settings(path: Path, needed: Iterable[str] = (), fix: str = "Download it again.") -> dict[str, Any]:
    """The settings in a JSON file.

    Args:
        path: the file.
        needed: fields that must be there.
        fix: what to do where they are not, or where it is no JSON, for messages.

    Raises:
        CheckpointError: it cannot be read, is no JSON object, or lacks a field.
    """
    found, wanted = json_object(path, fix), tuple(needed)
    if missing := [name for name in wanted if name not in found]:
        raise CheckpointError(f"{path} lacks {', '.join(missing)}; such a file has {', '.join(wanted)}. {fix}")
    return found


def sizes(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Fields of :class:`EncoderConfig` that settings give.

    Args:
        found: the settings.
        names: their names and ours; one that is absent is left out.

    Raises:
        CheckpointError: a value is no whole number of 1 or more where one belongs, or no number of 0 or more.
    """
    return {ours: number(found[theirs], theirs, KINDS[ours]) for theirs, ours in names.items() if theirs in found}


def number(value: Any, name: str, kind: type = int, least: int | None = None) -> Any:
    """A number that settings give.

    Args:
        value: what stands there.
        name: its name there, for messages.
        kind: int or float.
        least: what it must be at the least; by default 1 for whole numbers and 0 for others.

    Raises:
        CheckpointError: it is something else.
    """
    least = (1 if kind is int else 0) if least is None else least
    kinds = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value < 1 << 62:
        what = "a whole number" if kind is int else "a number"
        raise CheckpointError(
            f"{name} is {_shown(value)}; it must be {what} of {least} or more. Use the config file of these weights."
        )
    return value


def built_from(path: Path, state: Mapping[str, Tensor], config: Callable[[], C], kind: Callable[[C], M]) -> M:
    """The model that settings describe.

    Args:
        path: the file of the settings, for messages.
        state: the weights, without which no model would be so large.
        config: makes the sizes of the settings and the weights.
        kind: the class of the model.

    Raises:
        CheckpointError: no model can be made so, or one of far more numbers than there are.
    """
    try:
        wanted = config()
        check_size(wanted, [tensor.numel() for tensor in state.values()], kind)
        return kind(wanted)
    except KplmError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except UNFIT as error:
        raise CheckpointError(
            f"{path} and the shapes of the weights beside it tell of a model that cannot be built: {error}. "
            f"Use the config file that was saved with these weights."
        ) from error


def check_layers(layers: int, state: Sized) -> None:
    """Refuse more layers than there are tensors, before anything is done for each.

    Raises:
        CheckpointError: there are.
    """
    if layers > len(state):
        raise CheckpointError(f"{layers} layers cannot be told by {len(state)} tensors. Use their own config file.")


def check_size(config: C, numbers: Collection[int], kind: Callable[[C], nn.Module]) -> None:
    """Refuse a model of far more numbers than there are, before it is made.

    Args:
        config: its sizes.
        numbers: how many there are in each tensor.
        kind: its class.

    Raises:
        CheckpointError: it is one.
    """
    check_layers(config.layers, numbers)
    with torch.device("meta"):
        asked = sum(weight.numel() for weight in kind(config).parameters())
    if asked > TIMES * sum(numbers) + SLACK:
        raise CheckpointError(
            f"it asks for {asked:,} numbers, but the weights are {sum(numbers):,}. Use their own config file."
        )


def vocabulary(path: Path, rows: int) -> Path | None:
    """The vocabulary beside the weights, if it is there.

    Args:
        path: where it would be.
        rows: of the word table.

    Raises:
        CheckpointError: it cannot be read, or has more words than the word table has rows.
    """
    if not path.is_file():
        return None
    words = len(lines(path))
    if words > rows:
        raise CheckpointError(
            f"{path} has {words} words, but the word table has {rows} rows. Use the vocabulary of these weights."
        )
    return path


def lines(path: Path) -> list[str]:
    """The lines of a text that lies beside the weights.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. Use the file that came with these weights.") from error


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 1 << 62 else "far too large"
    return text if len(text) <= 40 else f"{text[:40]}..."
