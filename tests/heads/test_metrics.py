"""Published scores against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.heads import Classify, EntityType, Relation, Tag
from kplm.heads.base import Head
from kplm.heads.metrics import GroupedF1, LooseMacro, SpanF1
from kplm.nn.pooling import First
from tests.conftest import tiny_encoder


def built(head: Head, *names: str) -> Head:
    head.build(tiny_encoder(), names)
    return head


def scored(head: Head, logits: Tensor, batch: dict[str, Tensor]) -> dict[str, float]:
    metrics = head.metrics()
    head.score(metrics, logits, batch)
    return {name: float(value) for name, value in metrics.compute().items()}


def chosen(rows: list[list[int]]) -> Tensor:
    """Logits that choose these classes: 1 where chosen, -1 elsewhere."""
    return torch.tensor(rows).float() * 2 - 1


def test_entity_typing_strict_loose_macro_and_loose_micro_by_hand() -> None:
    """Precision and recall of the three rows: 1/2 and 1, 1 and 1, 0 (nothing predicted) and 0."""
    guess, gold = chosen([[1, 1, 0], [0, 0, 1], [0, 0, 0]]), torch.tensor([[1, 0, 0], [0, 0, 1], [0, 1, 0]]).float()
    found = scored(built(EntityType(), "a", "b", "c"), guess, {"labels": gold})
    assert found["strict"] == pytest.approx(1 / 3)
    precision, recall = (1 / 2 + 1 + 0) / 3, (1 + 1 + 0) / 3
    assert found["f1_macro_loose"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert found["f1_micro_loose"] == pytest.approx(2 * 2 / (3 + 3))  # 2 hits, 3 predicted, 3 gold


def test_always_predicts_the_best_type_where_no_logit_is_positive() -> None:
    logits = torch.tensor([[-3.0, -1.0, -2.0], [1.0, -1.0, 2.0]])
    gold = {"labels": torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])}
    assert scored(built(EntityType(), "a", "b", "c"), logits, gold)["strict"] == pytest.approx(0.5)
    always = built(EntityType(always=True), "a", "b", "c")
    assert scored(always, logits, gold)["strict"] == 1
    assert [row["labels"] for row in always.decode(logits, gold)] == [["b"], ["a", "c"]]
    assert [row["labels"] for row in built(EntityType(), "a", "b", "c").decode(logits, gold)] == [[], ["a", "c"]]


def test_loose_macro_is_the_same_in_one_batch_or_many_and_0_without_rows() -> None:
    guess, gold = torch.tensor([[1, 1], [0, 1], [1, 0]]), torch.tensor([[1, 0], [0, 1], [0, 1]])
    whole, parts = LooseMacro(), LooseMacro()
    whole.update(guess, gold)
    for i in range(3):
        parts.update(guess[i : i + 1], gold[i : i + 1])
    parts.update(guess[:0], gold[:0])
    assert whole.compute() == parts.compute()
    assert LooseMacro().compute() == 0


def test_tacred_s_f1_leaves_the_none_class_out() -> None:
    """Gold NA a a b b, guess a a b b NA: hits 2 (a, b), predicted relations 4, gold relations 4."""
    head = built(Relation(none="NA"), "NA", "a", "b")
    gold, guess = torch.tensor([0, 1, 1, 2, 2]), torch.tensor([1, 1, 2, 2, 0])
    found = scored(head, torch.eye(3)[guess], {"label": gold})
    assert found["f1_related"] == pytest.approx(2 * 2 / (4 + 4))
    assert found["accuracy"] == pytest.approx(2 / 5)
    assert found["f1_micro"] == pytest.approx(2 / 5)


def test_semeval_s_official_score_by_hand() -> None:
    """Wrong direction counts against the relation; Other is left out; macro over the undirected relations."""
    names = ("Cause(e1,e2)", "Cause(e2,e1)", "Part(e1,e2)", "Part(e2,e1)", "Other")
    gold = torch.tensor([0, 0, 1, 2, 3, 4, 4])
    guess = torch.tensor([0, 1, 1, 2, 4, 2, 4])
    # Cause: 2 hits, 3 predicted, 3 gold: 2*2/6. Part: 1 hit, 2 predicted, 2 gold: 2*1/4.
    found = scored(built(Relation(none="Other"), *names), torch.eye(5)[guess], {"label": gold})
    assert found["f1_semeval"] == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert "f1_semeval" not in scored(built(Relation(), "a", "b"), torch.eye(2), {"label": torch.tensor([0, 1])})


def test_a_group_that_never_occurs_scores_0_in_the_macro_mean() -> None:
    metric = GroupedF1(["a", "b", None], "macro")
    metric.update(torch.tensor([0, 2]), torch.tensor([0, 2]))
    assert float(metric.compute()) == pytest.approx(0.5)


def test_a_none_class_that_does_not_exist_is_named() -> None:
    with pytest.raises(
        KplmError, match=r"the none class 'Othr' is not among the classes: Other, a. Did you mean 'Other'"
    ):
        built(Relation(none="Othr"), "Other", "a").metrics()


def test_spans_count_when_both_ends_and_the_type_are_right() -> None:
    """Gold LOC[0:2] PER[3]; guess LOC[0:2] LOC[3] PER[4]: 1 hit of 3 predicted and 2 gold."""
    metric = SpanF1()
    metric.update([["B-LOC", "I-LOC", "O", "B-LOC", "B-PER"]], [["B-LOC", "I-LOC", "O", "B-PER", "O"]])
    assert float(metric.compute()) == pytest.approx(2 * 1 / (3 + 2))
    metric.update([["O"]], [["O"]])
    assert float(metric.compute()) == pytest.approx(2 / 5)
    assert SpanF1().compute() == 0


def test_rows_without_a_gold_label_do_not_count() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    batch = {"label": torch.tensor([0, IGNORE, 0])}
    head = built(Classify(), "a", "b")
    assert scored(head, logits, batch)["accuracy"] == pytest.approx(0.5)
    by_hand = torch.nn.functional.cross_entropy(logits[[0, 2]], torch.tensor([0, 0]))
    assert head.loss(logits, batch) == pytest.approx(float(by_hand))


@pytest.mark.parametrize(
    ("head", "shape", "batch"),
    [
        (Classify(), (2, 3), {"label": torch.full((2,), IGNORE)}),
        (Relation(), (2, 3), {"label": torch.full((2,), IGNORE)}),
        (Tag(), (2, 4, 3), {"tags": torch.full((2, 4), IGNORE), "word_positions": torch.zeros(2, 4).long()}),
        (Tag(), (2, 4, 3), {"tags": torch.zeros(2, 4).long(), "word_positions": torch.full((2, 4), -1)}),
        (Tag(), (2, 0, 3), {"tags": torch.zeros(2, 0).long(), "word_positions": torch.zeros(2, 0).long()}),
    ],
    ids=["classify", "relation", "tag", "tag, all cut away", "tag, no words"],
)
def test_without_a_gold_label_the_loss_is_0_with_a_gradient(
    head: Head, shape: tuple[int, ...], batch: dict[str, Tensor]
) -> None:
    head = built(type(head)(), "a", "b", "c")
    logits = torch.randn(shape, requires_grad=True)
    loss = head.loss(logits, batch)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.eq(0).all()


def test_a_class_is_decoded_with_the_five_likeliest() -> None:
    head = built(Classify(), *"abcdefg")
    [row] = head.decode(torch.arange(7.0)[None], {})
    assert row["label"] == "g"
    assert list(row["scores"]) == ["g", "f", "e", "d", "c"]
    assert row["score"] == row["scores"]["g"] == pytest.approx(float(torch.arange(7.0).softmax(-1)[6]), abs=1e-6)


def test_words_that_were_cut_away_are_outside_in_answers_and_scores() -> None:
    head = built(Tag(), "B-LOC", "I-LOC", "O")
    logits = torch.eye(3)[torch.tensor([[0, 1, 0]])]
    batch = {"word_positions": torch.tensor([[1, 2, -1]]), "tags": torch.tensor([[0, 1, 0]])}
    assert head.decode(logits, batch) == [{"tags": ["B-LOC", "I-LOC", "O"]}]
    found = scored(head, logits, batch)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["f1_span"] == pytest.approx(2 / 3), "1 hit, 1 predicted, 2 gold"


def test_a_head_without_classes_says_so() -> None:
    with pytest.raises(KplmError, match="Classify has no classes"):
        built(Classify())
    with pytest.raises(KplmError, match="EntityType has only the class 'a', so there is nothing to tell apart"):
        built(EntityType(), "a")


def test_heads_drop_the_pooler_they_do_not_read() -> None:
    from kplm.nn.pooling import Mean

    for head, kept in ((Classify(First()), True), (Classify(Mean()), False), (Tag(), False)):
        encoder = tiny_encoder()
        head.build(encoder, ["a", "b"])
        assert (encoder.pooler is not None) == kept


def test_marked_pooling_names_a_wrong_number_of_marks() -> None:
    from kplm.nn.pooling import Marked

    states = torch.randn(2, 5, 4)
    batch = {"mark_positions": torch.tensor([[1, 3], [2, 0]])}
    assert torch.equal(Marked(2)(states, batch)[0], torch.cat([states[0, 1], states[0, 3]]))
    with pytest.raises(KplmError, match="Marked reads 1 marks a text, but the data marks 2"):
        Marked(1)(states, batch)
