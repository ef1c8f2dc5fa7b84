"""A graph as torch-geometric sees it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from kg.errors import KgError
from kg.store import TripleStore
from kg.table import EntityTable

ENTITY = "entity"
REVERSE = "rev_"


def to_hetero(
    store: TripleStore, split: str | None = None, table: EntityTable | None = None, inverse: bool = False
) -> HeteroData:
    """The triples as edges of a ``HeteroData``: one node type, ``entity``, and one edge type a relation.

    The nodes are all entities of the store, in its order, so that their numbers are the same. ``edge_index`` runs from
    head to tail; ``triple`` tells for each edge its row in the triples that were taken. ``entity_ids``,
    ``entity_labels``, ``relation_ids`` and ``relation_labels`` lie on the graph itself: batches share them.

    Args:
        store: the graph.
        split: take the triples of this split; of all where None. What is trained for link prediction must see only
            ``train``.
        table: entity vectors, which become ``x``; zeros for an entity that the table does not know.
        inverse: add for each relation ``R`` the edges from tail to head as relation ``rev_R``.

    Raises:
        KgError: the graph has no such split, or has already a relation with the name of an inverse one.
    """
    triples = store.triples if split is None else store.split(split)
    data = HeteroData()
    data[ENTITY].num_nodes = len(store.entities)
    if table is not None:
        data[ENTITY].x = torch.from_numpy(table.vectors(table.rows(store.entities)))
    for relation, rows in zip(store.relations, _by_relation(triples, len(store.relations)), strict=True):
        _add_edges(data, relation, torch.from_numpy(triples[rows][:, [0, 2]].T), torch.from_numpy(rows))
    if inverse:
        _add_inverses(data, store.relations)
    data.entity_ids, data.relation_ids = store.entities, store.relations
    data.entity_labels = [store.label(entity) for entity in store.entities]
    data.relation_labels = [store.relation_label(relation) for relation in store.relations]
    return data


def _by_relation(triples: np.ndarray, relations: int) -> list[np.ndarray]:
    """The rows of the triples of each relation, in their order."""
    order = np.argsort(triples[:, 1], kind="stable")
    return np.split(order, np.cumsum(np.bincount(triples[:, 1], minlength=relations))[:-1])


def _add_edges(data: HeteroData, relation: str, edge_index: Tensor, rows: Tensor) -> None:
    kind = (ENTITY, relation, ENTITY)
    data[kind].edge_index, data[kind].triple = edge_index.contiguous(), rows


def _add_inverses(data: HeteroData, relations: list[str]) -> None:
    taken = sorted({REVERSE + relation for relation in relations} & set(relations))
    if taken:
        raise KgError(
            f"The graph has a relation '{taken[0]}', the name of an inverse. Rename it, or leave out inverse."
        )
    for relation in relations:
        edges = data[ENTITY, relation, ENTITY]
        _add_edges(data, REVERSE + relation, edges.edge_index.flip(0), edges.triple)
