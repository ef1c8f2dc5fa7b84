"""A source of roles by its name, for the command line and for spaCy's configs."""

from __future__ import annotations

from pathlib import Path

from kplm.data.roles import Files, RoleSource, Rules
from kplm.errors import KplmError, did_you_mean

RULES = "rules"


def open_source(name: str) -> RoleSource:
    """The source that a name stands for.

    Args:
        name: 'rules'; a file of roles, see :class:`kplm.data.roles.Files`; or a model, see :class:`kplm.roles.Labeller`.

    Raises:
        KplmError: it stands for none.
    """
    if name == RULES:
        return Rules()
    path = Path(name).expanduser()
    if path.is_file() and path.suffix != ".ckpt":
        return Files(str(path))
    if not path.exists() and not any(sign in name for sign in "/:"):
        raise KplmError(
            f"'{name}' names no source of roles. Give {RULES}; a file that has them; or a labeller: its folder, its checkpoint, "
            f"or a hub name such as org/model.{did_you_mean(name, [RULES])}"
        )
    from kplm.roles.labeller import Labeller  # brings Lightning

    return Labeller(name)
