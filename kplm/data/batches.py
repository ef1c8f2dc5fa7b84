"""Which rows make a batch: length buckets under a token budget, the same on every run and every rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from kplm.errors import KplmError


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
        self, lengths: Sequence[int], tokens: int, rows: int, seed: int = 0, rank: int = 0, ranks: int = 1
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
        drawn = len(self._draw(0, 0))
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
            yield mine[self.position - 1]

    def state_dict(self) -> dict[str, Any]:
        """Epoch and number of batches already given out."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken; after the last batch of an epoch that is the next epoch."""
        self.epoch, self.position = state["epoch"], state["position"]
        self._resumed = self.position < len(self)

    def _batches(self, epoch: int) -> list[list[int]]:
        wanted = min(self._size * self.ranks, len(self.lengths))
        batches = next(found for attempt in count() if len(found := self._draw(epoch, attempt)) <= wanted)
        while len(batches) < wanted:
            largest = max(range(len(batches)), key=lambda i: len(batches[i]))
            half = len(batches[largest]) // 2
            batches += [batches[largest][half:]]
            batches[largest] = batches[largest][:half]
        order = np.random.default_rng((self.seed, epoch)).permutation(len(batches))
        short = -len(batches) % self.ranks  # only when there are fewer rows than that many batches
        return [batches[i] for i in [*order, *order[:short]]][self.rank :: self.ranks]

    def _draw(self, epoch: int, attempt: int) -> list[list[int]]:
        order = np.random.default_rng((self.seed, epoch, attempt)).permutation(len(self.lengths))
        pools = (order[i : i + self._pool] for i in range(0, len(order), self._pool))
        ascending = (rows[np.argsort(self.lengths[rows], kind="stable")] for rows in pools)
        return [batch for rows in ascending for batch in cut_by_budget(rows, self.lengths, self.tokens, self.rows)]


class OwnShare(Sampler[list[int]]):
    """Evaluation batches: every row once over all ranks, sorted by length so that little is padded.

    No row is repeated to even out the ranks, so summed metrics are exact on any number of them.
    """

    def __init__(self, lengths: Sequence[int], tokens: int, rows: int, rank: int = 0, ranks: int = 1) -> None:
        order = np.argsort(np.asarray(lengths), kind="stable")[rank::ranks]
        self.batches = list(cut_by_budget(order, np.asarray(lengths), tokens, rows))

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)


def cut_by_budget(order: np.ndarray, lengths: np.ndarray, tokens: int, rows: int) -> Iterator[list[int]]:
    """Cut rows, given in ascending order of length, into batches of at most ``tokens`` positions and ``rows`` rows.

    A row longer than the budget gets a batch of its own.
    """
    start = 0
    for end, length in enumerate(lengths[order]):  # the longest so far, so it pads the batch
        if end > start and ((end - start + 1) * length > tokens or end - start == rows):
            yield order[start:end].tolist()
            start = end
    if start < len(order):
        yield order[start:].tolist()


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Fraction of positions that are padding when these batches are padded to their longest row."""
    sizes = np.asarray(lengths)
    padded = sum(len(batch) * int(sizes[list(batch)].max()) for batch in batches)
    return 1 - sum(int(sizes[list(batch)].sum()) for batch in batches) / max(padded, 1)
