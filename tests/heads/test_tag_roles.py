"""Role tagging: what leaves it is the best well-formed BIO, exactly; the two kinds of rows are counted apart."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.heads import TagRoles
from kplm.heads.bio import best_path, openers
from kplm.spec import from_spec, to_spec
from tests.conftest import tiny_encoder

NAMES = ("O", "B-V", "I-V", "B-ARG0", "I-ARG0", "B-ARG1", "I-ARG1")
O, V, V2, A0, A0_, A1, A1_ = range(7)  # noqa: E741


def built(names: tuple[str, ...] = NAMES) -> TagRoles:
    head = TagRoles()
    head.build(tiny_encoder(), names)
    return head


def well_formed(tags: list[str]) -> bool:
    pairs = zip(["O", *tags], tags)
    return all(not tag.startswith("I-") or before in (tag, f"B-{tag[2:]}") for before, tag in pairs)


def random_scores(rows: int, words: int, tags: int, seed: int) -> Tensor:
    return torch.randn(rows, words, tags, generator=torch.Generator().manual_seed(seed))


@given(
    st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y", "I-Z"]), min_size=1, max_size=5, unique=True),
    st.integers(0, 5),
    st.integers(0, 10_000),
)
def test_the_best_path_is_the_one_of_all_that_brute_force_finds(names: list[str], words: int, seed: int) -> None:
    names = ["O", *(name for name in names if name != "O")]
    scores = random_scores(2, words, len(names), seed)
    found = best_path(scores, torch.tensor(openers(names)))
    assert found.shape == (2, words)
    paths = [path for path in product(range(len(names)), repeat=words) if well_formed([names[i] for i in path])]
    for row, path in zip(scores, found.tolist()):
        total = [sum(row[i, tag].item() for i, tag in enumerate(one)) for one in paths]
        assert tuple(path) == paths[max(range(len(paths)), key=total.__getitem__)]


@given(st.integers(0, 10_000), st.integers(1, 12), st.data())
def test_no_invalid_bio_leaves_it_whatever_the_scores_and_the_batch(seed: int, words: int, data: st.DataObject) -> None:
    lost = torch.tensor(data.draw(st.lists(st.booleans(), min_size=2 * words, max_size=2 * words))).view(2, words)
    places = torch.arange(1, words + 1).expand(2, words).masked_fill(lost, -1)
    mark = data.draw(st.integers(1, words))
    fields = {"word_positions": places, "mark_positions": torch.tensor([[mark], [-1]])}
    scores = 5 * random_scores(2, words, len(NAMES), seed)
    arguments, predicates = (one["tags"] for one in built().decode(scores, fields))
    assert well_formed(arguments)
    assert set(predicates) <= {"O", "B-V"}
    assert [i for i, tag in enumerate(arguments) if tag == "B-V"] == ([] if lost[0, mark - 1] else [mark - 1])
    assert all(tag == "O" for tag, gone in zip([*arguments, *predicates], lost.flatten().tolist()) if gone)


def test_long_rows_and_many_tags_stay_exact_in_single_precision() -> None:
    names = ["O", *(f"{kind}-{i}" for i in range(60) for kind in "BI")]
    scores = random_scores(3, 200, len(names), 1)
    path = best_path(scores, torch.tensor(openers(names)))
    double = best_path(scores.double(), torch.tensor(openers(names)))
    assert torch.equal(path, double)
    assert all(well_formed([names[i] for i in row]) for row in path.tolist())


def batch() -> dict[str, Tensor]:
    """A row about the predicate at word 1, and one that asks for predicates; the second has a padding word."""
    tags = [[A0, V, A1, A1_], [O, V, O, IGNORE]]
    return {
        "word_positions": torch.tensor([[1, 2, 3, 5], [1, 2, 3, -1]]),
        "mark_positions": torch.tensor([[2], [-1]]),
        "tags": torch.tensor(tags),
    }


def certain(tags: list[list[int]]) -> Tensor:
    return 9 * torch.nn.functional.one_hot(torch.tensor(tags), len(NAMES)).float()


def scored(logits: Tensor, fields: dict[str, Tensor]) -> dict[str, float]:
    head = built()
    metrics = head.metrics()
    head.score(metrics, logits, fields)
    return {name: float(value) for name, value in metrics.compute().items()}


def test_arguments_count_without_v_and_predicates_apart() -> None:
    right = certain([[A0, V, A1, A1_], [O, V, O, O]])
    assert scored(right, batch()) == {"f1_arguments": 1.0, "f1_predicates": 1.0}
    wrong = certain([[A0, V, A1, O], [V, V, O, O]])
    assert scored(wrong, batch()) == {"f1_arguments": pytest.approx(1 / 2), "f1_predicates": pytest.approx(2 / 3)}
    assert built().headline in scored(right, batch())


def test_the_marked_word_stays_the_predicate_and_no_other_word_becomes_one() -> None:
    answers = built().decode(certain([[V, A0, V, V2], [A0, A1, A1_, O]]), batch())
    assert answers[0]["tags"][1] == "B-V"
    assert answers[0]["tags"].count("B-V") == 1
    assert set(answers[1]["tags"]) <= {"O", "B-V"}


def test_a_batch_without_any_mark_asks_for_predicates() -> None:
    fields = {**batch(), "mark_positions": torch.zeros(2, 0, dtype=torch.int64)}
    answers = built().decode(certain([[V, V, A0, O], [O, V, O, O]]), fields)
    assert [one["tags"][:2] for one in answers] == [["B-V", "B-V"], ["O", "B-V"]]


def test_gold_roles_that_are_no_class_are_learnt_as_outside_and_count_as_missed() -> None:
    strange = torch.tensor([[A0, V, len(NAMES), len(NAMES) + 1], [O, V, O, IGNORE]])
    fields = {**batch(), "tags": strange}
    assert built().gold(fields)[0].tolist() == [A0, V, O, O]
    assert scored(certain([[A0, V, O, O], [O, V, O, O]]), fields)["f1_arguments"] == pytest.approx(2 / 3)
    assert torch.isfinite(built().loss(torch.randn(2, 4, len(NAMES)), fields))


def test_words_that_were_cut_away_count_as_outside() -> None:
    fields = {**batch(), "word_positions": torch.tensor([[1, 2, -1, -1], [1, 2, 3, -1]])}
    assert scored(certain([[A0, V, A1, A1_], [O, V, O, O]]), fields)["f1_arguments"] == pytest.approx(2 / 3)


def test_rows_without_words_change_nothing() -> None:
    empty = {name: field[:, :0] for name, field in batch().items()}
    assert built().decode(torch.zeros(2, 0, len(NAMES)), empty) == [{"tags": []}, {"tags": []}]
    assert scored(torch.zeros(2, 0, len(NAMES)), empty) == {"f1_arguments": 0.0, "f1_predicates": 0.0}


@pytest.mark.parametrize("names", [("B-V", "I-V"), ("O", "B-ARG0")])
def test_classes_that_cannot_be_roles_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(KplmError, match="has no class .* Set data.task: roles"):
        built(names)


def test_the_segment_of_the_predicate_begins_apart_where_pretraining_left_it_close() -> None:
    encoder, head = tiny_encoder(), built()
    words, segments = (encoder.embeddings.terms[name].weight for name in ("input_ids", "segment_ids"))
    far = segments.detach().clone()
    head.begin(encoder, lambda names: [])
    assert torch.equal(segments, far)
    with torch.no_grad():
        segments[1] = segments[0] + 1e-3
    first = segments[0].detach().clone()
    head.begin(encoder, lambda names: [])
    assert torch.equal(segments[0], first)
    assert (segments[1] - first).norm() > words.std(0).norm() / 2


def test_its_choices_survive_a_checkpoint() -> None:
    again: Any = from_spec(to_spec(TagRoles(0.3)), TagRoles)
    assert again.dropout.p == 0.3
