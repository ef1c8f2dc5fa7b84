"""The trained role labeller, and where roles come from by name."""

from importlib import import_module
from typing import Any

_HOME = {"Labeller": "kplm.roles.labeller", "RoleTagger": "kplm.roles.tagger", "open_source": "kplm.roles.opening"}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    """Each part where it is asked for, since the labeller brings Lightning, which rules and files do without."""
    if name not in _HOME:
        raise AttributeError(f"module 'kplm.roles' has no attribute '{name}'; it offers {', '.join(_HOME)}")
    return getattr(import_module(_HOME[name]), name)
