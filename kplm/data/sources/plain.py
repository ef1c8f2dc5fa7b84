"""Plain text, one sentence a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kplm.data.example import Example
from kplm.data.sources.base import Source, lines, position


class PlainText(Source):
    """One sentence a line, UTF-8. Empty lines stay as empty texts, so that outputs keep the order of the lines."""

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a line."""
        for where, line in lines(path):
            yield Example(text=line, id=position(where), where=where)
