"""Which triples touch a node: an index in compressed sparse rows."""

from __future__ import annotations

import numpy as np


class Adjacency:
    """For every node the rows of the triples that have it at one end, found without a search."""

    def __init__(self, ends: np.ndarray, nodes: int) -> None:
        """Sort the triples by one end.

        Args:
            ends: ``[T] int64``, the node at the chosen end of each triple.
            nodes: N, how many nodes there are.
        """
        self._order = np.argsort(ends, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=nodes))])

    @property
    def degrees(self) -> np.ndarray:
        """How many triples touch each node, ``[N] int64``."""
        return np.diff(self._starts)

    def of(self, node: int) -> np.ndarray:
        """The rows of the triples at one node, in their order: ``[degree] int64``."""
        return self._order[self._starts[node] : self._starts[node + 1]]

    def of_many(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the triples at each of several nodes.

        Args:
            nodes: ``[n] int64``.

        Returns: the rows ``[total] int64``, node after node, and how many belong to each ``[n] int64``.
        """
        counts = self._starts[nodes + 1] - self._starts[nodes]
        firsts = np.repeat(self._starts[nodes] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        return self._order[firsts + np.arange(len(firsts))], counts

    def sample(self, nodes: np.ndarray, most: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The rows of up to ``most`` triples at each of several nodes, drawn without replacement.

        The cost does not depend on the degrees: a hub with a million triples is as quick as any other node.

        Args:
            nodes: ``[n] int64``.
            most: the number to draw where a node has more.
            generator: the randomness.

        Returns: the rows ``[total] int64``, node after node, and how many belong to each ``[n] int64``.
        """
        degrees = self._starts[nodes + 1] - self._starts[nodes]
        places = _draw(degrees, most, generator)  # [n, width], -1 where nothing was drawn
        drawn = places >= 0
        return self._order[(self._starts[nodes][:, None] + places)[drawn]], drawn.sum(axis=1)


def _draw(counts: np.ndarray, most: int, generator: np.random.Generator) -> np.ndarray:
    """For each count n up to ``most`` different numbers below n, all where there are no more; -1 fills up.

    Floyd's algorithm for all counts at once (Bentley and Floyd, 1987, "A sample of brilliance").

    Returns: ``[n, min(most, largest count)] int64``.
    """
    width = min(most, int(counts.max(initial=0)))
    taken = np.where(np.arange(width) < counts[:, None], np.arange(width), -1)
    many = np.flatnonzero(counts > most)
    for step in range(width if len(many) else 0):
        last = counts[many] - width + step
        drawn = generator.integers(0, last + 1)
        repeated = (taken[many, :step] == drawn[:, None]).any(axis=1)
        taken[many, step] = np.where(repeated, last, drawn)
    return taken
