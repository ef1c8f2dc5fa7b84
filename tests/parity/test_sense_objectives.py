"""The supersense terms: the published losses and gradients, exact in float32, who is asked, and nothing to predict is 0."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.models import SenseBert
from kplm.objectives import MaskedWords, Supersenses, Term, Weighted
from kplm.objectives.supersenses import allowed_loss, uniform, uniform_loss
from tests.conftest import tiny_encoder
from tests.models.sensebert_words import KNOWN, SENSES, VOCABULARY, batch_of, ids, known, tiny_sensebert

EXACT = {"atol": 1e-12, "rtol": 0.0}
TEXT = ("the *tiger *walk ##ing of =winter", "*storm *children . *the *cat *walk")
ASKED = ("tiger", "winter", "storm", "children", "walk")
"""The words of that text that are asked for, row by row; the first walk is a piece of walking."""


def built(*terms: Term, encoder: SenseBert | None = None) -> tuple[Weighted, SenseBert]:
    model = tiny_sensebert().double() if encoder is None else encoder
    objective = Weighted(list(terms))
    objective.build(model)
    return objective.to(model.sense_table.dtype), model


def by_hand(scores: Tensor, word: str) -> tuple[Tensor, Tensor]:
    """Equations 4 to 6 for one word, written out."""
    chances = scores.exp() / scores.exp().sum()
    places = [SENSES.index(sense) for sense in KNOWN[word]]
    allowed = -torch.log(torch.stack([chances[place] for place in places]).sum())
    spread = -torch.stack([torch.log(chances[place]) for place in places]).mean()
    return allowed, spread


@pytest.mark.parametrize("read", ["states", "transform"])
def test_the_loss_is_the_published_one_on_ragged_rows(read: str) -> None:
    objective, model = built(Supersenses(read=read))
    batch = batch_of(*TEXT)
    term, states = objective.terms["supersenses"], model(batch)
    places = [(0, 2), (0, 6), (1, 1), (1, 2), (1, 6)]
    scores = [term.transform(states[place]) @ model.sense_table.T for place in places]
    each = [sum(by_hand(one, word)) for one, word in zip(scores, ASKED)]
    torch.testing.assert_close(objective(model, batch)["loss"], torch.stack(each).mean(), **EXACT)


def test_the_gradient_is_that_of_the_equations() -> None:
    """On the logits of one word of N: ``(2 p - q - u) / N``; p the prediction, q it among the allowed, u uniform on these."""
    torch.manual_seed(0)
    logits = torch.randn(4, 7, dtype=torch.float64, requires_grad=True)
    allowed = torch.tensor([[1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1], [1] * 7]).bool()
    Supersenses().loss(logits, uniform(allowed, logits)).backward()
    p = logits.detach().softmax(-1)
    q = p * allowed / (p * allowed).sum(-1, keepdim=True)
    u = allowed.double() / allowed.sum(-1, keepdim=True)
    torch.testing.assert_close(logits.grad, (2 * p - q - u) / 4, **EXACT)
    flat = torch.zeros(1, 7, dtype=torch.float64).masked_fill(~allowed[1:2], -1e4)
    assert Supersenses().loss(flat, uniform(allowed[1:2], flat)).item() == pytest.approx(math.log(3), abs=1e-12)
    assert (Supersenses().loss(logits + 0.1, uniform(allowed, logits)) >= allowed.sum(-1).log().mean()).item()


def test_one_allowed_supersense_is_cross_entropy_twice() -> None:
    logits = torch.randn(5, 9, dtype=torch.float64)
    right = torch.tensor([0, 3, 8, 3, 1])
    gold = torch.nn.functional.one_hot(right, 9).double()
    want = torch.nn.functional.cross_entropy(logits, right)
    torch.testing.assert_close(Supersenses().loss(logits, gold), 2 * want, **EXACT)
    torch.testing.assert_close(Supersenses(regulariser=0.0).loss(logits, gold), want, **EXACT)


@pytest.mark.parametrize("scale", [1.0, 150.0, 1e4])
def test_float32_is_exact_where_a_softmax_before_the_logarithm_is_infinite(scale: float) -> None:
    torch.manual_seed(1)
    wide = (torch.randn(6, 45, dtype=torch.float64) * scale).float().double().requires_grad_()
    allowed = torch.rand(6, 45) < 0.1
    allowed[:, 7] = True
    narrow = wide.detach().float().requires_grad_()
    naive = -torch.log((narrow.softmax(-1) * allowed).sum(-1))
    assert bool(naive.isinf().any()) == (scale > 1)
    for logits in (wide, narrow):
        Supersenses().loss(logits, uniform(allowed, logits)).backward()
    got, want = (allowed_loss(one, uniform(allowed, one)).detach() for one in (narrow, wide))
    torch.testing.assert_close(got.double(), want, rtol=1e-6, atol=1e-6)
    got, want = (uniform_loss(one, uniform(allowed, one)).detach() for one in (narrow, wide))
    torch.testing.assert_close(got.double(), want, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(narrow.grad.double(), wide.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("read", ["states", "transform"])
def test_nothing_to_predict_is_zero_with_a_gradient(read: str) -> None:
    for text in (("the walk ##ing", "tiger"), ("the *walk *##ing", "tiger *the *cat =.")):
        objective, model = built(MaskedWords(read=read), Supersenses(read=read))
        batch = batch_of(*text)
        losses = objective(model, batch)
        assert losses["supersenses"].item() == 0
        losses["loss"].backward()
        for name, weight in [*objective.named_parameters(), *model.named_parameters()]:
            assert weight.grad is not None, name
            assert weight.grad.isfinite().all(), name


def test_a_loss_of_zero_moves_nothing() -> None:
    objective, model = built(Supersenses(read="transform"))
    objective(model, batch_of("the walk ##ing", "tiger"))["loss"].backward()
    for name, weight in [*objective.named_parameters(), *model.named_parameters()]:
        assert weight.grad is not None, name
        assert not weight.grad.any(), name


def test_hidden_whole_words_that_wordnet_knows_are_asked_for() -> None:
    objective, model = built(Supersenses())
    batch = batch_of(*TEXT)
    _, gold = objective.terms["supersenses"].predict(model, model(batch), batch)
    want = [[float(sense in KNOWN[word]) / len(KNOWN[word]) for sense in SENSES] for word in ASKED]
    torch.testing.assert_close(gold, torch.tensor(want).double(), atol=1e-7, rtol=0)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("*walk", 1),
        ("*walk walk", 1),
        ("*walk ##ing", 0),
        ("*walk *##ing", 0),
        ("=walk *##ing", 0),
        ("##ing *walk", 1),
        ("walk *##ing", 0),
    ],
)
def test_a_piece_of_a_word_is_not_asked_for_whatever_is_hidden_of_the_word(text: str, count: int) -> None:
    objective, model = built(Supersenses())
    batch = batch_of(text)
    logits, gold = objective.terms["supersenses"].predict(model, model(batch), batch)
    assert len(logits) == len(gold) == count


def test_a_word_that_was_exchanged_for_another_is_asked_for_what_it_was() -> None:
    objective, model = built(Supersenses())
    batch = batch_of("the *tiger walk")
    batch["input_ids"][0, 2] = ids("##ing")[0]
    _, gold = objective.terms["supersenses"].predict(model, model(batch), batch)
    assert [SENSES[at] for at in gold[0].nonzero()[:, 0]] == ["noun.animal", "noun.person"]
    batch["input_ids"][0, 3] = VOCABULARY.index("##s")
    batch["mlm_labels"][0, 3] = VOCABULARY.index("walk")
    _, gold = objective.terms["supersenses"].predict(model, model(batch), batch)
    assert len(gold) == 2, "what follows was no continuation either"


def test_the_sense_table_is_taught_by_the_input_and_the_output() -> None:
    objective, model = built(Supersenses())
    batch = batch_of("*winter")
    objective(model, batch)["loss"].backward()
    head_only = model.sense_table.grad.clone()
    assert head_only.abs().sum() > 0, "[MASK] carries nothing"
    model.zero_grad()
    batch["input_ids"] = batch_of("=winter")["input_ids"]
    states = model(batch)
    term = objective.terms["supersenses"]
    term(model, states, batch).backward()
    both = model.sense_table.grad.clone()
    model.zero_grad()
    term(model, states.detach(), batch).backward()
    row = SENSES.index("noun.time")
    assert not torch.allclose(both[row], model.sense_table.grad[row])
    others = [at for at in range(len(SENSES)) if at != row]
    torch.testing.assert_close(both[others], model.sense_table.grad[others], **EXACT)


def test_bare_states_are_multiplied_with_the_tables_alone() -> None:
    objective, model = built(MaskedWords(read="states"), Supersenses())
    assert list(objective.parameters()) == []
    states = torch.randn(2, 3, 16, dtype=torch.float64)
    words, senses = objective.terms["masked_words"], objective.terms["supersenses"]
    torch.testing.assert_close(words.logits(model, states), states @ model.words.weight.T, **EXACT)
    torch.testing.assert_close(senses.logits(model, states), states @ model.sense_table.T, **EXACT)
    plain, _ = built(MaskedWords(), Supersenses(read="transform"))
    assert {name.split(".")[1] for name, _ in plain.named_parameters()} == {"masked_words", "supersenses"}
    assert "terms.masked_words.bias" in plain.state_dict()


def test_a_pretrained_head_of_words_is_gone_on_from_unless_bare_states_are_read() -> None:
    model = tiny_sensebert()
    model.beside = {f"terms.masked_words.{name}": value + 1 for name, value in _head(model).items()}
    going_on, _ = built(MaskedWords(), Supersenses(), encoder=model)
    assert torch.equal(going_on.terms["masked_words"].bias, torch.ones(len(VOCABULARY)))
    assert going_on.fresh == frozenset()
    built(MaskedWords(read="states"), Supersenses(), encoder=model)


def _head(model: SenseBert) -> dict[str, Tensor]:
    term = MaskedWords()
    term.build(model)
    return term.state_dict()


def test_mixed_precision_stays_close_and_its_loss_is_float32() -> None:
    objective, model = built(Supersenses(), encoder=tiny_sensebert())
    batch = batch_of(*TEXT)
    want = objective(model, batch)["loss"]
    with torch.autocast("cpu", torch.bfloat16):
        got = objective(model, batch)["loss"]
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, rtol=0.05, atol=0)
    got.backward()
    assert model.sense_table.grad.isfinite().all()


def test_metrics_are_shares_of_predictions_over_all_batches() -> None:
    objective, model = built(Supersenses())
    batches = [batch_of(*TEXT), batch_of("*tiger *storm", "*storm"), batch_of("the", "of")]
    scores, logits, gold = objective.metrics(), [], []
    with torch.no_grad():
        for batch in batches:
            objective.score(scores, model, batch)
            found = objective.terms["supersenses"].predict(model, model(batch), batch)
            logits.append(found[0])
            gold.append(found[1])
        got = objective.report(scores)
    score, want = torch.cat(logits), torch.cat(gold)
    right = want.gather(1, score.argmax(1, keepdim=True))[:, 0] > 0
    single = (want > 0).sum(1) == 1
    assert single.sum() == 2
    assert got["supersenses_allowed"].item() == pytest.approx(right.double().mean().item())
    assert got["supersenses_accuracy"].item() == pytest.approx(right[single].double().mean().item())
    both = allowed_loss(score, want) + uniform_loss(score, want)
    assert got["supersenses_loss"].item() == pytest.approx(both.mean().item(), rel=1e-5)
    assert got["loss"].item() == got["supersenses_loss"].item()


def test_where_no_word_has_a_single_supersense_there_is_no_accuracy() -> None:
    logits, gold = torch.eye(2, 3), torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]])
    metrics = Supersenses().metrics()
    for metric in metrics.values():
        metric.update(logits, gold)
        metric.update(logits[:0], gold[:0])
    assert metrics["allowed"].compute() == 0.5
    assert metrics["accuracy"].compute().isnan()


def test_weights_of_the_terms_and_of_the_regulariser_are_choices() -> None:
    model = tiny_sensebert().double()
    batch = batch_of(*TEXT)
    objective = Weighted([MaskedWords(), Supersenses(regulariser=0.25)], {"supersenses": 2.0})
    objective.build(model)
    losses = objective.double()(model, batch)
    logits, gold = objective.terms["supersenses"].predict(model, model(batch), batch)
    want = allowed_loss(logits, gold).mean() + 0.25 * uniform_loss(logits, gold).mean()
    torch.testing.assert_close(losses["supersenses"], want, **EXACT)
    torch.testing.assert_close(losses["loss"], losses["masked_words"] + 2 * want, **EXACT)


def test_mistakes_are_named() -> None:
    with pytest.raises(KplmError, match="Supersenses needs a model with a sense table, not a Encoder"):
        Weighted([Supersenses()]).build(tiny_encoder())
    ignorant = tiny_sensebert()
    ignorant.know(torch.zeros_like(known(SENSES)[0]), known(SENSES)[1])
    with pytest.raises(KplmError, match=r"no word of this SenseBert has a supersense.*kplm.hub.sensebert"):
        Weighted([Supersenses()]).build(ignorant)
    for term in (MaskedWords, Supersenses):
        with pytest.raises(KplmError, match="read='logits'; possible are 'transform' and 'states'"):
            term(read="logits")


def test_a_sentence_in_which_no_word_has_a_sense_does_no_harm() -> None:
    objective, model = built(MaskedWords(), Supersenses())
    batch = batch_of("*the of *nonesuch .")
    assert (batch["mlm_labels"] != IGNORE).sum() == 2
    losses = objective(model, batch)
    assert losses["supersenses"].item() == 0
    assert losses["loss"].item() == losses["masked_words"].item() > 0
