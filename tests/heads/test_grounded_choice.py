"""Choices with a second loss: what the regions show."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.heads import GroundedChoice, MultipleChoice
from kplm.spec import from_spec, to_spec
from tests.conftest import tiny_encoder
from tests.models.vlbert_batch import made_up, tiny_vlbert

NAMES = ["right", "wrong"]


def batch() -> dict[str, Tensor]:
    found = {name: value.float() if value.is_floating_point() else value for name, value in made_up().items()}
    kinds = torch.tensor([[0, 3, 1], [0, IGNORE, IGNORE]])
    return found | {"label": torch.tensor([0, 1]), "group": torch.tensor([4, 4]), "region_kinds": kinds}


def built(**options: float) -> tuple[GroundedChoice, torch.nn.Module]:
    head, model = GroundedChoice(object_classes=5, **options).eval(), tiny_vlbert()
    head.build(model, NAMES)
    return head, model


def test_the_loss_is_that_of_the_choices_and_of_the_known_objects() -> None:
    head, model = built(object_weight=0.5)
    found, plain = batch(), MultipleChoice().eval()
    plain.build(model, NAMES)
    plain.output.load_state_dict(head.output.state_dict())
    logits = head(model, found)
    states = model.split(model(found), found)[1]
    scores = head.objects.output(head.objects.transform(states))
    objects = F.cross_entropy(torch.stack([*scores[0], scores[1, 0]]), torch.tensor([0, 3, 1, 0]))
    want = plain.loss(plain(model, found), found) + 0.5 * objects
    torch.testing.assert_close(head.loss(logits, found), want)


def test_scores_and_answers_are_those_of_the_choices() -> None:
    head, model = built()
    found = batch()
    logits = head(model, found)
    scores = head.metrics()
    head.score(scores, logits, found)
    assert scores.compute()["accuracy"] == float(logits.choices[0] >= logits.choices[1])
    assert [set(row) for row in head.decode(logits, found)] == [{"label", "score", "scores"}] * 2


def test_no_known_object_is_zero_with_a_gradient() -> None:
    head, model = built()
    found = batch() | {"label": torch.tensor([IGNORE, IGNORE])}
    found["region_kinds"] = torch.full_like(found["region_kinds"], IGNORE)
    loss = head.loss(head(model, found), found)
    loss.backward()
    assert loss == 0
    assert head.objects.output.weight.grad.eq(0).all()
    empty = {name: value[:, :0] if name.startswith("region") else value for name, value in found.items()}
    assert head.loss(head(model, empty), empty) == 0


def test_the_transform_starts_from_that_of_masked_regions() -> None:
    model, donor = tiny_vlbert(), built()[0]
    own = {
        f"terms.masked_regions.transform.{key}": value + 1
        for key, value in donor.objects.transform.state_dict().items()
    }
    model.beside = own
    head = GroundedChoice(object_classes=5)
    head.build(model, NAMES)
    assert torch.equal(head.objects.transform.dense.weight, own["terms.masked_regions.transform.dense.weight"])


def test_a_class_that_is_not_told_apart_is_named() -> None:
    head, model = built()
    found = batch()
    found["region_kinds"][0, 1] = 5
    with pytest.raises(KplmError, match="has class 5, but this head tells apart 5, from 0"):
        head.loss(head(model, found), found)


def test_objects_need_regions() -> None:
    with pytest.raises(KplmError, match="needs a model with image regions, not a Encoder"):
        GroundedChoice().build(tiny_encoder(), NAMES)


def test_it_can_be_built_again_from_its_description() -> None:
    again = from_spec(to_spec(GroundedChoice(7, 0.25, dropout=0.3)), GroundedChoice)
    assert (again.object_classes, again.object_weight, again.right, again.dropout.p) == (7, 0.25, "right", 0.3)
