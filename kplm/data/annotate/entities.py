"""Entity vectors aligned with the first sub-word of each mention (Zhang et al., 2019, section 3.4)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from kg import EntityTable, Linker
from kg.link import open_linker
from kplm.data.annotate.base import Annotator
from kplm.data.annotate.linked import from_anywhere, linked
from kplm.data.example import Example, Link
from kplm.knowledge import Knowledge
from kplm.text import Tokens
from kplm.text.tokens import Ints

ZERO, FIRST_ROW = 0, 1


class Entities(Annotator):
    """Links mentions to a graph and ships their vectors with the batch; the table itself stays on disk.

    Args:
        table: folder of an entity table made by ``kplm kg train``.
        graph: graph whose names are linked in texts that come without links, or a linker that ``kplm kg index`` made of it;
            without it only given links are used.
        threshold: links must score strictly more than this (the authors use 0.3, and 0.4 for TACRED).
        mentions: 'token' aligns a link with the token at its first character. 'whitespace' is the authors' rule: a link
            counts only if it starts where a whitespace-delimited word starts.
        relink: link every text again, even where links were given.
    """

    writes = frozenset({"entity_positions", "entity_ids", "entity_vectors"})
    reads_graph = True

    def __init__(
        self,
        table: str,
        graph: str | None = None,
        threshold: float = 0.0,
        mentions: Literal["token", "whitespace"] = "token",
        relink: bool = False,
    ) -> None:
        super().__init__()
        self.init_args = {
            "table": from_anywhere(table),
            "graph": graph and from_anywhere(graph),
            "threshold": threshold,
            "mentions": mentions,
            "relink": relink,
        }
        self.graph, self.threshold, self.mentions, self.relink = graph, threshold, mentions, relink
        self.table = EntityTable.open(table)
        self._source = self.table

    def swap_graph(self, graph: str) -> None:
        """Link the names of another graph; its entities need the table's ids."""
        self.graph = graph
        self.init_args["graph"] = from_anywhere(graph)
        self.__dict__.pop("linker", None)

    def switch(self, knowledge: Knowledge) -> None:
        """'off' leaves only the sentence slot; 'shuffled' gives every entity the vector of another."""
        self.knowledge = knowledge
        self.table = self._source.shuffled(seed=0) if knowledge == "shuffled" else self._source

    @property
    def sizes(self) -> dict[str, int]:
        """The entity stream is as wide as the table; a table inside the model has as many rows."""
        return {"entity_width": self.table.width, "entity_rows": len(self.table)}

    def annotate(self, examples: Sequence[Example]) -> list[Example]:
        """Link texts that carry no links yet, pairs included; a switched-off source drops all links."""
        if self.knowledge == "off":
            return [replace(example, links=()) for example in examples]
        return list(examples) if self.graph is None else linked(examples, lambda: self.linker, self.relink)

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        """One slot a linked token, the last link winning."""
        links = [
            link for link in example.links or () if link.score > self.threshold and self._starts_word(example, link)
        ]
        found: list[tuple[int, str]] = []
        for part in (0, 1):
            own = [link for link in links if link.part == part]
            starts = np.array([link.start for link in own], dtype=np.int64)
            found += zip(tokens.holding(starts, part).tolist(), (link.entity for link in own))
        return self.place([at for at, _ in found], [entity for _, entity in found])

    def place(self, positions: Sequence[int], entities: Sequence[str], starts: Sequence[int] = (0,)) -> dict[str, Any]:
        """Slots in the order of the tokens: a zero vector at each [CLS], a learned sentence entity, then what the table knows.

        Args:
            positions: token positions of the mentions; of several at one token the last known one wins, -1 is nowhere.
            entities: the id at each of them.
            starts: positions of [CLS].
        """
        rows = self.table.rows(entities).tolist() if entities and self.knowledge != "off" else ()
        at = {position: row + FIRST_ROW for position, row in zip(positions, rows) if row >= 0 and position > 0}
        at |= dict.fromkeys(starts, ZERO)
        order = sorted(at)
        return {"entity_positions": order, "entity_ids": [at[position] for position in order]}

    def complete(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Fetch the rows this batch needs: ``entity_vectors [B, E, W]``, and ``candidate_vectors [N, W]`` where noise asks."""
        found = {"entity_vectors": self._vectors(batch["entity_ids"])}
        if "candidate_ids" in batch:
            found["candidate_vectors"] = self._vectors(batch["candidate_ids"])
        return {**batch, **found}

    def summary(self, examples: Sequence[Example]) -> str:
        """How many links were found, and how many of them the table has a vector for."""
        ids = [link.entity for example in examples for link in example.links or () if link.score > self.threshold]
        known = int((self.table.rows(ids) >= 0).sum()) if ids else 0
        reached = sum(bool(example.links) for example in examples)
        return (
            f"entities ({self.knowledge}): {len(ids):,} links in {reached:,} of {len(examples):,} examples, "
            f"{known:,} ({known / max(len(ids), 1):.1%}) with a vector"
        )

    @cached_property
    def linker(self) -> Linker:
        """Made on first use, from the names of ``graph`` or from a saved linker."""
        return open_linker(str(self.graph))

    def _vectors(self, ids: Tensor) -> Tensor:
        rows: Ints = ids.numpy() - FIRST_ROW
        return torch.from_numpy(np.ascontiguousarray(self.table.vectors(np.maximum(rows, -1)), dtype=np.float32))

    def _starts_word(self, example: Example, link: Link) -> bool:
        if self.mentions == "token":
            return True
        text = (example.pair or "") if link.part else example.text
        return link.start == 0 or text[link.start - 1].isspace()

    def __getstate__(self) -> dict[str, Any]:
        state = copy.copy(self.__dict__)
        state.pop("linker", None)  # workers only collate
        return state
