"""Vectors by PyKEEN: better than chance, written whole or not at all, errors that help."""

import json

import numpy as np
import pytest
import torch

from kg import EntityTable, KgError, Name, TripleStore
from kg.embed import embed, scaled
from kg.recipe import Recipe

pytest.importorskip("pykeen")

pytestmark = pytest.mark.filterwarnings("ignore")

CITIES = [(f"city{n}", "in", f"country{n % 4}") for n in range(40)]
COUNTRIES = [(f"country{n}", "on", f"continent{n % 2}") for n in range(4)]
TRIPLES = CITIES + COUNTRIES + [(f"city{n}", "on", f"continent{n % 2}") for n in range(40)]
STORE = TripleStore.from_triples(TRIPLES, {"lonely": Name("Lonely")})
QUICK = {"dim": 8, "epochs": 3, "batch_size": 32, "threads": 1, "device": "cpu", "valid_fraction": 0.1}


def test_training_writes_a_table_of_the_entities_with_triples(tmp_path):
    table, metrics = embed(STORE, tmp_path / "table", Recipe(**QUICK | {"epochs": 40, "lr": 0.05}))
    assert (len(table), table.width) == (46, 8)
    assert table.rows(["lonely", "city7"]).tolist()[0] == -1
    assert metrics["mrr"] > 0.2
    assert metrics["valid_triples"] == 9
    assert json.loads((table.path / "metrics.json").read_text()) == metrics == table.meta["metrics"]
    assert table.meta["recipe"]["training_loop"] == "onevsall"
    assert np.isclose(table.vectors(np.arange(46)).std(), 1.0, atol=1e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table"]


def test_the_same_seed_gives_the_same_vectors(tmp_path):
    tables = [embed(STORE, tmp_path / name, Recipe(**QUICK))[0] for name in "ab"]
    first, second = (table.vectors(np.arange(46)) for table in tables)
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "settings",
    [
        {"training_loop": "slcwa", "negatives": 4},
        {"training_loop": "lcwa"},
        {"training_loop": "slcwa", "loss": "marginranking", "margin": 2.0, "inverse": False},
        {"model": "RotatE", "training_loop": "slcwa", "loss": "nssa", "scale": "standard"},
        {"model": "DistMult", "loss": "bcewithlogits", "label_smoothing": 0.1, "lr_decay": 0.9, "scale": "none"},
        {"valid_fraction": 0.0, "evaluate_every": 0},
        {"model": "R-GCN", "evaluate_every": 1},
    ],
)
def test_other_models_loops_and_losses(tmp_path, settings):
    table, metrics = embed(STORE, tmp_path / "table", Recipe(**QUICK | settings))
    assert table.width == (16 if settings.get("model") == "RotatE" else 8)
    assert ("mrr" in metrics) == (settings.get("valid_fraction") != 0.0)


