"""Which rows make a batch: all of them, once, within the budget, in an order that can be repeated and resumed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kplm.data.batches import LengthBatches, OwnShare, padding_share
from kplm.errors import KplmError

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=120)


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


@given(sizes, st.integers(40, 200), st.integers(1, 9), st.integers(0, 3))
def test_every_row_once_an_epoch_within_both_budgets(lengths: list[int], tokens: int, rows: int, seed: int) -> None:
    sampler = LengthBatches(lengths, tokens, rows, seed)
    for _ in range(3):
        batches = list(sampler)
        assert sorted(flat(batches)) == list(range(len(lengths)))
        assert len(batches) == len(sampler), "trainers count on as many batches in every epoch"
        assert all(0 < len(batch) <= rows for batch in batches)
        assert all(len(batch) * max(lengths[row] for row in batch) <= tokens for batch in batches)


@given(sizes, st.integers(2, 3))
def test_several_ranks_cover_all_rows_in_equally_many_batches(lengths: list[int], ranks: int) -> None:
    if len(lengths) < ranks:
        with pytest.raises(KplmError, match=f"{len(lengths)} training rows cannot feed {ranks} processes"):
            LengthBatches(lengths, 80, 4, 0, 0, ranks)
        return
    for epoch in range(2):
        shares = []
        for rank in range(ranks):
            sampler = LengthBatches(lengths, 80, 4, 0, rank, ranks)
            for _ in range(epoch):
                list(sampler)
            shares.append(list(sampler))
        assert len({len(share) for share in shares}) == 1
        seen = Counter(row for share in shares for row in flat(share))
        assert set(seen) == set(range(len(lengths)))
        assert sum(seen.values()) - len(lengths) < ranks, "at most a rank's worth of single rows is given out twice"


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = np.random.default_rng(0).integers(5, 30, 200)
    one, same, other = (LengthBatches(lengths, 120, 8, seed) for seed in (3, 3, 4))
    first, second = list(one), list(one)
    assert first == list(same)
    assert second == list(same)
    assert first != second
    assert first != list(other)


@given(sizes, st.integers(0, 30), st.integers(0, 2))
def test_it_resumes_with_exactly_the_remaining_batches(lengths: list[int], taken: int, epochs: int) -> None:
    whole = LengthBatches(lengths, 60, 4)
    for _ in range(epochs):
        list(whole)
    given_out = iter(whole)
    for _ in range(min(taken, len(whole) - 1)):
        next(given_out)
    again = LengthBatches(lengths, 60, 4)
    again.load_state_dict(whole.state_dict())
    if whole.state_dict()["position"] < len(whole):
        assert list(given_out) == list(again)
    assert list(whole) == list(again), "and with the same next epoch"


def test_a_trainer_that_stops_after_the_last_batch_still_gets_the_next_epoch() -> None:
    """Lightning counts batches and never asks for the one after the last."""
    counted, exhausted = LengthBatches([5] * 40, 100, 4), LengthBatches([5] * 40, 100, 4)
    for _ in range(3):
        batches = iter(counted)
        assert [next(batches) for _ in range(len(counted))] == list(exhausted)


def test_little_is_padded_on_realistic_lengths_in_every_epoch_and_as_many_batches_each() -> None:
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(3.4, 0.5, 9000).astype(int), 10, 120)
    sampler = LengthBatches(lengths, 2048, 32)
    counts = set()
    for _ in range(4):
        batches = list(sampler)
        counts.add(len(batches))
        assert padding_share(lengths, batches) <= 0.10
    assert len(counts) == 1


def test_padding_share_by_hand() -> None:
    assert padding_share([1, 3, 4], [[0, 1], [2]]) == pytest.approx(2 / 10)
    assert padding_share([2, 2], [[0, 1]]) == 0


def test_a_row_longer_than_the_budget_is_refused_with_the_fix() -> None:
    with pytest.raises(
        KplmError, match=r"longest row has 50 tokens.*Raise data.batch_tokens, or lower data.max_length"
    ):
        LengthBatches([3, 50], 40, 4)


@given(sizes, st.integers(1, 4), st.integers(10, 100), st.integers(1, 9))
def test_evaluation_shares_are_an_exact_partition(lengths: list[int], ranks: int, tokens: int, rows: int) -> None:
    shares = [list(OwnShare(lengths, tokens, rows, rank, ranks)) for rank in range(ranks)]
    assert sorted(row for share in shares for row in flat(share)) == list(range(len(lengths)))
    assert all(len(share) == len(OwnShare(lengths, tokens, rows, rank, ranks)) for rank, share in enumerate(shares))
    for batch in (batch for share in shares for batch in share):
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= tokens
        assert len(batch) <= rows
