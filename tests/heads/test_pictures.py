"""Answers are read at [MASK] and graded softly; of the regions of a picture only real ones can be chosen."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.heads import Answer, Choose
from kplm.spec import from_spec, to_spec
from tests.conftest import tiny_encoder
from tests.models.vlbert_batch import made_up, tiny_vlbert

ANSWERS = ["yes", "no", "two", "red", "blue", "cat"]


def batch() -> dict[str, Tensor]:
    """[MASK] at 4 of the first text and at 2 of the second; the second picture has two regions, the first three."""
    found = {name: value.float() if value.is_floating_point() else value for name, value in made_up().items()}
    found["segment_ids"] = torch.tensor([[0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 0, 0]])
    scores = torch.zeros(2, len(ANSWERS))
    scores[0, 1], scores[0, 2], scores[1, 5] = 1.0, 0.3, 0.6
    targets = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, IGNORE]])
    return found | {"labels": scores, "region_targets": targets}


def test_an_answer_is_read_at_the_first_token_of_the_second_text() -> None:
    model, head, found = tiny_vlbert(), Answer().eval(), batch()
    head.build(model, ANSWERS)
    states = model(found)
    want = head.output(head.transform(torch.stack([states[0, 4], states[1, 2]])))
    torch.testing.assert_close(head(model, found), want)
    assert model.pooler is None


def test_a_plain_encoder_answers_too_and_without_a_second_text_at_cls() -> None:
    """The control that never looks."""
    model, head, found = tiny_encoder().eval(), Answer().eval(), batch()
    head.build(model, ANSWERS)
    found["segment_ids"] *= 0
    torch.testing.assert_close(head(model, found), head.output(head.transform(model(found)[:, 0])))


def test_the_loss_is_binary_and_summed_over_the_answers() -> None:
    head, found = Answer(), batch()
    logits = torch.randn(2, len(ANSWERS))
    p, gold = logits.sigmoid(), found["labels"]
    want = -(gold * p.log() + (1 - gold) * (1 - p).log()).sum() / 2
    torch.testing.assert_close(head.loss(logits, found), want)


def test_the_score_is_what_people_gave_the_best_answer() -> None:
    head, found = Answer(), batch()
    scores = head.metrics()
    for best in ([2, 5], [0, 5]):
        head.score(scores, F.one_hot(torch.tensor(best), len(ANSWERS)).float(), found)
    assert scores.compute()["accuracy"] == pytest.approx((0.3 + 0.6 + 0.0 + 0.6) / 4)


def test_answers_are_named_with_their_probabilities() -> None:
    head = Answer()
    head.build(tiny_encoder(), ANSWERS)
    logits = torch.tensor([[-1.0, 2.0, 0.0, -3.0, -4.0, -5.0]])
    (one,) = head.decode(logits, {})
    assert (one["answer"], list(one["scores"])) == ("no", ["no", "two", "yes", "red", "blue"])
    assert one["score"] == pytest.approx(torch.tensor(2.0).sigmoid().item(), abs=1e-5)


@pytest.mark.parametrize(("head", "name"), [(Answer(), "masked_words"), (Choose(), "masked_regions")])
def test_the_transform_starts_from_the_pretraining_head_that_came_along(head: Answer | Choose, name: str) -> None:
    model, donor = tiny_vlbert(), type(head)()
    donor.build(model, ANSWERS)
    own = {f"terms.{name}.transform.{key}": value + 1 for key, value in donor.transform.state_dict().items()}
    model.beside = own
    head.build(model, ANSWERS)
    assert torch.equal(head.transform.dense.weight, own[f"terms.{name}.transform.dense.weight"])


def test_padded_regions_and_the_whole_picture_never_win() -> None:
    model, found = tiny_vlbert(), batch()
    for whole, first in ((False, 1), (True, 0)):
        head = Choose(whole).eval()
        head.build(model)
        head.output.bias.data += 50
        logits = head(model, found)
        assert logits.isfinite().tolist() == [[first == 0, True, True], [first == 0, True, False]]
        plain = head.output(head.transform(model.split(model(found), found)[1]))[..., 0]
        torch.testing.assert_close(logits[:, 1], plain[:, 1])


def test_the_loss_counts_the_regions_that_can_be_chosen() -> None:
    head, found = Choose(), batch()
    head.build(tiny_vlbert())
    logits = torch.tensor([[-torch.inf, 0.5, -1.0], [-torch.inf, 2.0, -torch.inf]], requires_grad=True)
    want = (F.softplus(torch.tensor(0.5)) + F.softplus(torch.tensor(1.0)) + F.softplus(torch.tensor(-2.0))) / 3
    loss = head.loss(logits, found)
    torch.testing.assert_close(loss, want)
    loss.backward()
    assert logits.grad.isfinite().all()


def test_no_gold_and_no_regions_are_zero_with_a_gradient() -> None:
    model, head = tiny_vlbert(), Choose()
    head.build(model)
    unknown = batch() | {"region_targets": torch.full((2, 3), float(IGNORE))}
    loss = head.loss(head(model, unknown), unknown)
    assert loss.item() == 0
    loss.backward()
    assert head.output.weight.grad is not None
    empty = {name: value[:, :0] if name.startswith("region") else value for name, value in batch().items()}
    logits = head(model, empty)
    assert head.loss(logits, empty).item() == 0
    assert head.decode(logits, empty) == [{"region": None, "box": None, "score": None}] * 2
    scores = head.metrics()
    head.score(scores, logits, empty)


def test_a_text_is_right_when_its_best_region_is_meant() -> None:
    head, found = Choose(), batch()
    scores = head.metrics()
    logits = torch.tensor([[-torch.inf, 0.5, 1.0], [-torch.inf, 2.0, -torch.inf]])
    head.score(scores, logits, found)
    assert scores.compute()["accuracy"] == 1
    head.score(scores, logits, found | {"region_targets": torch.tensor([[0.0, 1.0, 0.0], [IGNORE] * 3])})
    assert scores.compute()["accuracy"] == pytest.approx(2 / 3)
    (first, _) = head.decode(logits, found)
    assert first["region"] == 2
    assert first["box"] == pytest.approx(found["region_boxes"][0, 2].tolist(), abs=1e-4)
    assert first["score"] == pytest.approx(torch.tensor(1.0).sigmoid().item(), abs=1e-5)


def test_choosing_needs_regions() -> None:
    with pytest.raises(KplmError, match="Choose needs a model with image regions, not a Encoder"):
        Choose().build(tiny_encoder())


@pytest.mark.parametrize("head", [Answer(dropout=0.3), Choose(whole_picture=True, dropout=0.2)])
def test_a_checkpoint_can_name_the_heads(head: Answer | Choose) -> None:
    again = from_spec(to_spec(head), Answer, Choose)
    assert type(again) is type(head)
    assert to_spec(again) == to_spec(head)


def test_answers_start_from_their_words_before_training_and_not_when_loaded() -> None:
    model, head = tiny_vlbert(), Answer(start="words")
    head.build(model, ANSWERS)
    before = head.output.weight.clone()
    pieces = {"yes": [7], "no": [8, 9, 9], "two": [], "red": [10], "blue": [11], "cat": [12]}
    head.begin(model, lambda names: [pieces[name] for name in names])
    words = model.embeddings.terms["input_ids"].weight
    torch.testing.assert_close(head.output.weight[0], words[7])
    torch.testing.assert_close(head.output.weight[1], (words[8] + 2 * words[9]) / 3)
    assert torch.equal(head.output.weight[2], before[2])
    assert head.output.weight.requires_grad
    plain = Answer()
    plain.build(model, ANSWERS)
    kept = plain.output.weight.clone()
    plain.begin(model, lambda names: [pieces[name] for name in names])
    assert torch.equal(plain.output.weight, kept)
    for again in (head, from_spec(to_spec(head), Answer, Choose)):
        assert again.start == "random", "what was learnt stays when training goes on"
