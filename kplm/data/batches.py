"""Which rows make a batch: length buckets under a token budget, the same on every run and every rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from kplm.errors import KplmError
from kplm.text.tokens import Ints


class LengthBatches(Sampler[list[int]]):
    """Batches of rows of similar length whose padded size stays within a token budget.

    Rows are shuffled, cut into pools, sorted by length inside a pool and batched; then the batches are shuffled. The order
    depends on ``seed`` and the epoch alone. Every epoch has the same number of batches, and every rank gets as many: large
    batches are halved until it is so. The sampler can be stopped anywhere and continued from :meth:`state_dict`.

    Args:
        lengths: tokens of each row.
        tokens: most positions a batch may have, padding included.
        rows: most rows a batch may have.
        seed: fixes the order of all epochs.
        rank: this process.
        ranks: number of processes.

    Raises:
        KplmError: a row is longer than the budget, or there are fewer rows than ranks.
    """

    POOL = 100
    """Batches sorted together; larger pools pad less and shuffle less."""
    SLACK = 0.02
    """Batches an epoch may have more than the first one drew, so that all epochs can have the same number."""

    def __init__(
        self, lengths: Sequence[int] | Ints, tokens: int, rows: int, seed: int = 0, rank: int = 0, ranks: int = 1
    ) -> None:
        self.lengths = np.asarray(lengths)
        if len(self.lengths) and self.lengths.max() > tokens:
            raise KplmError(
                f"the longest row has {self.lengths.max()} tokens, which no batch of at most {tokens} can hold. "
                f"Raise data.batch_tokens, or lower data.max_length."
            )
        if len(self.lengths) < ranks:
            raise KplmError(f"{len(self.lengths)} training rows cannot feed {ranks} processes; use fewer processes.")
        self.tokens, self.rows, self.seed = tokens, rows, seed
        self.rank, self.ranks = rank, ranks
        self.epoch, self.position, self._resumed = 0, 0, False
        usual = int(np.median(self.lengths)) if len(self.lengths) else 1
        self._pool = self.POOL * min(rows, max(1, tokens // max(usual, 1)))
        drawn = len(self._draw(0, 0)[1])
        total = min(drawn + round(self.SLACK * drawn), len(self.lengths))
        self._size = -(-total // ranks)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[list[int]]:
        if self.position and not self._resumed:  # the last epoch was given out, or was left early
            self.epoch, self.position = self.epoch + 1, 0
        self._resumed = False
        mine = self._batches(self.epoch)
        while self.position < len(mine):
            self.position += 1
            yield mine[self.position - 1].tolist()

    def state_dict(self) -> dict[str, Any]:
        """Epoch and number of batches already given out."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken; after the last batch of an epoch that is the next epoch."""
        self.epoch, self.position = state["epoch"], state["position"]
        self._resumed = self.position < len(self)

    def _batches(self, epoch: int) -> list[np.ndarray]:
        """This rank's batches of one epoch, each an array of rows."""
        wanted = min(self._size * self.ranks, len(self.lengths))
        order, ends = next(found for attempt in count() if len((found := self._draw(epoch, attempt))[1]) <= wanted)
        batches = _halved(np.split(order, ends[:-1]), wanted)
        shuffled = np.random.default_rng((self.seed, epoch)).permutation(len(batches))
        short = -len(batches) % self.ranks  # only when there are fewer rows than that many batches
        return [batches[i] for i in [*shuffled, *shuffled[:short]][self.rank :: self.ranks]]

    def _draw(self, epoch: int, attempt: int) -> tuple[np.ndarray, np.ndarray]:
        """All rows in a new order, and where each batch ends in it."""
        order = np.random.default_rng((self.seed, epoch, attempt)).permutation(len(self.lengths))
        ends = [np.zeros(0, np.int64)]
        for start in range(0, len(order), self._pool):
            pool = order[start : start + self._pool]
            pool[:] = pool[np.argsort(self.lengths[pool], kind="stable")]
            ends.append(start + batch_ends(self.lengths[pool], self.tokens, self.rows))
        return order, np.concatenate(ends)


def _halved(batches: list[np.ndarray], wanted: int) -> list[np.ndarray]:
    """Halve the largest batches until there are so many."""
    heap = [(-len(batch), i) for i, batch in enumerate(batches)] if len(batches) < wanted else []
    heapify(heap)
    while len(batches) < wanted:
        size, i = heappop(heap)
        half = -size // 2
        batches.append(batches[i][half:])
        batches[i] = batches[i][:half]
        heappush(heap, (-half, i))
        heappush(heap, (size + half, len(batches) - 1))
    return batches


class Drawn(Sampler[list[tuple[int, int]]]):
    """The same batches with the epoch beside each row, so that a row can be masked anew each time it is drawn.

    Args:
        batches: the sampler whose batches these are.
    """

    def __init__(self, batches: LengthBatches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for batch in self.batches:
            yield [(row, self.batches.epoch) for row in batch]

    def state_dict(self) -> dict[str, Any]:
        """Where the batches are."""
        return self.batches.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken."""
        self.batches.load_state_dict(state)


class OwnShare(Sampler[list[int]]):
    """Evaluation batches: every row once over all ranks, sorted by length so that little is padded.

    No row is repeated to even out the ranks, and the batches are the same for any number of them (each rank gets at least one), so
    summed metrics are exact even where they depend on what else is in the batch, as candidates for entities do.
    """

    def __init__(self, lengths: Sequence[int] | Ints, tokens: int, rows: int, rank: int = 0, ranks: int = 1) -> None:
        sizes = np.asarray(lengths)
        order = np.argsort(sizes, kind="stable")
        batches = np.split(order, batch_ends(sizes[order], tokens, rows)[:-1]) if len(order) else []
        self.batches = [batch.tolist() for batch in _halved(batches, min(ranks, len(order)))[rank::ranks]]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)


def batch_ends(lengths: np.ndarray, tokens: int, rows: int) -> np.ndarray:
    """Cut rows of ascending length into batches of at most ``tokens`` positions and ``rows`` rows.

    A row longer than the budget gets a batch of its own.

    Returns: where each batch ends, ``[batches] int64``.
    """
    ends, start, counts = [], 0, np.arange(1, rows + 1)
    while start < len(lengths):
        some = lengths[start : start + rows]
        start += max(1, int(np.searchsorted(some * counts[: len(some)], tokens, side="right")))
        ends.append(start)
    return np.array(ends, np.int64)


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Fraction of positions that are padding when these batches are padded to their longest row."""
    sizes = np.asarray(lengths)
    padded = sum(len(batch) * int(sizes[list(batch)].max()) for batch in batches)
    return 1 - sum(int(sizes[list(batch)].sum()) for batch in batches) / max(padded, 1)
