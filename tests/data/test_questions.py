"""The choices of a question are never parted: not by batches, not by shuffling, not by ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kplm.data.batches import Drawn, LengthBatches
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example
from kplm.data.module import TextData
from kplm.data.questions import QuestionCollator, Questions
from kplm.data.sources import JsonLines
from kplm.data.targets import ChoiceTargets
from kplm.errors import LabelError
from kplm.text import Tokenizer
from tests.conftest import write_rows


class Choices:
    """Rows of given lengths that remember which epoch they were asked for."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths, self.positions = np.array(lengths), max(lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: Any) -> dict[str, Any]:
        row, epoch = index if isinstance(index, tuple) else (index, -1)
        return {"input_ids": np.ones(self.lengths[row]), "row": row, "epoch": epoch}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=40), st.integers(1, 3))
def test_every_question_is_whole_in_one_batch_within_the_budget(rows: list[tuple[int, int]], most: int) -> None:
    groups, lengths = [group for group, _ in rows], [length for _, length in rows]
    found = Questions(Choices(lengths), groups)
    tokens = 2 * int(found.lengths.max())
    seen = []
    for batch in LengthBatches(found.lengths, tokens, most):
        assert len(batch) <= most
        padded = QuestionCollator(Collator())([found[question] for question in batch])
        assert padded["input_ids"].numel() <= tokens
        of = {groups[row] for row in padded["row"].tolist()}
        assert sorted(padded["row"].tolist()) == [row for row, group in enumerate(groups) if group in of]
        seen += padded["row"].tolist()
    assert sorted(seen) == list(range(len(rows)))


def test_a_row_is_asked_for_with_the_epoch_of_its_question() -> None:
    found = Questions(Choices([3, 3, 3, 3]), [0, 1, 0, 1])
    batches = Drawn(LengthBatches(found.lengths, 99, 9))
    for epoch in range(2):
        [batch] = list(batches)
        assert {row["epoch"] for question in batch for row in found[question]} == {epoch}
    assert [row["epoch"] for row in found[0]] == [-1, -1]


def test_questions_are_numbered_and_rows_without_one_stand_alone(tokenizer: Tokenizer) -> None:
    encode = TextEncoder(tokenizer, targets=ChoiceTargets(["right", "wrong"]))
    rows = encode(
        [
            *(Example("rome", label="wrong", group=group) for group in ("b", "a", "b")),
            *(Example("rome"), Example("rome"), Example("rome", label="right", group="a")),
        ]
    )
    groups = [row["group"] for row in rows]
    assert groups[0] == groups[2]
    assert groups[1] == groups[5]
    assert len(set(groups)) == 4
    assert [row["label"] for row in rows][:2] == [1, 1]
    with pytest.raises(LabelError, match=r"^x:3: the choice has no group"):
        encode([Example("rome", label="right", where="x:3")])


def test_the_data_module_gives_whole_questions(tmp_path: Path, tiny_bert: Path) -> None:
    rows = [
        {"text": "rome was", "pair": " ".join(["good"] * (1 + n)), "label": ("right", "wrong")[n > 0], "group": f"q{i}"}
        for n in range(4)
        for i in range(5)
    ]
    path = write_rows(tmp_path / "train.jsonl", rows)
    data = TextData(JsonLines(), str(tiny_bert), "choices", str(path), str(path), predict=str(path), batch_rows=2)
    data.setup("fit")
    data.setup("predict")
    for loader in (data.train_dataloader(), data.val_dataloader(), data.predict_dataloader()):
        batches = list(loader)
        assert len(batches) > 1
        for batch in batches:
            _, counts = batch["group"].unique(return_counts=True)
            assert counts.eq(4).all()
        assert torch.cat([batch["row"] for batch in batches]).sort().values.tolist() == list(range(20))
    assert data.positions == max(len(row["input_ids"]) for row in data._rows["train"].rows.rows)
