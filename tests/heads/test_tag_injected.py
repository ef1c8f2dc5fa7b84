"""The authors' tagger and their score: injected tokens are a class, and spans are counted as their code counts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.heads import Tag, TagInjected
from kplm.heads.official_span_f1 import OfficialSpanF1
from kplm.training import Finetune
from tests.conftest import tiny_encoder

METRIC = json.loads((Path(__file__).parents[1] / "golden" / "kbert" / "ner_metric.json").read_text())
LABELS = tuple(METRIC["labels_map"])
NAMES = ("B-LOC", "I-LOC", "O")


def built(*names: str) -> TagInjected:
    head = TagInjected()
    head.build(tiny_encoder(), names)
    return head


def batch() -> dict[str, Tensor]:
    """[CLS] rome (italy) of the [SEP] and a text of one word; 'the' is cut away, 'of' has no tag."""
    return {
        "word_positions": torch.tensor([[1, 3, -1], [1, -1, -1]]),
        "tags": torch.tensor([[0, IGNORE, 2], [2, IGNORE, IGNORE]]),
        "branch": torch.tensor([[0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]),
    }


def answers(rows: list[list[int]], classes: int = 4) -> Tensor:
    return torch.eye(classes)[torch.tensor(rows)]


def test_the_injected_class_is_appended_only_where_it_is_missing() -> None:
    assert built(*NAMES).names == (*NAMES, "[ENT]")
    assert built(*LABELS).names == LABELS
    assert built(*NAMES).output.out_features == 4


def test_a_single_class_is_still_refused() -> None:
    with pytest.raises(KplmError, match="has only the class 'O'"):
        built("O")
    with pytest.raises(KplmError, match="has no classes"):
        built()


def test_gold_holds_tags_at_words_and_the_injected_class_on_branches() -> None:
    head = built(*NAMES)
    assert head.gold(batch()).tolist() == [[IGNORE, 0, 3, IGNORE, IGNORE], [IGNORE, 2, IGNORE, IGNORE, IGNORE]]
    assert head.gold(batch(), elsewhere=9).tolist() == [[9, 0, 3, 9, 9], [9, 2, 9, 9, 9]]


def test_the_loss_is_the_mean_over_words_and_injected_tokens() -> None:
    head, logits = built(*NAMES), torch.randn(2, 5, 4)
    picked, gold = logits[[0, 0, 1], [1, 2, 1]], torch.tensor([0, 3, 2])
    assert head.loss(logits, batch()) == pytest.approx(float(torch.nn.functional.cross_entropy(picked, gold)))


def test_without_anything_to_learn_the_loss_is_0_with_a_gradient() -> None:
    logits = torch.randn(2, 5, 4, requires_grad=True)
    nothing = {**batch(), "tags": torch.full((2, 3), IGNORE), "branch": torch.zeros(2, 5, dtype=torch.int64)}
    loss = built(*NAMES).loss(logits, nothing)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.eq(0).all()


def test_every_position_is_scored_and_injected_ones_reach_the_weights() -> None:
    head, encoder = TagInjected(), tiny_encoder()
    head.build(encoder, NAMES)
    fields = {name: torch.zeros(2, 5, dtype=torch.int64) for name in ("segment_ids", "anchor")}
    fields |= {"input_ids": torch.randint(5, 30, (2, 5)), "position_ids": torch.arange(5).expand(2, 5)}
    fields |= {**batch(), "document": torch.ones(2, 5, dtype=torch.int64), "tags": torch.full((2, 3), IGNORE)}
    fields["anchor"] = torch.tensor([[0, 1, 1, 0, 0], [0] * 5])
    logits = head(encoder, fields)
    assert logits.shape == (2, 5, 4)
    head.loss(logits, fields).backward()
    assert head.output.weight.grad.abs().sum() > 0
    assert encoder.pooler is None


def test_words_for_which_a_class_of_no_word_wins_are_outside() -> None:
    head = built(*LABELS)
    rows = answers([[0, 3, 3, 1, 0], [0, 0, 3, 3, 3]], len(LABELS))
    found = {**batch(), "tags": torch.tensor([[3, 2, IGNORE], [2, IGNORE, IGNORE]])}
    assert [row["tags"] for row in head.decode(rows, found)] == [["B-LOC", "O", "O"], ["O", "O", "O"]]
    metrics = head.metrics()
    head.score(metrics, rows, found)
    assert float(metrics["accuracy"].compute()) == 1
    assert float(metrics["f1_span"].compute()) == 1


def test_scores_of_words_are_those_of_the_plain_tagger() -> None:
    head, plain = built(*NAMES), Tag()
    plain.build(tiny_encoder(), [*NAMES, "[ENT]"])
    logits = torch.randn(2, 5, 4)
    logits[..., 3] = -9
    metrics, others = head.metrics(), plain.metrics()
    head.score(metrics, logits, batch())
    plain.score(others, head.at_words(logits, batch()), batch())
    assert metrics["accuracy"].compute() == others["accuracy"].compute()
    assert metrics["f1_span"].compute() == others["f1_span"].compute()
    assert head.decode(logits, batch()) == plain.decode(head.at_words(logits, batch()), batch())


def test_the_official_score_sees_the_whole_batch_in_one_row() -> None:
    """Gold: pad B E pad pad | pad O pad pad pad. B is found; the one predicted on the injected token only costs precision."""
    head = built(*NAMES)
    metrics = head.metrics()
    head.score(metrics, answers([[2, 0, 0, 2, 2], [2, 2, 2, 2, 2]]), batch())
    metric = metrics["official_f1"]
    assert (int(metric.hits), int(metric.predicted), int(metric.gold)) == (1, 2, 1)
    assert float(metric.compute()) == pytest.approx(2 / 3)


def test_it_needs_to_know_which_tokens_were_injected() -> None:
    head = TagInjected()
    model = Finetune(tiny_encoder(), head, NAMES)
    assert "branch" in model.reads["TagInjected"]
    assert model.parts()["labels"] == [*NAMES, "[ENT]"]


@pytest.mark.parametrize("case", METRIC["cases"], ids=lambda case: case["note"])
def test_the_authors_counts_are_reproduced(case: dict) -> None:
    metric, want = OfficialSpanF1(LABELS), case["expected"]
    metric.update(torch.tensor(case["pred"]), torch.tensor(case["gold"]))
    assert int(metric.hits) == want["correct"]
    assert int(metric.predicted) == want["pred_entities"]
    assert int(metric.gold) == want["gold_entities"]
    assert [float(one) for one in metric.scores()] == [want[name] or 0.0 for name in ("precision", "recall", "f1")]


def spans(row: list[int], gold: list[int]) -> set[tuple[int, int]]:
    """Spans position by position, as the metric's description says it."""
    found = set()
    for start, tag in enumerate(row):
        if LABELS[tag][0] == "B" and LABELS[gold[start]] not in ("[ENT]", "[PAD]"):
            end = start
            while end + 1 < len(row) and (
                LABELS[gold[end + 1]] == "[ENT]" or LABELS[row[end + 1]] in ("I-LOC", "I-PER", "[ENT]")
            ):
                end += 1
            found.add((start, end))
    return found


