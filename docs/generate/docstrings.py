"""An extension of Griffe: the roles and tables of reStructuredText that docstrings hold become Markdown."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(?:class|meth|attr|func|data|mod|exc):`~?([^`]+)`")
RULE = re.compile(r"=+( +=+)+")


class Markdown(Extension):
    """Rewrites each docstring once, when it is read."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Called for every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = tables(ROLE.sub(r"`\1`", obj.docstring.value))


def tables(text: str) -> str:
    """The simple tables of reStructuredText, without a head, as those of Markdown."""
    out: list[str] = []
    columns: list[slice] = []
    for line in text.split("\n"):
        if RULE.fullmatch(line.strip()):
            out += [] if columns else ["| | |", "|---|---|"]
            columns = [] if columns else _columns(line)
        elif columns:
            _append(out, [line[column].strip() for column in columns])
        else:
            out.append(line)
    return "\n".join(out)


def _columns(rule: str) -> list[slice]:
    starts = [match.start() for match in re.finditer("=+", rule)]
    return [slice(start, end) for start, end in pairwise([*starts, None])]


def _append(out: list[str], cells: list[str]) -> None:
    """A row, or more of the row before where the first cell is empty."""
    cells = [cell.replace("|", "\\|") for cell in cells]
    if cells[0]:
        out.append(f"| {' | '.join(cells)} |")
    else:
        out[-1] = out[-1].removesuffix(" |") + f" {cells[-1]} |"
