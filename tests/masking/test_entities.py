"""Noise on entities: three cases, candidates from the batch, and what was there can be put back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.masking import EntityNoise


def slots(rows: list[list[int]]) -> dict[str, Tensor]:
    """A sentence slot, the entities of each row, empty slots."""
    width = max(map(len, rows)) + 1
    return {"entity_ids": torch.tensor([[0, *row, *([-1] * (width - 1 - len(row)))] for row in rows])}


entities = st.lists(st.lists(st.integers(1, 12), max_size=8), min_size=1, max_size=5)


@given(rows=entities, seed=st.integers(0, 99))
def test_every_aligned_entity_is_asked_for_and_nothing_else(rows: list[list[int]], seed: int) -> None:
    batch = slots(rows)
    out = EntityNoise()(batch, torch.Generator().manual_seed(seed))
    before, labels, candidates = batch["entity_ids"], out["entity_labels"], out["candidate_ids"]
    assert candidates.tolist() == sorted({0, *(entity for row in rows for entity in row)})
    known = before > 0
    assert torch.equal(labels != IGNORE, known)
    assert torch.equal(candidates[labels[known]], before[known])
    assert (labels[known] > 0).all(), "the zero vector is never right"
    assert torch.equal(out["entity_ids"][~known], before[~known]), "sentence slots and empty ones stay"
    assert torch.isin(out["entity_ids"][known], torch.cat([candidates[1:], torch.tensor([-1])])).all()


def test_a_batch_without_entities_has_no_label_and_only_the_zero_vector() -> None:
    out = EntityNoise()(slots([[], []]), torch.Generator().manual_seed(0))
    assert out["candidate_ids"].tolist() == [0]
    assert (out["entity_labels"] == IGNORE).all()


def test_five_per_cent_are_replaced_and_fifteen_removed() -> None:
    batch = slots([list(range(1, 501)) for _ in range(100)])
    out = EntityNoise()(batch, torch.Generator().manual_seed(0))
    before, after = batch["entity_ids"][:, 1:], out["entity_ids"][:, 1:]
    removed = (after == -1).float().mean().item()
    replaced = ((after != before) & (after > 0)).float().mean().item()
    assert removed == pytest.approx(0.15, abs=0.005)
    assert replaced == pytest.approx(0.05, abs=0.005)
    drawn = after[(after != before) & (after > 0)]
    assert len(drawn.unique()) > 480, "replacements come from all entities of the batch"


def test_shares_that_are_no_shares_are_refused() -> None:
    with pytest.raises(KplmError, match="sum to 1 or less"):
        EntityNoise(0.6, 0.6)
