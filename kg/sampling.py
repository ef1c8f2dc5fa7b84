"""Neighbourhoods of a few hops, drawn for mini-batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader
from torch_geometric.sampler import BaseSampler, EdgeSamplerInput, HeteroSamplerOutput, NodeSamplerInput

from kg.adjacency import Adjacency
from kg.errors import KgError
from kg.hetero import ENTITY


class NeighbourSampler(BaseSampler):
    """Draws the edges that lead to a node, hop by hop (GraphSAGE, Hamilton et al., 2017), in numpy.

    Unlike PyG's own sampler it needs no compiled extension, and a fan-out holds for a node, not for each of its
    relations. What is drawn depends only on the seed and on the nodes of the batch, so that it is the same for any
    number of workers.
    """

    def __init__(self, data: HeteroData, fan_out: Sequence[int], seed: int = 0) -> None:
        """Index the edges of a graph.

        Args:
            data: from `kg.hetero.to_hetero`.
            fan_out: how many edges are drawn for a node at most, for each hop.
            seed: of the draws.

        Raises:
            KgError: there is no hop, or a fan-out below 1.
        """
        if not fan_out or min(fan_out) < 1:
            raise KgError(f"fan_out is one number for each hop, each at least 1; got {list(fan_out)}. Try [15, 10].")
        self.fan_out, self.seed = tuple(fan_out), seed
        self._kinds = data.edge_types
        edges = [data[kind].edge_index.numpy() for kind in self._kinds]
        sizes = [part.shape[1] for part in edges]
        self._heads, tails = np.concatenate(edges, axis=1)
        self._kind = np.repeat(np.arange(len(edges)), sizes)
        self._firsts = np.cumsum([0, *sizes])
        self._incoming = Adjacency(tails, data[ENTITY].num_nodes)

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> HeteroSamplerOutput:
        """Draw the neighbourhood of a batch of nodes, which come first among the nodes of the result."""
        frontier = nodes = index.node.numpy()
        generator = np.random.default_rng([self.seed, *nodes.tolist()])
        hops: list[tuple[np.ndarray, np.ndarray]] = []
        found = [len(nodes)]
        for most in self.fan_out:
            edges, counts = self._incoming.sample(frontier, most, generator)
            hops.append((edges, np.repeat(frontier, counts)))
            frontier = np.setdiff1d(self._heads[edges], nodes)
            nodes = np.concatenate([nodes, frontier])
            found.append(len(frontier))
        return self._output(index, nodes, hops, found)

    def sample_from_edges(self, index: EdgeSamplerInput, neg_sampling: Any = None) -> HeteroSamplerOutput:
        """Refused: neighbourhoods are drawn from nodes.

        Raises:
            KgError: always.
        """
        raise KgError("NeighbourSampler draws around nodes. Use it with a NodeLoader, or give the ends of the edges.")

    def _output(
        self, index: NodeSamplerInput, nodes: np.ndarray, hops: list[tuple[np.ndarray, np.ndarray]], found: list[int]
    ) -> HeteroSamplerOutput:
        """Number the nodes from 0 and sort the edges, which come hop by hop, by their kind."""
        edges, tails = (np.concatenate(part) for part in zip(*hops, strict=True))
        order = np.argsort(self._kind[edges], kind="stable")
        hop = np.repeat(np.arange(len(hops)), [len(part) for part, _ in hops])
        sizes = np.bincount(self._kind[edges] * len(hops) + hop, minlength=len(self._kinds) * len(hops))
        sizes = sizes.reshape(len(self._kinds), len(hops))
        row, col = _places(nodes, self._heads[edges[order]]), _places(nodes, tails[order])
        own = edges[order] - self._firsts[self._kind[edges[order]]]
        return HeteroSamplerOutput(
            node={ENTITY: torch.from_numpy(nodes)},
            row=self._by_kind(row, sizes),
            col=self._by_kind(col, sizes),
            edge=dict(self._by_kind(own, sizes)),
            num_sampled_nodes={ENTITY: found},
            num_sampled_edges=dict(zip(self._kinds, sizes.tolist(), strict=True)),
            metadata=(index.input_id, index.time),
        )

    def _by_kind(self, values: np.ndarray, sizes: np.ndarray) -> dict[tuple[str, str, str], Tensor]:
        parts = torch.from_numpy(values).split(sizes.sum(axis=1).tolist())
        return dict(zip(self._kinds, parts, strict=True))


def neighbour_loader(
    data: HeteroData,
    seeds: Sequence[int] | np.ndarray | None = None,
    fan_out: Sequence[int] = (15, 10),
    *,
    batch_size: int = 128,
    shuffle: bool = False,
    seed: int = 0,
    workers: int = 0,
) -> NodeLoader:
    """Batches of entities with their neighbourhoods, by PyG's ``NodeLoader``.

    A batch is a ``HeteroData`` whose first ``batch["entity"].batch_size`` nodes are the seeds; ``n_id`` tells which
    entities the nodes are, and the edge types hold the drawn edges between them. Edges are followed against their
    direction, as messages need it; give a graph with inverse relations to reach neighbours in both directions.

    Args:
        data: from `kg.hetero.to_hetero`.
        seeds: the numbers of the entities to draw for, each once; all where None. `TripleStore.number` gives them.
        fan_out: how many edges are drawn for a node at most, for each hop.
        batch_size: seeds in a batch.
        shuffle: whether the seeds come in a new order each time.
        seed: of order and draws.
        workers: processes that draw.

    Raises:
        KgError: a fan-out is below 1, or a seed is no entity, or comes twice.
    """
    nodes = _checked(seeds, data[ENTITY].num_nodes)
    return NodeLoader(
        data,
        NeighbourSampler(data, fan_out, seed),
        input_nodes=(ENTITY, torch.from_numpy(nodes)),
        batch_size=batch_size,
        shuffle=shuffle,
        generator=torch.Generator().manual_seed(seed),
        num_workers=workers,
    )


def _checked(seeds: Sequence[int] | np.ndarray | None, count: int) -> np.ndarray:
    nodes = np.arange(count) if seeds is None else np.asarray(seeds, np.int64)
    outside = nodes[(nodes < 0) | (nodes >= count)]
    if len(outside):
        fix = "TripleStore.number gives the number of an entity, -1 for an unknown one."
        raise KgError(f"The seed {outside[0]} is no entity; possible: 0 to {count - 1}. {fix}")
    if len(np.unique(nodes)) < len(nodes):
        raise KgError("A seed comes twice. Give each entity once; numpy.unique removes repetitions.")
    return nodes


def _places(nodes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of ``wanted`` lies in ``nodes``, ``[n] int64``."""
    order = np.argsort(nodes)
    return order[np.searchsorted(nodes, wanted, sorter=order)]
