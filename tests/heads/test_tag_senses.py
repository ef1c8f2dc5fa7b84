"""Supersense tagging: any right supersense counts, split words are read as asked, and the head may begin with the sense table."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.heads import TagSenses
from kplm.spec import from_spec, to_spec
from tests.conftest import tiny_encoder
from tests.models.sensebert_words import SENSES, tiny_sensebert

NAMES = ("noun.act", "noun.event", "verb.motion")
NOT = [IGNORE] * 3


def built(**options: Any) -> TagSenses:
    head = TagSenses(**options)
    head.build(tiny_encoder(), NAMES)
    return head


def batch() -> dict[str, Tensor]:
    """Two texts: words with one right sense, with two, without gold, cut away; the second text has one, whose gold is no class."""
    sets = [[[1, 0, 0], [1, 1, 0], NOT, [0, 0, 1]], [[0, 0, 0], NOT, NOT, NOT]]
    return {
        "word_positions": torch.tensor([[1, 2, 5, -1], [1, -1, -1, -1]]),
        "word_ends": torch.tensor([[1, 4, 5, -1], [2, -1, -1, -1]]),
        "tag_sets": torch.tensor(sets, dtype=torch.int8),
    }


def test_the_loss_is_minus_the_log_of_what_all_right_senses_have_together() -> None:
    logits = torch.randn(2, 4, 3)
    odds = logits.softmax(-1)
    want = -(odds[0, 0, 0].log() + (odds[0, 1, 0] + odds[0, 1, 1]).log()) / 2
    assert built().loss(logits, batch()) == pytest.approx(float(want), abs=1e-6)


def test_with_one_right_sense_it_is_cross_entropy_in_value_and_gradient() -> None:
    one = {**batch(), "tag_sets": torch.tensor([[[1, 0, 0], [0, 1, 0], NOT, NOT], [NOT] * 4], dtype=torch.int8)}
    mine, theirs = (torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_() for _ in range(2))
    built().loss(mine, one).backward()
    F.cross_entropy(theirs[0, :2], torch.tensor([0, 1])).backward()
    assert torch.allclose(mine.grad, theirs.grad, atol=1e-6)


def test_without_gold_the_loss_is_0_with_a_gradient_that_is_finite() -> None:
    logits = torch.randn(2, 4, 3, requires_grad=True)
    loss = built().loss(logits, {**batch(), "tag_sets": torch.full((2, 4, 3), IGNORE, dtype=torch.int8)})
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().max() < 1e-6


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=6), st.integers(0, 99))
def test_the_loss_is_never_negative_and_its_gradient_always_finite(rows: list[list[bool]], seed: int) -> None:
    logits = (100 * torch.randn(1, len(rows), 3, generator=torch.Generator().manual_seed(seed))).requires_grad_()
    places = torch.arange(1, len(rows) + 1)[None]
    fields = {"word_positions": places, "word_ends": places, "tag_sets": torch.tensor([rows], dtype=torch.int8)}
    loss = built().loss(logits, fields)
    loss.backward()
    assert loss.item() >= -1e-4
    assert logits.grad.isfinite().all()


def test_any_right_sense_is_a_hit_and_what_was_cut_away_or_is_no_class_a_miss() -> None:
    head, answers = built(), torch.eye(3)[torch.tensor([[0, 1, 2, 2], [0, 0, 0, 0]])]
    metrics = head.metrics()
    head.score(metrics, answers, batch())
    assert float(metrics.compute()["accuracy"]) == pytest.approx(2 / 4)
    assert head.headline in metrics


def test_scores_of_batches_add_up_and_one_without_gold_changes_nothing() -> None:
    head, answers = built(), torch.eye(3)[torch.tensor([[0, 1, 2, 2], [0, 0, 0, 0]])]
    metrics = head.metrics()
    head.score(metrics, answers, {**batch(), "tag_sets": torch.full((2, 4, 3), IGNORE, dtype=torch.int8)})
    head.score(metrics, answers[:, :0], {name: field[:, :0] for name, field in batch().items()})
    for row in (slice(0, 1), slice(1, 2)):
        head.score(metrics, answers[row], {name: field[row] for name, field in batch().items()})
    assert float(metrics.compute()["accuracy"]) == pytest.approx(2 / 4)


@pytest.mark.parametrize(
    ("piece", "want"),
    [
        ("first", lambda states: states[2]),
        ("last", lambda states: states[4]),
        ("mean", lambda states: states[2:5].mean(0)),
    ],
)
def test_a_split_word_is_read_as_asked(piece: Any, want: Any) -> None:
    states = torch.randn(2, 6, 32)
    words = built(piece=piece).words(states, batch())
    assert words.shape == (2, 4, 32)
    assert torch.allclose(words[0, 1], want(states[0]), atol=1e-6)
    assert torch.allclose(words[0, 0], states[0, 1])


def test_a_whole_forward_reaches_encoder_and_head() -> None:
    encoder, head = tiny_encoder(), TagSenses(piece="mean", dropout=0.0)
    head.build(encoder, NAMES)
    fields = {"input_ids": torch.randint(5, 30, (2, 6)), "segment_ids": torch.zeros(2, 6, dtype=torch.int64)}
    fields |= {"position_ids": torch.arange(6).expand(2, 6), "document": torch.ones(2, 6, dtype=torch.int64), **batch()}
    logits = head(encoder, fields)
    head.loss(logits, fields).backward()
    assert logits.shape == (2, 4, 3)
    assert head.output.weight.grad.abs().sum() > 0
    assert all(weight.grad is not None for weight in encoder.parameters())


def test_answers_name_the_best_sense_and_the_likely_ones_and_nothing_for_what_was_cut_away() -> None:
    logits = torch.tensor([[[2.0, 0, 0], [0, 0, 3], [0, 1, 0], [9, 0, 0]]]).expand(2, -1, -1)
    rows = built().decode(logits, batch())
    assert rows[0]["tags"] == ["noun.act", "verb.motion", "noun.event", None]
    assert rows[1]["tags"] == ["noun.act", None, None, None]
    likely = rows[0]["scores"][1]
    assert next(iter(likely)) == "verb.motion"
    assert likely == pytest.approx(dict(zip(NAMES, logits[0, 1].softmax(-1).tolist())), abs=1e-6)
    assert rows[0]["scores"][3] is None


def test_the_best_sense_is_told_however_unlikely_and_others_from_a_ten_thousandth_on() -> None:
    logits = torch.tensor([[[12.0, 0, 2.9], [0, 0, 0], [0, 0, 0], [0, 0, 0]]]).expand(2, -1, -1)
    assert built().decode(logits, batch())[0]["scores"][0] == {
        "noun.act": pytest.approx(1.0, abs=2e-4),
        "verb.motion": pytest.approx(1.1e-4, abs=1e-5),
    }


def test_it_may_begin_with_the_rows_of_the_sense_table() -> None:
    encoder, head, names = tiny_sensebert(), TagSenses(start="senses"), (SENSES[3], SENSES[0])
    head.build(encoder, names)
    head.begin(encoder, lambda names: [])
    assert torch.equal(head.output.weight, encoder.sense_table[[3, 0]])
    assert head.output.bias.eq(0).all()
    fresh = TagSenses()
    fresh.build(encoder, names)
    before = fresh.output.weight.clone()
    fresh.begin(encoder, lambda names: [])
    assert torch.equal(fresh.output.weight, before)


def test_it_cannot_where_there_is_no_table_or_no_such_row() -> None:
    head = built(start="senses")
    with pytest.raises(KplmError, match="this Encoder has none.*kplm.hub.sensebert"):
        head.begin(tiny_encoder(), lambda names: [])
    other = TagSenses(start="senses")
    other.build(tiny_sensebert(), ["noun.tim", "noun.person"])
    with pytest.raises(KplmError, match=r"no row for the class 'noun.tim'.*Did you mean 'noun.time'\?"):
        other.begin(tiny_sensebert(), lambda names: [])


def test_its_choices_survive_a_checkpoint() -> None:
    again = from_spec(to_spec(TagSenses("last", "senses", 0.3)), TagSenses)
    assert (again.piece, again.start, again.dropout.p) == ("last", "senses", 0.3)
