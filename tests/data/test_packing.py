"""Which examples share a row: each stands once and in one piece, rows are about as long, and little is padded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kplm.data.module import TextData
from kplm.data.packing import PackRows, padded_share, row_steps, shared_rows, tell_visible
from kplm.data.pretraining import CorpusData
from kplm.data.sources import JsonLines
from kplm.errors import KplmError
from kplm.fields import ALL_VISIBLE, FIELDS, PACKED
from kplm.masking import MaskWords, WholeWords
from kplm.nn.visibility import by_fields

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=24)


def batch_of(sizes: list[int]) -> dict[str, torch.Tensor]:
    return {"document": (torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]).long()}


@given(SIZES, st.sampled_from(["rows", 1, 64, 200]))
def test_each_example_stands_once_and_in_one_piece(sizes: list[int], packing: Any) -> None:
    rows = shared_rows(np.array(sizes), packing)
    assert rows.dtype == FIELDS[PACKED].dtype
    for number, size in enumerate(sizes, 1):
        row, place = (rows == number).nonzero(as_tuple=True)
        assert len(place) == size
        assert row.eq(row[0]).all()
        assert torch.equal(place, torch.arange(size) + place[0])


@given(SIZES, st.sampled_from([1, 64, 200]))
def test_no_row_is_wider_than_asked_for_or_than_the_longest_example(sizes: list[int], room: int) -> None:
    rows = shared_rows(np.array(sizes), room)
    assert rows.shape[1] <= max(room, max(sizes))
    if max(room, max(sizes)) < 2 * min(sizes):
        assert len(rows) == len(sizes)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.booleans())
def test_a_batch_says_that_all_is_visible_only_where_it_is(numbers: list[int], tree: bool) -> None:
    numbered = torch.tensor([numbers])
    batch = {"document": numbered}
    if tree:
        batch = {"document": torch.ones_like(numbered), "branch": numbered, "anchor": 0 * numbered}
    real, found = batch["document"] != 0, tell_visible(batch)
    assert (ALL_VISIBLE in found) == (max(numbers) <= (0 if tree else 1))
    if ALL_VISIBLE in found:
        assert found[ALL_VISIBLE].tolist() == [1]
        assert by_fields(batch).dense()[real[:, :, None] & real[:, None, :]].all()


@given(SIZES)
def test_packing_never_adds_positions(sizes: list[int]) -> None:
    batch = batch_of(sizes)
    found = PackRows("rows")(batch)
    assert found.keys() - {PACKED} == batch.keys()
    assert found.get(PACKED, torch.zeros(1, 0)).numel() < batch["document"].numel()


@pytest.mark.parametrize("sizes", [[7], [1, 1, 1], [5, 5, 5, 5]])
def test_a_batch_without_padding_stays_as_it_is(sizes: list[int]) -> None:
    batch = batch_of(sizes)
    assert PackRows("rows")(batch) is batch
    assert PackRows(512)(batch) is batch


DRAWN = {
    "relations": lambda random: random.normal(36, 10, 32).clip(10, 80),
    "sentences": lambda random: random.lognormal(3.3, 0.6, 32).clip(4, 200),
    "trees": lambda random: random.lognormal(4.3, 0.4, 16).clip(20, 256),
    "any": lambda random: random.integers(4, 128, 32),
}


@pytest.mark.parametrize("packing", ["rows", 512])
@pytest.mark.parametrize("name", DRAWN)
def test_less_than_a_twentieth_is_padding(name: str, packing: Any) -> None:
    """Of batches that were not sorted by length; the first number is what they would pad in rows of their own."""
    random = np.random.default_rng(0)
    drawn = [DRAWN[name](random).astype(np.int64) for _ in range(20)]
    rows = [shared_rows(sizes, packing) for sizes in drawn]
    alone = 1 - sum(sizes.sum() for sizes in drawn) / sum(len(sizes) * sizes.max() for sizes in drawn)
    shares = [padded_share(one) for one in rows]
    assert alone > 0.3
    assert np.mean(shares) < 0.05


def test_regions_and_the_end_count() -> None:
    batch = batch_of([5, 2]) | {"regions": torch.tensor([[1, 1, 1], [1, 0, 0]])}
    rows = PackRows(1000)(batch)[PACKED]
    assert rows.tolist() == [[1] * (5 + 3 + 1) + [2] * (2 + 1 + 1)]


@pytest.mark.parametrize("packing", [0, -3])
def test_rows_without_room_are_refused(packing: int) -> None:
    with pytest.raises(KplmError, match=f"data.packing={packing}; possible are 'none', 'rows' and the positions"):
        row_steps(packing)


def test_tasks_pack_when_asked(class_files: dict[str, str], tiny_bert: Path) -> None:
    found = {}
    for packing in ("none", "rows"):
        data = TextData(JsonLines(), str(tiny_bert), **class_files, packing=packing, batch_rows=16, seed=1)
        data.setup("fit")
        [*found[packing]] = data.val_dataloader()
    assert not any(PACKED in batch for batch in found["none"])
    assert any(PACKED in batch for batch in found["rows"])
    for plain, packed in zip(found["none"], found["rows"]):
        assert all(torch.equal(value, packed[name]) for name, value in plain.items())


def test_pretraining_packs_when_asked(corpora: dict[str, str]) -> None:
    data = CorpusData(corpora["train"], maskers=[MaskWords(WholeWords())], packing=128, batch_rows=8)
    data.setup("fit")
    batches = list(data.train_dataloader())
    assert any(PACKED in batch for batch in batches)
    for batch in batches:
        if PACKED in batch:
            assert batch[PACKED].ne(0).sum() == batch["document"].ne(0).sum()
