"""A part as JSON and back: how checkpoints remember which classes they are made of.

Whoever writes a checkpoint chooses the names in it, so a name alone runs nothing: a class is built only where the constructor
around it asks for one of its kind, and no module is imported but ours, those that are imported already, and those of the packages
that the environment variable ``KPLM_TRUST`` names (``KPLM_TRUST=mine,theirs``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from importlib import import_module
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from kplm.errors import CheckpointError

T = TypeVar("T")
OURS = ("kplm", "kg", "vision")
TRUST = "KPLM_TRUST"
PLAIN = ("builtins", "types", "typing")
UNFIT = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What constructors raise where a file gives them arguments that no part of ours would have written."""


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


def from_spec(spec: Any, *kinds: type) -> Any:
    """Build a part again.

    Args:
        spec: what :func:`to_spec` returned, perhaps read from a file.
        kinds: refuse classes that are of none of these.

    Raises:
        CheckpointError: it names no class, one of another kind, or one that may not be imported; or the class cannot be built so.
    """
    if not _names_class(spec):
        raise CheckpointError(f"the checkpoint has {str(spec)[:80]} where a {_told(kinds)} belongs.")
    found, arguments = class_named(spec["class_path"], *kinds), spec.get("init_args", {})
    if not isinstance(arguments, dict):
        raise CheckpointError(
            f"the checkpoint has no arguments by name for {spec['class_path']}: {str(arguments)[:80]}."
        )
    return build(found, arguments)


def build(found: type[T], arguments: Mapping[str, Any]) -> T:
    """Call a constructor with arguments of which some may be parts, as :func:`to_spec` wrote them.

    Args:
        found: the class.
        arguments: by name.

    Raises:
        CheckpointError: a part is of none of the classes that its argument is annotated with, or the arguments do not fit.
    """
    try:
        return found(**{name: _argument(found, name, value) for name, value in arguments.items()})
    except UNFIT as error:
        raise CheckpointError(f"the checkpoint tells of a {found.__name__} that cannot be built: {error}") from error


def class_named(path: Any, *kinds: type) -> type:
    """The class of an import path.

    Args:
        path: such as ``kplm.heads.Classify``.
        kinds: it must be of one of these.

    Raises:
        CheckpointError: it is of none, does not exist any more, or lies in a module that a file may not have imported.
    """
    module, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    top, *inside = module.split(".")
    trusted = (*OURS, *filter(None, os.environ.get(TRUST, "").split(",")))
    if module not in sys.modules and (top not in trusted or "__main__" in inside):
        raise CheckpointError(
            f"the checkpoint names {path}, and no checkpoint has other packages than kplm imported. If you trust it, import "
            f"{module or 'its module'} before you load it, or set {TRUST}={top}."
        )
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CheckpointError(f"the checkpoint needs {path}, which cannot be imported: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, kinds)):
        raise CheckpointError(f"the checkpoint names {path} where a {_told(kinds)} belongs.")
    return found


def class_path(part: Any) -> str:
    """The import path of an object's class."""
    return f"{type(part).__module__}.{type(part).__qualname__}"


def _argument(found: type, name: str, value: Any) -> Any:
    if not _names_class(value):
        return value
    kinds = _kinds(found, name)
    if not kinds:
        raise CheckpointError(
            f"the checkpoint names {value['class_path']} as {name} of {found.__name__}, which is no part."
        )
    return from_spec(value, *kinds)


def _kinds(found: type, name: str) -> tuple[type, ...]:
    """The classes that an argument may be of, by its annotation; none where it is annotated with no class of a package."""
    try:
        hint = get_type_hints(found.__init__).get(name)  # type: ignore[misc]
    except NameError:  # an annotation that only type checkers see
        return ()
    possible = (hint, *get_args(hint))
    return tuple(
        one for one in possible if isinstance(one, type) and not get_origin(one) and one.__module__ not in PLAIN
    )


def _names_class(value: Any) -> bool:
    return isinstance(value, dict) and "class_path" in value


def _told(kinds: tuple[type, ...]) -> str:
    return " or ".join(kind.__name__ for kind in kinds)
