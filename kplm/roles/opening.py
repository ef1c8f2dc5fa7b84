"""A source of roles by its name, for the command line and for spaCy's configs."""

from __future__ import annotations

from pathlib import Path

from kplm.data.roles import Files, RoleSource, Rules

RULES = "rules"


def open_source(name: str) -> RoleSource:
    """The source that a name stands for.

    Args:
        name: 'rules'; a file of roles, see :class:`kplm.data.roles.Files`; or a model, see :class:`kplm.roles.Labeller`.
    """
    if name == RULES:
        return Rules()
    path = Path(name).expanduser()
    if path.is_file() and path.suffix != ".ckpt":
        return Files(str(path))
    from kplm.roles.labeller import Labeller  # brings Lightning

    return Labeller(name)
