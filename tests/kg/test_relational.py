"""R-GCN: vectors that carry their neighbourhood, without a look at what is held out."""

import numpy as np
import pytest
import torch

from kg import KgError, TripleStore

pytest.importorskip("torch_geometric")

from kg.embed import embed, entity_vectors
from kg.factories import factories
from kg.recipe import Recipe
from kg.relational import Rgcn

pytestmark = pytest.mark.filterwarnings("ignore")

TRIPLES = [(f"city{n}", "in", f"country{n % 4}") for n in range(40)]
TRIPLES += [(f"country{n}", "on", f"continent{n % 2}") for n in range(4)]
TRIPLES += [(f"city{n}", "on", f"continent{n % 2}") for n in range(40)]
STORE = TripleStore.from_triples(TRIPLES)
QUICK = {"model": "rgcn", "dim": 8, "batch_size": 32, "threads": 1, "device": "cpu", "valid_fraction": 0.1}


def model_of(triples, **settings):
    store = TripleStore.from_triples(triples)
    train = factories(store, inverse=True, valid_fraction=0.0, seed=0).train
    return Rgcn(triples_factory=train, embedding_dim=8, random_seed=0, **settings), store


def test_it_learns_and_the_table_holds_the_encoded_vectors(tmp_path, monkeypatch):
    models = []
    monkeypatch.setattr("kg.embed.entity_vectors", lambda model: models.append(model) or entity_vectors(model))
    recipe = Recipe(**QUICK, epochs=30, lr=0.05, scale="none")
    table, metrics = embed(STORE, tmp_path / "table", recipe)
    [encoder] = models[0].entity_representations
    with torch.no_grad():
        encoded, base = encoder(indices=None).numpy(), encoder.base(indices=None).numpy()
    assert metrics["mrr"] > 0.3
    assert np.array_equal(table.vectors(np.arange(46)), encoded)
    assert not np.allclose(encoded, base)


def test_the_same_seed_gives_the_same_vectors(tmp_path):
    tables = [embed(STORE, tmp_path / name, Recipe(**QUICK, epochs=2))[0] for name in "ab"]
    first, second = (table.vectors(np.arange(46)) for table in tables)
    assert np.array_equal(first, second)


def test_messages_run_over_the_training_triples_and_back_and_over_nothing_else(tmp_path):
    (tmp_path / "train.txt").write_text("a\tr\tb\nb\ts\tc\n")
    (tmp_path / "valid.txt").write_text("a\ts\tc\n")
    train = factories(TripleStore.open(tmp_path), inverse=True, valid_fraction=0.0, seed=0).train
    [encoder] = Rgcn(triples_factory=train, embedding_dim=8).entity_representations
    edges = zip(encoder.edge_index[0].tolist(), encoder.edge_type.tolist(), encoder.edge_index[1].tolist(), strict=True)
    assert set(edges) == {(0, 0, 1), (1, 1, 2), (1, 2, 0), (2, 3, 1)}


@pytest.mark.parametrize("layers", [1, 2])
def test_an_entity_sees_as_many_triples_far_as_there_are_layers(layers):
    model, store = model_of([("a", "r", "b"), ("b", "r", "c"), ("c", "r", "d"), ("e", "r", "f")], layers=layers)
    [encoder] = model.eval().entity_representations
    start = encoder.base(indices=None).detach().requires_grad_()
    out = encoder.pass_messages(start, encoder.edge_index)
    [gradient] = torch.autograd.grad(out[store.number("a")].sum(), start)
    seen = {store.entities[row] for row in gradient.abs().sum(1).nonzero().flatten().tolist()}
    assert seen == set("abc"[: layers + 1])


def test_one_pass_serves_a_step_and_no_more(monkeypatch):
    model, _ = model_of(TRIPLES)
    [encoder] = model.train().entity_representations
    passes, real = [], encoder.pass_messages
    monkeypatch.setattr(encoder, "pass_messages", lambda *args, **kw: passes.append(1) or real(*args, **kw))
    pairs = torch.tensor([[0, 0], [1, 1]])
    model.score_t(pairs).sum().backward()
    assert len(passes) == 1
    assert encoder.base(indices=None).requires_grad
    model.score_t(pairs).sum().backward()
    assert len(passes) == 2
    with torch.no_grad():
        model.score_t(pairs)
    assert model.score_t(pairs).requires_grad
    model.post_parameter_update()
    model.eval()
    with torch.inference_mode():
        first, second = model.score_t(pairs), model.score_t(pairs)
    assert torch.equal(first, second)
    assert len(passes) == 5


def test_new_weights_are_seen_in_evaluation():
    model, _ = model_of(TRIPLES)
    before = entity_vectors(model)
    model.load_state_dict(
        {name: value + 1 if value.is_floating_point() else value for name, value in model.state_dict().items()}
    )
    assert not np.allclose(entity_vectors(model), before)


@pytest.mark.parametrize("interaction", ["distmult", "transe"])
def test_either_decoder_trains(tmp_path, interaction):
    more = {"interaction": interaction, **({"interaction_kwargs": {"p": 2}} if interaction == "transe" else {})}
    _, metrics = embed(STORE, tmp_path / "table", Recipe(**QUICK, epochs=2, model_kwargs=more))
    assert metrics["mrr"] > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dim": 10}, "layers=1 and blocks=4 with dim=10.*divide"),
        ({"model_kwargs": {"layers": 0}}, "layers=0 and blocks=4"),
        ({"model_kwargs": {"bases": 3}}, "cannot be made: .*bases"),
    ],
)
def test_sizes_that_do_not_fit_are_named(tmp_path, settings, message):
    with pytest.raises(KgError, match=message):
        embed(STORE, tmp_path / "table", Recipe(**QUICK | settings))
    assert list(tmp_path.iterdir()) == []


def test_a_graph_without_training_triples_is_named(tmp_path):
    store = TripleStore(STORE.entities, STORE.relations, {"valid": STORE.triples})
    with pytest.raises(KgError, match="no split 'train'"):
        embed(store, tmp_path / "table", Recipe(**QUICK))
