"""The HeteroData of a graph says the same as the graph."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import EntityTable, KgError, Name, TripleStore

pytest.importorskip("torch_geometric")

from kg.hetero import to_hetero

ENDS, KINDS = st.sampled_from("abcdefg"), st.sampled_from(["r", "s", "http://x/t.u"])
GRAPHS = st.lists(st.tuples(ENDS, KINDS, ENDS), min_size=1, max_size=30)


def triples_of(data, reverse=False):
    """The edges as id triples, of the relations or of their inverses."""
    ids = data.entity_ids
    return {
        (ids[head], relation.removeprefix("rev_"), ids[tail])
        for _, relation, _ in data.edge_types
        if relation.startswith("rev_") == reverse
        for head, tail in data["entity", relation, "entity"].edge_index.T.tolist()
    }


@given(GRAPHS)
@settings(deadline=None, max_examples=30)
def test_the_edges_are_the_triples(triples):
    store = TripleStore.from_triples(triples)
    data = to_hetero(store, inverse=True)
    assert data.validate()
    assert triples_of(data) == set(triples)
    assert triples_of(data, reverse=True) == {(tail, relation, head) for head, relation, tail in triples}
    assert data.num_edges == 2 * len(store)
    for relation in store.relations:
        edges = data["entity", relation, "entity"]
        assert np.array_equal(store.triples[edges.triple.numpy()][:, [0, 2]].T, edges.edge_index.numpy())


def test_one_split_keeps_the_numbers_of_all_entities_and_all_relations(tmp_path):
    (tmp_path / "train.txt").write_text("a\tr\tb\n")
    (tmp_path / "valid.txt").write_text("b\ts\tc\n")
    store = TripleStore.open(tmp_path)
    data = to_hetero(store, "train")
    assert data.num_nodes == 3
    assert triples_of(data) == {("a", "r", "b")}
    assert data["entity", "s", "entity"].edge_index.shape == (2, 0)
    with pytest.raises(KgError, match=r"no split 'tran'. Did you mean 'train'"):
        to_hetero(store, "tran")


def test_labels_and_vectors_come_along(tmp_path):
    store = TripleStore.from_triples([("a", "r", "b"), ("b", "r", "c")], {"a": Name("Ay")})
    table = EntityTable.write(tmp_path / "table", ["c", "a"], np.array([[3, 4], [1, 2]], np.float32))
    data = to_hetero(store, table=table)
    assert data.entity_labels == ["Ay", "b", "c"]
    assert data.relation_labels == data.relation_ids == ["r"]
    assert torch.equal(data["entity"].x, torch.tensor([[1.0, 2], [0, 0], [3, 4]]))


def test_an_inverse_does_not_hide_a_relation_of_the_same_name():
    store = TripleStore.from_triples([("a", "r", "b"), ("a", "rev_r", "b")])
    with pytest.raises(KgError, match="relation 'rev_r', the name of an inverse"):
        to_hetero(store, inverse=True)
