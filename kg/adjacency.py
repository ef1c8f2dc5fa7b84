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
        counts = self.degrees[nodes]
        firsts = np.repeat(self._starts[nodes] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        return self._order[firsts + np.arange(len(firsts))], counts
