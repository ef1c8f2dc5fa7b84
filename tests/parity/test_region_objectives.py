"""Masked regions and the sentence-image relation: the published losses, what counts, and nothing to predict is 0."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.objectives import MaskedRegions, MaskedWords, SentenceImage, Weighted
from tests.conftest import tiny_encoder
from tests.models.vlbert_batch import labelled, made_up, tiny_vlbert


def built(*terms: object) -> tuple[Weighted, object, dict[str, Tensor]]:
    model, batch = tiny_vlbert(), labelled(made_up())
    batch = {name: value.float() if value.is_floating_point() else value for name, value in batch.items()}
    objective = Weighted(list(terms))
    objective.build(model)
    return objective, model, batch


def test_the_loss_is_the_cross_entropy_with_soft_classes_of_the_regions_asked_for() -> None:
    objective, model, batch = built(MaskedRegions())
    term = objective.terms["masked_regions"]
    regions = model.split(model(batch), batch)[1]
    asked = torch.stack([regions[0, 2], regions[1, 1]])  # the second is asked for, but not hidden
    gold = torch.stack([batch["region_labels"][0, 2], batch["region_labels"][1, 1]])
    want = -(gold * term.logits(asked).log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(objective(model, batch)["masked_regions"], want)


def test_classes_that_do_not_sum_to_one_are_not_asked_for() -> None:
    objective, model, batch = built(MaskedRegions())
    batch["region_labels"][0, 2] *= 0.85
    _, gold = objective.terms["masked_regions"].predict(model, model(batch), batch)
    assert len(gold) == 1
    batch["region_labels"][0, 2] /= 0.92
    _, gold = objective.terms["masked_regions"].predict(model, model(batch), batch)
    assert len(gold) == 2


@pytest.mark.parametrize("pictures", [True, False])
def test_nothing_to_predict_is_zero_with_a_gradient(pictures: bool) -> None:
    objective, model, batch = built(MaskedWords(), MaskedRegions(), SentenceImage())
    batch |= {"mlm_labels": torch.full_like(batch["mlm_labels"], IGNORE), "sentence_image": torch.tensor([IGNORE] * 2)}
    batch["region_labels"] = torch.zeros_like(batch["region_labels"])
    if not pictures:
        for name in ("regions", "region_boxes", "region_features", "hidden_regions", "region_labels"):
            batch[name] = batch[name][:, :0]
    loss = objective(model, batch)["loss"]
    assert loss.item() == 0
    loss.backward()
    for name, parameter in [*objective.named_parameters(), *model.named_parameters()]:
        assert parameter.grad is not None, name
        assert not parameter.grad.any(), name


def test_metrics_are_means_over_predictions_of_all_batches() -> None:
    objective, model, batch = built(MaskedRegions(), SentenceImage())
    first = batch | {"region_labels": batch["region_labels"] * torch.tensor([1.0, 0.0])[:, None, None]}
    nothing = batch | {"region_labels": torch.zeros_like(batch["region_labels"])}
    scores, each = objective.metrics(), []
    with torch.no_grad():
        for part in (batch, first, nothing):
            objective.score(scores, model, part)
            each.append(objective(model, part)["masked_regions"])
        got = objective.report(scores)
        logits, gold = objective.terms["masked_regions"].predict(model, model(batch), batch)
        right = (logits.argmax(-1) == gold.argmax(-1)).float()
    torch.testing.assert_close(got["masked_regions_loss"], (2 * each[0] + each[1]) / 3)
    torch.testing.assert_close(got["masked_regions_accuracy"], (right.sum() + right[0]) / 3)
    assert 0 <= got["sentence_image_accuracy"] <= 1


def test_the_relation_ignores_rows_without_a_label() -> None:
    objective, model, batch = built(SentenceImage())
    both = objective(model, batch)["loss"]
    one = objective(model, batch | {"sentence_image": torch.tensor([1, IGNORE])})["loss"]
    other = objective(model, batch | {"sentence_image": torch.tensor([IGNORE, 0])})["loss"]
    torch.testing.assert_close(both, (one + other) / 2)


def test_mistakes_are_named() -> None:
    with pytest.raises(KplmError, match="needs a model with image regions, not a Encoder"):
        Weighted([MaskedRegions()]).build(tiny_encoder())
    objective, model, batch = built(MaskedRegions())
    with pytest.raises(KplmError, match="has 3 classes a region, but this model predicts region_classes=5"):
        objective(model, batch | {"region_labels": torch.rand(2, 3, 3)})
    assert model.pooler is None
    with pytest.raises(KplmError, match="SentenceImage reads the encoder's pooler"):
        Weighted([SentenceImage()]).build(model)
