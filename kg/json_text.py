"""JSON from files that nobody vouches for."""

from __future__ import annotations

import json
from typing import Any


def from_json(text: str | bytes) -> Any:
    """The value that a JSON text spells.

    Raises:
        ValueError: it spells none, is nested so deeply that no reader takes it, or names half of a surrogate pair, which is
            no character and could not be written again.
    """
    try:
        value = json.loads(text)
        if (b"\\u" if isinstance(text, bytes) else "\\u") in text:  # type: ignore[operator]
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value
