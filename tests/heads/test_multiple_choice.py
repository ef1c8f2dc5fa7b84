"""Choices are scored alone and counted by question: the best of each question's rows must be the right one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.heads import MultipleChoice
from kplm.heads.multiple_choice import first_best
from kplm.spec import from_spec, to_spec
from tests.models.vlbert_batch import made_up, tiny_vlbert

NAMES = ["right", "wrong"]


def built() -> MultipleChoice:
    head = MultipleChoice()
    head.build(tiny_vlbert(), NAMES)
    return head.eval()


def judged(labels: list[int], groups: list[int]) -> dict[str, Tensor]:
    return {"label": torch.tensor(labels), "group": torch.tensor(groups)}


def accuracy(logits: list[float], batch: dict[str, Tensor]) -> float:
    head = built()
    scores = head.metrics()
    head.score(scores, torch.tensor(logits), batch)
    return float(scores.compute()["accuracy"])


def test_a_choice_has_one_logit_from_the_pooled_state() -> None:
    model, head = tiny_vlbert(), MultipleChoice().eval()
    found = {name: value.float() if value.is_floating_point() else value for name, value in made_up().items()}
    head.build(model, NAMES)
    want = head.output(model.pooler(model(found)))
    assert head.output.out_features == 1
    torch.testing.assert_close(head(model, found), want[:, 0])


def test_the_loss_is_binary_over_all_choices_with_a_label() -> None:
    logits, batch = torch.tensor([2.0, -1.0, 0.5, 3.0]), judged([0, 1, 1, IGNORE], [4, 4, 4, 4])
    p = logits.sigmoid()
    want = -(p[0].log() + (1 - p[1]).log() + (1 - p[2]).log()) / 3
    torch.testing.assert_close(built().loss(logits, batch), want)


def test_without_labels_the_loss_is_zero_and_has_a_gradient() -> None:
    logits = torch.zeros(2, requires_grad=True)
    loss = built().loss(logits, judged([IGNORE, IGNORE], [0, 0]))
    loss.backward()
    assert loss == 0
    assert logits.grad.eq(0).all()


def test_questions_are_counted_not_choices() -> None:
    """Rows of a question need not be neighbours; one whose choices have no labels is left out."""
    batch = judged([0, 1, 1, 0, 1, 1, IGNORE, IGNORE], [7, 2, 7, 2, 7, 2, 5, 5])
    assert accuracy([1.0, 0.9, 0.0, 0.8, 0.5, 0.1, 3.0, 2.0], batch) == 0.5
    assert accuracy([0.6, 0.1, 0.5, 0.3, 0.5, 0.2, 3.0, 2.0], batch) == 1.0


def test_of_equal_choices_the_first_is_taken() -> None:
    assert accuracy([1.0, 1.0], judged([0, 1], [0, 0])) == 1
    assert accuracy([1.0, 1.0], judged([1, 0], [0, 0])) == 0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=24))
def test_the_best_of_each_group_is_its_first_maximum(rows: list[tuple[int, int]]) -> None:
    groups, scores = torch.tensor([group for group, _ in rows]), torch.tensor([float(score) for _, score in rows])
    names, numbers = groups.unique(return_inverse=True)
    best = first_best(scores, numbers).tolist()
    for name, row in zip(names.tolist(), best):
        own = [i for i, (group, _) in enumerate(rows) if group == name]
        assert row == max(own, key=lambda i: (rows[i][1], -i))


def test_an_answer_is_the_probability_of_the_choice_alone() -> None:
    first, second = built().decode(torch.tensor([2.0, -2.0]), judged([0, 0], [0, 0]))
    assert first == {"label": "right", "score": 0.880797, "scores": {"right": 0.880797, "wrong": 0.119203}}
    assert second["label"] == "wrong"
    assert second["scores"]["right"] == 0.119203


@pytest.mark.parametrize("names", [["yes", "no"], ["right"], ["right", "wrong", "other"], []])
def test_a_choice_is_right_or_not(names: list[str]) -> None:
    with pytest.raises(KplmError, match="a choice is 'right' or not"):
        MultipleChoice().build(tiny_vlbert(), names)


def test_it_can_be_built_again_from_its_description() -> None:
    again = from_spec(to_spec(MultipleChoice("yes", dropout=0.3)), MultipleChoice)
    assert (again.right, again.dropout.p) == ("yes", 0.3)