def test_a_valid_split_is_used(tmp_path):
    (tmp_path / "train.txt").write_text("".join("\t".join(triple) + "\n" for triple in TRIPLES[:-5]))
    rows = [*TRIPLES[-5:], ("city1", "in", "unseen")]
    (tmp_path / "valid.txt").write_text("".join("\t".join(triple) + "\n" for triple in rows))
    table, metrics = embed(TripleStore.open(tmp_path), tmp_path / "table", Recipe(**QUICK))
    assert metrics["valid_triples"] == 5
    assert "unseen" not in table.ids(range(len(table)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "TranE"}, "no model 'TranE'. Did you mean 'TransE'"),
        ({"loss": "crossentropi"}, "no loss 'crossentropi'. Did you mean .*CrossEntropyLoss"),
        ({"optimizer": "Adan"}, "no optimizer 'Adan'. Did you mean .*Adam"),
        ({"training_loop": "lcwaa"}, "no training loop 'lcwaa'"),
        ({"scale": "unti"}, "no scale 'unti'. Did you mean 'unit'"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"model_kwargs": {"power": 3}}, "cannot be made: .*power.*model_kwargs"),
        ({"margin": 1.0}, "crossentropy.*cannot be made: .*margin"),
        ({"valid_fraction": 1.5}, "valid_fraction is at least 0"),
    ],
)
def test_what_does_not_exist_is_named(tmp_path, settings, message):
    with pytest.raises(KgError, match=message):
        embed(STORE, tmp_path / "table", Recipe(**QUICK | settings))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing(tmp_path, monkeypatch, error):
    def interrupt(*_):
        raise error

    monkeypatch.setattr("kg.embed._evaluate", interrupt)
    with pytest.raises(error):
        embed(STORE, tmp_path / "table", Recipe(**QUICK))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("kg.embed._fit", lambda *_: pytest.fail("trained"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KgError, match="Cannot write"):
        embed(STORE, tmp_path / "file" / "table", Recipe(**QUICK))


def test_diverged_vectors_are_refused(tmp_path):
    with pytest.raises(KgError, match=r"NaN or infinite.*smaller"):
        embed(STORE, tmp_path / "table", Recipe(**QUICK | {"lr": 1e38, "valid_fraction": 0.0, "optimizer": "SGD"}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["transe with p=1", "transe with p=2", "distmult"])
def test_quick_scores_and_gradients_are_pykeens(name):
    from pykeen.nn import DistMultInteraction, TransEInteraction

    from kg.interactions import Diagonal, Translation

    p = int(name[-1]) if name[-1].isdigit() else 0
    pair = (Translation(p=p), TransEInteraction(p=p)) if p else (Diagonal(), DistMultInteraction())
    torch.manual_seed(0)
    heads, relations, all_tails = (
        torch.randn(*shape, dtype=torch.float64) for shape in ((5, 1, 4), (5, 1, 4), (1, 7, 4))
    )
    for swap in (False, True):
        results = []
        for interaction in pair:
            parts = [part.clone().requires_grad_() for part in (heads, relations, all_tails)]
            scores = interaction(parts[2], parts[1], parts[0]) if swap else interaction(*parts)
            scores.square().sum().backward()
            results.append([scores, *(part.grad for part in parts)])
        for ours, theirs in zip(*results, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_one_vs_all_asks_for_every_triple_and_its_inverse():
    from kg.factories import factories
    from kg.loop import _both_ways

    train = factories(STORE, inverse=True, valid_fraction=0.0, seed=0).train
    triples = _both_ways(train)
    assert len(triples) == 2 * train.num_triples
    assert torch.equal(triples[0], train.mapped_triples[0] * torch.tensor([1, 2, 1]))
    head, relation, tail = triples[0].tolist()
    assert triples[train.num_triples].tolist() == [tail, relation + 1, head]
    assert triples[:, 1].max() < train.num_relations


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_needs_no_labels(smoothing):
    from pykeen.losses import CrossEntropyLoss
    from pykeen.models import TransE

    from kg.factories import factories
    from kg.loop import OneVsAllTrainingLoop

    train = factories(STORE, inverse=True, valid_fraction=0.0, seed=0).train
    loop = OneVsAllTrainingLoop(TransE(triples_factory=train, loss=CrossEntropyLoss()), train)
    scores, tails = torch.randn(5, 46, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 3, 3, 45, 7])
    labels = torch.nn.functional.one_hot(tails, 46).float()
    theirs = loop.loss.process_lcwa_scores(scores, labels, smoothing, 46)
    torch.testing.assert_close(loop._tail_loss(scores, tails, smoothing), theirs)


def test_scales():
    vectors = np.random.default_rng(0).normal(3, [0.1, 1, 10], (50, 3)).astype(np.float32)
    one, meta = scaled(vectors, "unit")
    assert np.allclose(one / vectors, meta["scale_factor"])
    assert np.isclose(one.std(), 1)
    each, _ = scaled(vectors, "standard")
    assert np.allclose(each.std(axis=0), 1, atol=1e-4)
    assert each.dtype == one.dtype == np.float32


def test_an_older_table_is_replaced_and_other_folders_are_not(tmp_path):
    EntityTable.write(tmp_path / "table", ["a"], np.ones((1, 2), np.float32))
    table, _ = embed(STORE, tmp_path / "table", Recipe(**QUICK))
    assert len(table) == 46
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(KgError, match=r"is there already and holds no kg.table"):
        embed(STORE, tmp_path / "mine", Recipe(**QUICK))
