"""Links for JSON lines of text, block by block."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from kg.aliases import Case
from kg.blocks.folder import TextBlocks
from kg.blocks.lines import Pieces, lines, noting
from kg.blocks.part import Block
from kg.blocks.stamps import key
from kg.blocks.summary import Complaint, Summary
from kg.json_text import from_json
from kg.link import Linker, open_linker

VERSION = 1
COUNTED = ("lines", "linked", "kept", "links")
EXPECTED = 'a JSON object with "text", and a list where it has "links"'


@dataclass(frozen=True)
class Settings:
    """What decides the links; see `kg.linking_commands.link`."""

    graph: str
    names: str | None
    case: Case
    threshold: float
    relink: bool

    @property
    def key(self) -> str:
        """A digest of the settings and of the files that they name."""
        return key(asdict(self) | {"version": VERSION}, [self.graph, self.names])


@dataclass(frozen=True)
class Linking:
    """Opens the linker, once in each process."""

    settings: Settings
    folder: TextBlocks
    max_bad: int

    def __call__(self, turn: int) -> Callable[[Block[Pieces]], Summary]:
        """A function that links, writes and sums up one block."""
        own = self.settings
        linker = open_linker(own.graph, own.names, self.max_bad, case=own.case, threshold=own.threshold)

        def make(block: Block[Pieces]) -> Summary:
            text, summary = linked(block.content, linker, own.threshold, own.relink)
            self.folder.write(block, text, summary)
            return summary

        return make


def linked(pieces: Pieces, linker: Linker, threshold: float = 0.0, relink: bool = False) -> tuple[str, Summary]:
    """Some JSON lines with the links of their texts.

    Args:
        pieces: the lines.
        linker: finds the links.
        threshold: links with a smaller score are left out.
        relink: link also the lines that have links.

    Returns: the lines, and how many there are of what is `COUNTED`.
    """
    counts: Counter[str] = Counter()
    complaints: list[Complaint] = []
    complain, found = noting(complaints), []
    for line in chain.from_iterable(lines(piece, complain) for piece in pieces):
        if not line.text:
            continue
        row = _row(line.text)
        if row is None:
            complain(line, EXPECTED)
            continue
        if fresh := relink or "links" not in row:
            links = [link for link in linker.link(row["text"]) if link.score >= threshold]
            row["links"] = [[link.start, link.end, link.entity, round(link.score, 4)] for link in links]
        counts.update({"lines": 1, "linked" if fresh else "kept": 1, "links": len(row["links"])})
        found.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(found), Summary(counts, complaints)


def _row(text: str) -> dict[str, Any] | None:
    """The JSON object that has a text; None where there is something else."""
    try:
        row = from_json(text)
    except ValueError:
        return None
    fits = isinstance(row, dict) and isinstance(row.get("text"), str) and isinstance(row.get("links", []), list)
    return row if fits else None
