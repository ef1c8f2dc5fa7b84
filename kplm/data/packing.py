"""Which examples of a batch share a row of the encoder's layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heapreplace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import ALL_VISIBLE, PACKED
from kplm.text.tokens import Ints

Packing = Literal["none", "rows"] | int
"""'none'; 'rows', as wide as costs least; or the most positions of a row."""
KEYS = 2048
"""Positions at which attention costs about as much as the rest of a layer, for models between MiniLM and BERT-base."""
Cost = Callable[[int, int], float]


class PackRows:
    """A step of the collator: examples share rows of the layers where that computes less padding.

    The batch stays as it is, but for the field ``packed_rows``, by which the encoder moves its positions and moves them back. An
    example counts with its tokens and, where there are pictures, with its regions and one [END].

    Args:
        packing: 'rows', or the most positions of a row; one that is longer by itself gets room all the same.

    Raises:
        KplmError: no example would fit.
    """

    def __init__(self, packing: Literal["rows"] | int) -> None:
        if packing != "rows" and packing < 1:
            raise KplmError(
                f"data.packing={packing}; possible are 'none', 'rows' and the positions of a row, 1 or more."
            )
        self.packing = packing

    def __call__(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch, with ``packed_rows [G, P]`` where these rows are fewer positions than the padded ones."""
        sizes, padded = positions_of(batch)
        rows = shared_rows(sizes, self.packing)
        return {**batch, PACKED: rows} if rows.numel() < padded else batch


def row_steps(packing: Packing) -> list[Callable[[dict[str, Tensor]], dict[str, Tensor]]]:
    """The last steps of a collator: what the encoder is told of the rows, and which examples share one."""
    return [tell_visible] if packing == "none" else [tell_visible, PackRows(packing)]


def tell_visible(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch, with ``all_visible [B]`` where that is so: the encoder cannot look at the numbers of a GPU without waiting for it."""
    document, branch = batch["document"], batch.get("branch")
    hidden = bool((document > 1).any()) or (branch is not None and bool(branch.any()))
    return batch if hidden else {**batch, ALL_VISIBLE: torch.ones_like(document[:, 0])}


def positions_of(batch: dict[str, Tensor]) -> tuple[Ints, int]:
    """Positions ``[B]`` that each example of a batch fills, and how many the layers compute where each has a row of its own."""
    document = batch["document"]
    sizes, padded = (document != 0).sum(1), document.numel()
    if "regions" in batch:
        sizes = sizes + (batch["regions"] != 0).sum(1) + 1
        padded += batch["regions"].numel() + len(sizes)
    return sizes.numpy(), padded


def shared_rows(sizes: Ints, packing: Literal["rows"] | int) -> Tensor:
    """Examples of these sizes side by side.

    Args:
        sizes: ``[B]``, positions of each example.
        packing: as in :class:`PackRows`.

    Returns: ``[G, P] int64``, the number of the example from 1, 0 behind the last one of a row.
    """
    most = int(sizes.max(initial=1))
    members = _cheapest(sizes, _work if packing == "rows" else partial(_positions, max(most, packing)))
    found = [np.repeat(np.array(row) + 1, sizes[row]) for row in members]
    out = torch.zeros(len(found), max(map(len, found)), dtype=torch.int64)
    for row, numbers in zip(out.numpy(), found):
        row[: len(numbers)] = numbers
    return out


def padded_share(rows: Tensor) -> float:
    """Share of the places of ``packed_rows [G, P]`` at which nothing stands."""
    return float((rows == 0).float().mean())


def _work(rows: int, width: int) -> float:
    """What the layers compute for so many rows: all positions alike, and attention among those of a row."""
    return rows * width * (1 + width / KEYS)


def _positions(room: int, rows: int, width: int) -> float:
    """How many positions so many rows have, if they are no wider than there is room."""
    return rows * width if width <= room else float("inf")


def _cheapest(sizes: Ints, cost: Cost) -> list[list[int]]:
    """The members of each row, spread over as many rows as cost least.

    Numbers of rows are tried from the least possible cost up, which is that of rows filled without a gap, so few are tried.
    """
    total, most = int(sizes.sum()), int(sizes.max(initial=1))
    bounds = sorted((cost(rows, max(most, -(-total // rows))), rows) for rows in range(1, max(len(sizes), 1) + 1))
    best, found = float("inf"), list[list[int]]()
    for bound, rows in bounds:
        if bound >= best:
            break
        members = _spread(sizes, rows)
        asked = cost(rows, max(int(sizes[row].sum()) for row in members))
        if asked < best:
            best, found = asked, members
    return found


def _spread(sizes: Ints, rows: int) -> list[list[int]]:
    """The largest first, each into the row that is emptiest so far (Graham, 1969), so that all rows are about as long."""
    heap, found = [(0, row) for row in range(rows)], [list[int]() for _ in range(rows)]
    for number in np.argsort(-sizes, kind="stable").tolist():
        filled, row = heap[0]
        found[row].append(number)
        heapreplace(heap, (filled + int(sizes[number]), row))
    return found
