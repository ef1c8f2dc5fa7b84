"""Split words: predicted from the mean of their pieces, beside the words of one token."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kplm.errors import KplmError
from kplm.objectives import Supersenses, WordMeanSenses
from kplm.objectives.supersenses import allowed_loss, uniform_loss
from kplm.objectives.word_mean_senses import span_means
from tests.models.sensebert_words import SENSES, batch_of
from tests.parity.test_sense_objectives import EXACT, built


def spans(*rows: tuple[tuple[int, int, str], ...]) -> dict[str, Tensor]:
    """Split words by place and supersenses, padded."""
    count = max(map(len, rows), default=0)
    found = torch.full((len(rows), count, 2), -1)
    allowed = torch.zeros(len(rows), count, len(SENSES), dtype=torch.bool)
    for row, words in enumerate(rows):
        for number, (start, end, senses) in enumerate(words):
            found[row, number] = torch.tensor([start, end])
            allowed[row, number] = torch.tensor([sense in senses.split() for sense in SENSES])
    return {"sense_spans": found, "sense_allowed": allowed}


@pytest.mark.parametrize("read", ["states", "transform"])
def test_a_split_word_is_predicted_from_the_mean_of_its_pieces(read: str) -> None:
    objective, model = built(WordMeanSenses(read=read))
    batch = batch_of("*tiger *walk *##ing", "*theor *##ies") | spans(
        ((2, 4, "verb.motion"),), ((1, 3, "noun.act adv.all"),)
    )
    term, states = objective.terms["supersenses"], model(batch)
    logits, gold = term.predict(model, states, batch)
    vectors = torch.stack([states[0, 1], states[0, 2:4].mean(0), states[1, 1:3].mean(0)])
    torch.testing.assert_close(logits, term.transform(vectors) @ model.sense_table.T, **EXACT)
    told = [[SENSES[at] for at in row.nonzero()[:, 0]] for row in gold]
    assert told == [["noun.animal", "noun.person"], ["verb.motion"], ["adv.all", "noun.act"]]
    want = torch.stack([allowed_loss(logits, gold), uniform_loss(logits, gold)]).sum(0).mean()
    torch.testing.assert_close(objective(model, batch)["loss"], want, **EXACT)


def test_split_words_without_supersenses_and_batches_without_split_words_add_nothing() -> None:
    objective, model = built(WordMeanSenses())
    plain, _ = built(Supersenses(), encoder=model)
    for batch in (
        batch_of("*tiger *walk *##ing", "of") | spans(((2, 4, ""),), ()),
        batch_of("*tiger *walk *##ing", "of") | spans((), ()),
    ):
        torch.testing.assert_close(objective(model, batch)["loss"], plain(model, batch)["loss"], **EXACT)
    empty = batch_of("tiger", "of") | spans((), ())
    loss = objective(model, empty)["loss"]
    loss.backward()
    assert loss.item() == 0
    assert not model.sense_table.grad.any()


def test_means_of_spans_leave_padding_out_and_stay_exact_under_autocast() -> None:
    states = torch.randn(2, 5, 4)
    places = torch.tensor([[[1, 3], [0, 5]], [[4, 5], [-1, -1]]])
    with torch.autocast("cpu", torch.bfloat16):
        got = span_means(states, places)
    want = torch.stack([states[0, 1:3].mean(0), states[0].mean(0), states[1, 4], torch.zeros(4)]).view(2, 2, 4)
    torch.testing.assert_close(got, want)


def test_another_number_of_supersenses_is_named() -> None:
    objective, model = built(WordMeanSenses())
    batch = batch_of("*tiger") | {"sense_spans": torch.full((1, 0, 2), -1), "sense_allowed": torch.zeros(1, 0, 45) > 0}
    with pytest.raises(KplmError, match="sense_allowed has 45 supersenses a word, but this model has 9"):
        objective(model, batch)
