"""A part as JSON and back: how checkpoints remember which classes they are made of."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from importlib import import_module
from typing import Any, TypeVar

from kplm.errors import CheckpointError

T = TypeVar("T")


def to_spec(part: Any) -> Any:
    """``{"class_path", "init_args"}`` of a part that keeps its ``init_args``; dataclasses and plain values as they are."""
    if hasattr(part, "init_args"):
        return {
            "class_path": class_path(part),
            "init_args": {name: to_spec(value) for name, value in part.init_args.items()},
        }
    if is_dataclass(part) and not isinstance(part, type):
        return {"class_path": class_path(part), "init_args": asdict(part)}
    if isinstance(part, (list, tuple)):
        return [to_spec(value) for value in part]
    return part


def from_spec(spec: Any, kind: type[T] | None = None) -> Any:
    """Build the part again.

    Args:
        spec: what :func:`to_spec` returned, perhaps read from a file.
        kind: refuse classes that are not of this kind, so that a file cannot name just any class.

    Raises:
        CheckpointError: the class does not exist any more, or is of another kind.
    """
    if not (isinstance(spec, dict) and "class_path" in spec):
        return spec
    module, _, name = spec["class_path"].rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint needs {spec['class_path']}, which cannot be imported: {error}."
        ) from error
    if kind is not None and not (isinstance(found, type) and issubclass(found, kind)):
        raise CheckpointError(f"the checkpoint names {spec['class_path']} where a {kind.__name__} belongs.")
    return found(**{key: from_spec(value) for key, value in spec["init_args"].items()})


def class_path(part: Any) -> str:
    """The import path of an object's class."""
    return f"{type(part).__module__}.{type(part).__qualname__}"
