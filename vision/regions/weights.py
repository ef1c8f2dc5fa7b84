"""Networks of torchvision by name, with torchvision's weights, those of a file, or random ones."""

from __future__ import annotations

import logging
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kg.archives import refuse_bomb
from kg.errors import did_you_mean
from vision.errors import VisionError
from vision.tv import torchvision

log = logging.getLogger("vision")
LATER = "later"
"""In the place of weights: whoever builds the network will load them."""
FILES = (".pt", ".pth", ".safetensors")


def network(name: str, possible: Sequence[str], **settings: Any) -> Any:
    """A network of torchvision with random weights.

    Args:
        name: torchvision's, such as ``resnet101``.
        possible: the names that fit.
        settings: for torchvision's builder.

    Raises:
        VisionError: the name does not fit.
    """
    if name not in possible:
        raise VisionError(f"There is no network '{name}' here. {did_you_mean(name, possible)}")
    return torchvision().models.get_model(name, weights=None, **settings)


def load(model: nn.Module, name: str, weights: str | None, optional: str | None = None) -> bool:
    """Load the weights of a network; says so when they are random.

    Args:
        model: where to.
        name: of the network, as torchvision calls it.
        weights: ``DEFAULT`` or another name that torchvision has for it, a file (.pt, .pth, .safetensors), None for
            random ones, or ``LATER``.
        optional: beginning of the names of weights that may be missing or too many.

    Returns: whether the weights are random.

    Raises:
        VisionError: the weights are not known, cannot be downloaded or read, or do not fit.
    """
    if weights == LATER:
        return False
    if weights is None:
        log.warning("The weights of %s are random: its features say nothing about pictures until it is trained.", name)
        return True
    state = _from_file(Path(weights)) if weights.endswith(FILES) else _named(name, weights)
    try:
        found = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise VisionError(f"The weights {weights} do not fit {name}: {error}") from error
    wrong = [
        key for key in (*found.missing_keys, *found.unexpected_keys) if not (optional and key.startswith(optional))
    ]
    if wrong:
        shown = ", ".join(wrong[:5])
        raise VisionError(f"The weights {weights} do not fit {name}: {len(wrong)} names differ, such as {shown}.")
    return False


def _named(name: str, weights: str) -> dict[str, Tensor]:
    known = torchvision().models.get_model_weights(name)
    if weights not in known.__members__:
        possible = ", ".join(known.__members__)
        files = f"a file ({', '.join(FILES)}), or null for random ones"
        raise VisionError(f"{name} has no weights '{weights}'. Possible: {possible}, {files}.")
    chosen = known[weights]
    try:
        return chosen.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        folder = Path(torch.hub.get_dir(), "checkpoints")
        fix = f"Put {chosen.url} into {folder}, give a file, or null for random weights."
        raise VisionError(f"Cannot download the weights {weights} of {name} ({error}). {fix}") from error


def _from_file(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                refuse_bomb(archive.infolist(), path.stat().st_size)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        why = "it is damaged, or holds Python objects beside tensors, which are never run"
        raise VisionError(f"Cannot read weights from {path}: {why}. Save a plain state dict.") from error
    except Exception as error:  # a damaged file may raise anything
        raise VisionError(f"Cannot read weights from {path}: {error}. Copy or download it again.") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise VisionError(f"{path} is no state dict: it must map names to tensors. Save `model.state_dict()`.")
    return state
