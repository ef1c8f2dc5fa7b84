"""What a checkpoint writes down of where roles come from."""

from __future__ import annotations

from pathlib import Path


def lasting(name: str) -> str:
    """A path as it is found from any folder, absolute; the names of what is no file or folder here stay as they are."""
    place = Path(name).expanduser()
    return str(place.resolve()) if place.exists() else name
