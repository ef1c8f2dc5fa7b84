"""A model on disk: a folder of config.json, model.safetensors, tokenizer.json and a model card; or a checkpoint."""

from __future__ import annotations

import json
import pickle
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from kplm import __version__
from kplm.errors import CheckpointError

FORMAT = "kplm"
"""The key that marks a config.json as ours."""

TIMES, SLACK = 16, 1 << 24
"""So many times its own size a checkpoint may unpack to, and some bytes besides; `torch.save` packs nothing, so it is once."""

AUTHORS = {"ernie_config.json": "ernie-thu", "google_config.json": "kbert"}
"""Configs of the systems' authors, and what ``kplm convert`` calls the system."""


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a model folder.

    Raises:
        CheckpointError: it is missing or no JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        known = [system for file, system in AUTHORS.items() if (folder / file).exists()]
        hint = f" It looks like the authors' format: run kplm convert {known[0]}." if known else ""
        raise CheckpointError(f"{folder} has no config.json, so it is no model folder.{hint}")
    return json_object(path)


def json_object(path: Path, fix: str = "Download it again.") -> dict[str, Any]:
    """The JSON object in a file that lies beside weights.

    Args:
        path: the file.
        fix: what to do where it is none, for messages.

    Raises:
        CheckpointError: it cannot be read, or is no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is no valid JSON: {error}. {fix}") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} holds a {type(found).__name__}, it must be a JSON object. {fix}")
    return found


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What the checkpoint of a training run says of its model, and all its weights.

    Raises:
        CheckpointError: the file is damaged, or of another program.
    """
    found = load_tensors(path)
    spec, state = (found.get(name) if isinstance(found, dict) else None for name in ("kplm", "state_dict"))
    if not isinstance(spec, dict) or not isinstance(spec.get("encoder"), dict) or not is_state(state):
        raise CheckpointError(f"{path} is no checkpoint of a kplm training run.")
    return spec, state


def load_tensors(path: Path, mapped: bool = False) -> Any:
    """What `torch.save` wrote: tensors, numbers, texts and their containers. Code in the file is never run.

    Args:
        path: the file.
        mapped: leave the tensors on disk.

    Raises:
        CheckpointError: it is damaged, unpacks to far more than its size, or holds anything else.
    """
    try:
        packed = zipfile.is_zipfile(path)
        if packed:
            _refuse_bomb(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and packed)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is damaged, or holds Python objects beside tensors, which are never run. "
            f"Download it again, or save a plain state dict."
        ) from error
    except Exception as error:  # a damaged file may raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        size = f" at {path.stat().st_size:,} bytes" if path.is_file() else ""
        raise CheckpointError(f"{path} is damaged or cut off{size} ({reason}). Download it again.") from error


def is_state(found: Any) -> TypeGuard[dict[str, Tensor]]:
    """Whether it maps names to tensors."""
    return isinstance(found, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    )


def _refuse_bomb(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        whole, size = sum(member.file_size for member in archive.infolist()), path.stat().st_size
    if whole > TIMES * size + SLACK:
        raise ValueError(f"it unpacks to {whole:,} bytes, more than {TIMES} times its size")


def load_whole(model: nn.Module, state: dict[str, Tensor], wanted: set[str], where: Path) -> None:
    """Load weights of which none may be missing, too many or of another shape.

    Args:
        model: where to.
        state: the weights.
        wanted: the names that must be there; the model may have more.
        where: the file or folder they come from.

    Raises:
        CheckpointError: they do not fit.
    """
    missing, unexpected = sorted(wanted - set(state)), sorted(set(state) - wanted)
    if missing or unexpected:
        raise CheckpointError(
            f"{where} does not fit its own config: {len(missing)} keys are missing {missing[:5]}, {len(unexpected)} are not "
            f"expected {unexpected[:5]}. Was config.json edited, or the file cut short?"
        )
    expected = model.state_dict()
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise CheckpointError(
                f"{where} does not fit its own config: {name} has the shape {list(value.shape)}, the config asks for "
                f"{list(expected[name].shape)}. Was config.json edited, or another file copied here?"
            )
    model.load_state_dict(state, strict=False)


def write_folder(directory: Path, spec: dict[str, Any], state: dict[str, Tensor]) -> Path:
    """Write a model folder; an older one is replaced file by file only when the new one is whole.

    Args:
        directory: folder to make.
        spec: the encoder, what stands on it, its classes and its text side, as JSON.
        state: all weights.

    Raises:
        CheckpointError: it cannot be written.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        try:
            text = dict(spec["text"]) if spec.get("text") else None
            if text:
                (building / "tokenizer.json").write_text(text["tokenizer"], encoding="utf-8")
            config = {FORMAT: __version__, **spec, "text": text}
            (building / "config.json").write_text(
                json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            (building / "README.md").write_text(_card(spec, state), encoding="utf-8")
            save_file(
                {name: value.detach().cpu().contiguous() for name, value in state.items()},
                building / "model.safetensors",
            )
            directory.mkdir(exist_ok=True)
            for file in building.iterdir():
                file.replace(directory / file.name)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except (OSError, SafetensorError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise CheckpointError(f"{directory} cannot be written: {error}. Nothing was changed there.") from error
    return directory


def write_tensors(path: Path, state: dict[str, Tensor]) -> None:
    """Write a safetensors file, which appears only when it is whole.

    Raises:
        CheckpointError: it cannot be written.
    """
    building = path.with_name(f".{path.name}.tmp")
    try:
        save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, building)
        building.replace(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be written: {error}.") from error
    finally:
        building.unlink(missing_ok=True)


def _card(spec: dict[str, Any], state: dict[str, Tensor]) -> str:
    count = sum(value.numel() for value in state.values())
    kind = spec["encoder"]["class_path"].rpartition(".")[2]
    above = spec.get("head") or spec.get("objective")
    on_top = f" with {above['class_path'].rpartition('.')[2]}" if above else ""
    use = "kplm.load(FOLDER).predict([...])" if spec.get("head") else "kplm.from_pretrained(FOLDER)"
    lines = [f"---\nlibrary_name: kplm\ntags: [kplm, {kind}]\n---", f"# {kind}{on_top}"]
    lines.append(f"{count:,} parameters, written by kplm {__version__}. Read it with `{use}`.")
    if spec.get("labels"):
        lines.append("Classes: " + ", ".join(spec["labels"]))
    return "\n\n".join(lines) + "\n"
