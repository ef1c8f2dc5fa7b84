"""What a graph tells about an entity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import KgError, Name, TripleStore
from kg.facts import Facts, Selection
from kg.shuffle import one_cycle

TRIPLES = [
    ("Q1", "P1", "Q2"),
    ("Q1", "P2", "Q3"),
    ("Q1", "P1", "Q4"),
    ("Q2", "P2", "Q4"),
    ("Q3", "P2", "Q4"),
]
NAMES = {"Q1": Name("Rome"), "Q2": Name("Italy"), "Q3": Name("city"), "Q4": Name("Europe")}


@pytest.fixture
def store() -> TripleStore:
    return TripleStore.from_triples(TRIPLES, NAMES)


def test_triples_come_in_the_order_of_the_file_up_to_the_cap(store: TripleStore) -> None:
    assert Facts(store, Selection(most=2)).texts("Q1") == ["P1 Italy", "P2 city"]
    assert Facts(store, Selection(most=9)).texts("Q1") == ["P1 Italy", "P2 city", "P1 Europe"]
    assert Facts(store, Selection(most=0)).texts("Q1") == []
    assert Facts(store, Selection()).texts("Q4") == Facts(store, Selection()).texts("nobody") == []


def test_order_by_the_degree_of_the_tail(store: TripleStore) -> None:
    words = {"most": 1, "words": "{tail}"}
    assert Facts(store, Selection(order="degree", **words)).texts("Q1") == ["Europe"]
    assert Facts(store, Selection(order="rare", **words)).texts("Q1") == ["Italy"]


def test_relations_are_filtered_by_id_or_label(store: TripleStore) -> None:
    facts = Facts(store, Selection(relations=["P2"]))
    assert facts.texts("Q1") == ["P2 city"]
    assert [facts.tells(entity) for entity in ("Q1", "Q2", "Q4", "nobody")] == [True, True, False, False]
    with pytest.raises(KgError, match="no relation 'P3'. Possible: P1, P2"):
        Facts(store, Selection(relations=["P3"]))


def test_the_same_words_are_told_once_and_the_cap_counts_words() -> None:
    twice = TripleStore.from_triples([("a", "r", "x"), ("a", "s", "x"), ("a", "r", "y")])
    assert Facts(twice, Selection(words="{tail}")).texts("a") == ["x", "y"]
    assert Facts(twice, Selection(words="{head}{relation}{tail}")).texts("a") == ["arx", "asx"]


def test_ids_without_a_name_are_told_with_blanks_and_labels_as_they_are() -> None:
    store = TripleStore.from_triples(
        [("New_York", "_part_of", "the_state"), ("New_York", "_in", "Q1")], {"Q1": Name("A_b")}
    )
    assert Facts(store, Selection()).texts("New_York") == ["part of the state", "in A_b"]


def test_ten_thousand_triples_of_one_entity_cost_no_more_than_what_is_told() -> None:
    store = TripleStore.from_triples([("hub", "r", f"t{i}") for i in range(10_000)])
    assert Facts(store, Selection(most=3, words="{tail}")).texts("hub") == ["t0", "t1", "t2"]


def test_shuffled_facts_are_those_of_another_and_all_are_told_once(store: TripleStore) -> None:
    plain = Facts(store, Selection(most=9))
    other = plain.shuffled(seed=0)
    told = [tuple(other.texts(entity)) for entity in ("Q1", "Q2", "Q3")]
    assert all(tuple(plain.texts(entity)) != found for entity, found in zip(("Q1", "Q2", "Q3"), told[:1]))
    assert sorted(told) == sorted(tuple(plain.texts(entity)) for entity in ("Q1", "Q2", "Q3"))
    assert other.texts("Q4") == []
    assert [plain.shuffled(seed=0).texts(e) for e in ("Q1", "Q2")] == [other.texts(e) for e in ("Q1", "Q2")]


@given(st.integers(2, 50), st.integers(0, 5))
def test_a_cycle_leaves_nothing_in_its_place(count: int, seed: int) -> None:
    found = one_cycle(count, seed)
    assert sorted(found) == list(range(count))
    assert not (found == np.arange(count)).any()


def test_selections_that_make_no_sense_are_refused() -> None:
    with pytest.raises(KgError, match="no order 'fil'. Did you mean 'file'"):
        Selection(order="fil")  # type: ignore[arg-type]
    with pytest.raises(KgError, match="cannot tell -1 triples"):
        Selection(most=-1)
    with pytest.raises(KgError, match=r"'\{object\}' cannot be filled in"):
        Selection(words="{object}")
