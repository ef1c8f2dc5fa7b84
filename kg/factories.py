"""The splits of a graph as PyKEEN wants them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from pykeen.triples import CoreTriplesFactory

from kg.errors import KgError
from kg.store import TripleStore


class Factories(NamedTuple):
    """What is trained on, what is evaluated on, and the ids of the entities that get vectors."""

    train: CoreTriplesFactory
    valid: CoreTriplesFactory | None
    entities: list[str]


def factories(store: TripleStore, inverse: bool, valid_fraction: float, seed: int) -> Factories:
    """Number the entities of the split ``train`` from 0, and hold triples out where there is no split ``valid``.

    Args:
        store: the graph.
        inverse: whether relations get inverses.
        valid_fraction: the part to hold out; each entity keeps a triple in train.
        seed: of the choice of the held-out triples.

    Raises:
        KgError: the fraction is no fraction.
    """
    if not 0 <= valid_fraction < 1:
        raise KgError(f"valid_fraction is at least 0 and less than 1; got {valid_fraction}.")
    triples = store.split("train")
    used = np.unique(triples[:, [0, 2]])
    entities = [store.entities[number] for number in used]
    train = _factory(triples, used, len(store.relations), inverse)
    if "valid" in store.splits:
        known = np.isin(store.split("valid")[:, [0, 2]], used).all(axis=1)
        valid = _factory(store.split("valid")[known], used, len(store.relations), False)
    elif round(valid_fraction * len(triples)):
        train, valid = train.split([1 - valid_fraction, valid_fraction], random_state=seed)
        valid = _factory(valid.mapped_triples.numpy(), np.arange(len(used)), len(store.relations), False)
    else:
        return Factories(train, None, entities)
    return Factories(train, valid if valid.num_triples else None, entities)


def _factory(triples: np.ndarray, used: np.ndarray, relations: int, inverse: bool) -> CoreTriplesFactory:
    heads, tails = np.searchsorted(used, triples[:, 0]), np.searchsorted(used, triples[:, 2])
    mapped = torch.from_numpy(np.stack([heads, triples[:, 1], tails], axis=1))
    return CoreTriplesFactory(
        mapped_triples=mapped, num_entities=len(used), num_relations=relations, create_inverse_triples=inverse
    )