tags = st.integers(0, len(LABELS) - 1)


@given(st.lists(st.tuples(tags, tags), max_size=30))
def test_counts_are_those_of_a_walk_along_the_row(pairs: list[tuple[int, int]]) -> None:
    pred, gold = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    metric = OfficialSpanF1(LABELS)
    metric.update(torch.tensor(pred, dtype=torch.int64), torch.tensor(gold, dtype=torch.int64))
    assert int(metric.hits) == len(spans(pred, gold) & spans(gold, gold))
    assert int(metric.gold) == len(spans(gold, gold))
    assert int(metric.predicted) == sum(
        LABELS[guess][0] == "B" and LABELS[truth] != "[PAD]" for guess, truth in zip(pred, gold)
    )


def test_counts_of_batches_add_up_and_nothing_is_divided_by_zero() -> None:
    metric = OfficialSpanF1(LABELS)
    assert [float(one) for one in metric.scores()] == [0, 0, 0]
    for case in METRIC["cases"]:
        metric.update(torch.tensor(case["pred"]), torch.tensor(case["gold"]))
    want = {name: sum(case["expected"][name] for case in METRIC["cases"]) for name in ("correct", "gold_entities")}
    assert (int(metric.hits), int(metric.gold)) == (want["correct"], want["gold_entities"])
    assert metric._reductions.keys() == {"hits", "predicted", "gold"}


def test_tags_of_other_schemes_begin_with_s_too() -> None:
    metric = OfficialSpanF1(["O", "S-LOC", "B-LOC", "E-LOC", "[ENT]"])
    metric.update(torch.tensor([1, 2, 3, 0]), torch.tensor([1, 2, 3, 5]))
    assert (int(metric.hits), int(metric.predicted), int(metric.gold)) == (2, 2, 2)
