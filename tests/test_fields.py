"""The collator pads by the field table and by nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kplm.data.collate import Collator
from kplm.errors import KplmError, did_you_mean
from kplm.fields import FIELDS, IGNORE

LETTERS = "LTSAECMNWRVKXQYZGP"


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_pads_with_its_own_value_and_type(name: str) -> None:
    field = FIELDS[name]
    if not field.shape:
        batch = Collator()([{name: 3}, {name: 4}])
        assert batch[name].tolist() == [3, 4]
        assert batch[name].dtype == field.dtype
        return
    small, large = np.ones([1] * len(field.shape)), np.ones([3] * len(field.shape))
    padded = Collator()([{name: small}, {name: large}])[name]
    assert padded.dtype == field.dtype
    assert padded.shape == (2, *large.shape)
    assert padded[1].eq(1).all()
    assert padded[0].eq(field.pad).sum() == large.size - 1 if field.pad != 1 else True
    assert padded[0].flatten()[0] == 1


def test_padding_never_looks_like_data() -> None:
    assert FIELDS["tags"].pad == FIELDS["label"].pad == FIELDS["mlm_labels"].pad == IGNORE == -100
    assert FIELDS["entity_ids"].pad == FIELDS["word_positions"].pad == -1
    assert FIELDS["document"].pad == 0
    assert all(field.meaning and set(field.shape) <= set(LETTERS) for field in FIELDS.values())


def test_an_unknown_field_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(KplmError, match=r"field 'lable' is not in kplm/fields.py.*Did you mean 'label'\?"):
        Collator()([{"lable": 1}])


def test_completing_steps_run_in_order_on_the_padded_batch() -> None:
    def add(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {**batch, "row": batch["row"] + 1}

    def double(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {**batch, "row": batch["row"] * 2}

    assert Collator([add, double])([{"row": 1}, {"row": 2}])["row"].tolist() == [4, 6]


ints = st.lists(st.integers(0, 1000), min_size=0, max_size=9)


@given(st.lists(st.tuples(ints, ints, st.integers(0, 9)), min_size=1, max_size=6))
def test_cutting_the_padding_off_gives_the_rows_back(rows: list[tuple[list[int], list[int], int]]) -> None:
    batch = Collator()([{"input_ids": ids, "tags": tags, "label": label} for ids, tags, label in rows])
    assert batch["input_ids"].shape == (len(rows), max(len(ids) for ids, _, _ in rows))
    for i, (ids, tags, label) in enumerate(rows):
        assert batch["input_ids"][i, : len(ids)].tolist() == ids
        assert batch["input_ids"][i, len(ids) :].eq(0).all()
        assert batch["tags"][i, : len(tags)].tolist() == tags
        assert batch["tags"][i, len(tags) :].eq(IGNORE).all()
        assert batch["label"][i] == label


def test_hints_name_the_closest_word_or_nothing() -> None:
    assert did_you_mean("lable", ["label", "text"]) == " Did you mean 'label'?"
    assert did_you_mean("xyz", ["label", "text"]) == ""
