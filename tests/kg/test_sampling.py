"""Drawn neighbourhoods are true, near, small enough and repeatable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import KgError, Name, TripleStore
from kg.adjacency import Adjacency

pytest.importorskip("torch_geometric")

from kg.hetero import to_hetero
from kg.sampling import neighbour_loader

ENDS, KINDS = st.integers(0, 9).map(str), st.sampled_from(["r", "s"])
GRAPHS = st.lists(st.tuples(ENDS, KINDS, ENDS), min_size=1, max_size=60)
FANS = st.lists(st.integers(1, 4), min_size=1, max_size=3)
STAR = TripleStore.from_triples([(f"leaf{n}", "at", "hub") for n in range(50)], {"alone": Name("Alone")})


def edges_of(batch):
    """Head, relation and tail of every drawn edge, as ids."""
    nodes = [batch.entity_ids[number] for number in batch["entity"].n_id.tolist()]
    return [
        (nodes[head], relation, nodes[tail])
        for _, relation, _ in batch.edge_types
        for head, tail in batch["entity", relation, "entity"].edge_index.T.tolist()
    ]


def distances(batch, store):
    """How many triples lie between each node of a batch and the nearest seed, going from tail to head."""
    nodes = batch["entity"].n_id.tolist()
    reached = dict.fromkeys(nodes[: batch["entity"].batch_size], 0)
    for hop in range(1, len(nodes)):
        for head, _, tail in store.triples.tolist():
            if reached.get(tail) == hop - 1:
                reached.setdefault(head, hop)
    return [reached.get(node, len(nodes) + 1) for node in nodes]


@given(GRAPHS, FANS, st.integers(1, 5), st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_what_is_drawn_is_true_near_and_within_the_fan_out(triples, fan_out, batch_size, seed):
    store = TripleStore.from_triples(triples)
    known, seen = {tuple(store.words(row)) for row in store.triples}, []
    for batch in neighbour_loader(to_hetero(store), fan_out=fan_out, batch_size=batch_size, seed=seed):
        nodes, edges = batch["entity"].n_id.tolist(), edges_of(batch)
        assert len(set(nodes)) == len(nodes) == batch.num_nodes
        assert set(edges) <= known
        assert len(set(edges)) == len(edges)
        assert max(distances(batch, store)) <= len(fan_out)
        incoming = [sum(tail == store.entities[node] for _, _, tail in edges) for node in nodes]
        assert max(incoming) <= max(fan_out)
        for node, count in list(zip(nodes, incoming, strict=True))[: batch["entity"].batch_size]:
            assert count == min(fan_out[0], len(store.incoming(store.entities[node])))
        assert sum(batch["entity"].num_sampled_nodes) == len(nodes)
        assert sum(sum(batch[kind].num_sampled_edges) for kind in batch.edge_types) == len(edges)
        seen += nodes[: batch["entity"].batch_size]
    assert seen == list(range(len(store.entities)))


def test_edges_keep_the_row_of_their_triple():
    store = TripleStore.from_triples([("a", "r", "b"), ("c", "s", "b"), ("d", "s", "c")])
    [batch] = neighbour_loader(to_hetero(store), [store.number("b")], fan_out=[5, 5])
    rows = [row for kind in batch.edge_types for row in batch[kind].triple.tolist()]
    assert [tuple(store.words(store.triples[row])) for row in rows] == edges_of(batch)
    assert sorted(rows) == [0, 1, 2]


def test_inverse_relations_lead_to_neighbours_in_both_directions():
    data = to_hetero(STAR, inverse=True)
    [batch] = neighbour_loader(data, [STAR.number("leaf7")], fan_out=[3, 3])
    assert ("hub", "rev_at", "leaf7") in edges_of(batch)
    assert len(edges_of(batch)) == 4


def test_an_entity_without_triples_comes_alone():
    [batch] = neighbour_loader(to_hetero(STAR), [STAR.number("alone")])
    assert batch["entity"].n_id.tolist() == [STAR.number("alone")]
    assert edges_of(batch) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_the_same_seed_draws_the_same_for_any_number_of_workers(workers):
    def draw(seed, workers=0):
        loader = neighbour_loader(to_hetero(STAR), fan_out=[5], batch_size=20, shuffle=True, seed=seed, workers=workers)
        return [(batch["entity"].n_id.tolist(), edges_of(batch)) for batch in loader]

    assert draw(1) == draw(1, workers)
    assert draw(1) != draw(2)


def test_draws_are_uniform_and_without_repetition():
    adjacency = Adjacency(np.zeros(20, np.int64), 1)
    generator = np.random.default_rng(0)
    rows, counts = adjacency.sample(np.zeros(4000, np.int64), 5, generator)
    assert counts.tolist() == [5] * 4000
    drawn = np.sort(rows.reshape(4000, 5), axis=1)
    assert (np.diff(drawn, axis=1) > 0).all()
    assert np.allclose(np.bincount(rows) / 4000, 0.25, atol=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fan_out": []}, r"each at least 1; got \[\]"),
        ({"fan_out": [5, -1]}, r"each at least 1; got \[5, -1\]"),
        ({"seeds": [0, 52]}, "seed 52 is no entity; possible: 0 to 51"),
        ({"seeds": [-1]}, "seed -1 is no entity"),
        ({"seeds": [3, 4, 3]}, "A seed comes twice"),
    ],
)
def test_what_cannot_be_drawn_is_named(settings, message):
    with pytest.raises(KgError, match=message):
        neighbour_loader(to_hetero(STAR), **settings)
