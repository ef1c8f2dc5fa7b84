"""The one exception of the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kg.errors import KgError


class VisionError(Exception):
    """Something about a picture, a box or stored features is wrong: says what was got, what is possible, and the fix."""


@contextmanager
def as_vision_error() -> Iterator[None]:
    """What ``kg`` says about files and folders becomes a VisionError."""
    try:
        yield
    except KgError as error:
        raise VisionError(str(error)) from error
