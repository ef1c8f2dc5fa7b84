"""Pretraining terms: only what is labelled counts, and nothing to predict is 0 with a gradient."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kplm.config import ErnieThuConfig
from kplm.errors import KplmError, MissingFieldError
from kplm.fields import IGNORE
from kplm.models import ErnieThu
from kplm.objectives import EntityDenoising, MaskedWords, NextSentence, Term, Weighted

CONFIG = ErnieThuConfig(
    vocab_size=19,
    hidden=8,
    layers=2,
    heads=2,
    ffn=12,
    positions=6,
    layer_types=("mix", "norm"),
    entity_width=4,
    entity_heads=2,
)


@pytest.fixture
def encoder() -> ErnieThu:
    torch.manual_seed(0)
    return ErnieThu(CONFIG).eval()


@pytest.fixture
def batch() -> dict[str, Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(0, 19, (2, 5))
    return {
        "input_ids": ids,
        "position_ids": torch.arange(5).expand(2, 5),
        "segment_ids": torch.zeros_like(ids),
        "document": torch.tensor([[1] * 5, [1] * 3 + [0] * 2]),
        "entity_positions": torch.tensor([[0, 2], [0, 1]]),
        "entity_ids": torch.tensor([[0, 3], [0, -1]]),
        "entity_vectors": torch.randn(2, 2, 4),
        "mlm_labels": torch.tensor([[IGNORE, 4, IGNORE, 0, IGNORE], [IGNORE, IGNORE, 7, IGNORE, IGNORE]]),
        "next_sentence": torch.tensor([1, IGNORE]),
        "entity_labels": torch.tensor([[IGNORE, 2], [IGNORE, 1]]),
        "candidate_vectors": torch.randn(3, 4),
    }


def nothing(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return batch | {
        name: torch.full_like(batch[name], IGNORE) for name in ("mlm_labels", "next_sentence", "entity_labels")
    }


TERMS = [MaskedWords, NextSentence, EntityDenoising]


@pytest.mark.parametrize("kind", TERMS)
def test_nothing_to_predict_is_zero_with_a_gradient(
    kind: type[Term], encoder: ErnieThu, batch: dict[str, Tensor]
) -> None:
    objective = Weighted([kind()])
    objective.build(encoder)
    loss = objective(encoder, nothing(batch))["loss"]
    assert loss.item() == 0
    loss.backward()
    for name, parameter in [*objective.named_parameters(), *encoder.named_parameters()]:
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.equal(parameter.grad, torch.zeros_like(parameter)), name


def test_a_batch_without_candidates_is_zero(encoder: ErnieThu, batch: dict[str, Tensor]) -> None:
    objective = Weighted([EntityDenoising()])
    objective.build(encoder)
    assert objective(encoder, nothing(batch) | {"candidate_vectors": torch.zeros(1, 4)})["loss"].item() == 0


def test_masked_words_scores_the_labelled_positions_with_the_word_table(
    encoder: ErnieThu, batch: dict[str, Tensor]
) -> None:
    term = MaskedWords()
    term.build(encoder)
    states = encoder(batch)
    whole = term.logits(encoder, states)
    assert whole.shape == (2, 5, 19)
    want = F.cross_entropy(whole.flatten(0, 1), batch["mlm_labels"].flatten(), ignore_index=IGNORE)
    torch.testing.assert_close(term(encoder, states, batch), want)
    assert not any(parameter.shape == (19, 8) for parameter in term.parameters())


def test_entity_denoising_reads_the_token_under_the_slot(encoder: ErnieThu, batch: dict[str, Tensor]) -> None:
    term = EntityDenoising()
    term.build(encoder)
    states = encoder(batch)
    rows = torch.stack([states[0, 2], states[1, 1]])  # a slot whose entity was removed is predicted too
    want = F.cross_entropy(term.logits(rows, batch["candidate_vectors"]), torch.tensor([2, 1]))
    torch.testing.assert_close(term(encoder, states, batch), want)


def test_terms_are_weighted_and_reported(encoder: ErnieThu, batch: dict[str, Tensor]) -> None:
    objective = Weighted([kind() for kind in TERMS], {"next_sentence": 0.5})
    objective.build(encoder)
    got = objective(encoder, batch)
    assert list(got) == ["loss", "masked_words", "next_sentence", "entity_denoising"]
    want = got["masked_words"] + 0.5 * got["next_sentence"] + got["entity_denoising"]
    torch.testing.assert_close(got["loss"], want)
    assert objective.reads == {
        "MaskedWords": {"mlm_labels"},
        "NextSentence": {"next_sentence"},
        "EntityDenoising": {"entity_positions", "entity_labels", "candidate_vectors"},
    }


def test_the_pooler_goes_when_no_term_uses_it(encoder: ErnieThu) -> None:
    Weighted([NextSentence(), MaskedWords()]).build(encoder)
    assert encoder.pooler is not None
    Weighted([MaskedWords()]).build(encoder)
    assert encoder.pooler is None


def test_mistakes_are_named(encoder: ErnieThu, batch: dict[str, Tensor]) -> None:
    with pytest.raises(KplmError, match="different names"):
        Weighted([MaskedWords(), MaskedWords()])
    with pytest.raises(KplmError, match="Did you mean 'masked_words'"):
        Weighted([MaskedWords()], {"masked_word": 1.0})
    objective = Weighted([MaskedWords()])
    objective.build(encoder)
    batch["mlm_label"] = batch.pop("mlm_labels")
    with pytest.raises(MissingFieldError, match="Did you mean 'mlm_label'"):
        objective(encoder, batch)


def test_only_hidden_words_are_scored(encoder: ErnieThu, batch: dict[str, Tensor]) -> None:
    objective, scored = Weighted([MaskedWords()]), []
    objective.build(encoder)
    assert encoder.pooler is None, "nobody reads it"
    transform = objective.terms["masked_words"].transform
    transform.register_forward_hook(lambda part, given, found: scored.append(found.shape))
    objective(encoder, batch)
    hidden = int((batch["mlm_labels"] != IGNORE).sum())
    assert 0 < hidden < batch["mlm_labels"].numel()
    assert scored == [(hidden, CONFIG.hidden)]
