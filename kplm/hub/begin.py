"""How every start of a system begins: its checkpoint, with another attention or dropout where that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeGuard, TypeVar

from kplm.errors import CheckpointError
from kplm.hub.folders import from_pretrained
from kplm.models import BaseEncoder, Encoder

E = TypeVar("E", bound=BaseEncoder)
Kernel = Literal["auto", "sdpa", "flex"]


def begin(
    pretrained: str,
    attention: Kernel | None,
    dropout: float | None,
    attention_dropout: float | None,
    revision: str | None,
    local_files_only: bool,
) -> BaseEncoder:
    """The encoder of a checkpoint with the options that all starts share.

    Args:
        pretrained: folder, ``package:NAME/folder`` or hub repository.
        attention: kernel of attention; None: the checkpoint's.
        dropout: replaces the checkpoint's, for states and attention alike.
        attention_dropout: replaces that of attention alone.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download.

    Raises:
        CheckpointError: nothing is there, or it does not fit its config.
        KplmError: there is no such kernel, or a dropout lies outside 0 to 1.
    """
    found = from_pretrained(pretrained, revision, local_files_only)
    asked = {"attention": attention, "dropout": dropout, "attention_dropout": dropout}
    if attention_dropout is not None:
        asked["attention_dropout"] = attention_dropout
    changes = {name: value for name, value in asked.items() if value is not None}
    return _changed(found, **changes) if changes else found


def is_plain(model: BaseEncoder) -> TypeGuard[Encoder]:
    """Whether it is BERT itself, not one of the systems that grew from it."""
    return type(model) is Encoder


def of_kind(model: BaseEncoder, kind: type[E], pretrained: str, system: str) -> E:
    """The model, if it is of a system.

    Raises:
        CheckpointError: it is of another.
    """
    if not isinstance(model, kind):
        raise CheckpointError(f"{pretrained} holds a {type(model).__name__}; {system} starts from BERT or from itself.")
    return model


def _changed(encoder: BaseEncoder, **changes: Any) -> BaseEncoder:
    """The same model with other settings that its weights do not depend on."""
    again = type(encoder)(replace(encoder.config, **changes), **encoder.parts)
    if encoder.pooler is None:
        again.pooler = None
    again.load_state_dict(encoder.state_dict())
    again.fresh, again.beside = encoder.fresh, encoder.beside
    return again
