"""Every reader of the authors' checkpoints answers any file, or says with an error of ours why it does not."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kplm.convert import ernie_thu, kbert, sembert, vlbert
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError
from tests.fuzz.hostile import Case, answers, changed_json

GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True)
class Shipped:
    """A recorded checkpoint: its folder, its config, weights and vocabulary, and who reads it."""

    folder: str
    config: str
    weights: str
    vocabulary: str
    read: Callable[[Path], object]

    def __str__(self) -> str:
        return self.folder

    def files(self) -> dict[str, bytes]:
        folder, words = GOLDEN / self.folder, b"".join(b"w%d\n" % i for i in range(20))
        return {name: (folder / name).read_bytes() for name in (self.config, self.weights)} | {self.vocabulary: words}

    def case(self) -> Case:
        return Case(self.folder, self.files(), self.read)


SHIPPED = (
    Shipped("ernie_thu/typing", "ernie_config.json", "pytorch_model.bin", "vocab.txt", ernie_thu.read),
    Shipped("kbert/model_a", "config.json", "model.bin", "google_vocab.txt", kbert.read),
    Shipped("sembert/case2_single_bigru", "bert_config.json", "pytorch_model.bin", "vocab.txt", sembert.read),
    Shipped("vlbert/vqa_head", "config.json", "model.bin", "vocab.txt", vlbert.read),
)
each = pytest.mark.parametrize("shipped", SHIPPED, ids=str)


def saved(state: dict[str, Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def changed_shapes(state: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The weights with each tensor in turn of another shape, and without it."""
    for name in state:
        for other in (torch.tensor(1.0), torch.zeros(0), torch.zeros(3), torch.zeros(0, 2), torch.zeros(2, 2, 2)):
            yield {**state, name: other}
        yield {key: tensor for key, tensor in state.items() if key != name}


@each
def test_the_recorded_ones_are_read(shipped: Shipped) -> None:
    assert answers(shipped.case(), {})


@each
def test_any_value_in_any_place_of_the_settings_is_read_or_refused(shipped: Shipped) -> None:
    case = shipped.case()
    for one in islice(changed_json(case.files[shipped.config]), 0, None, 37):
        answers(case, {shipped.config: one})


@each
def test_tensors_of_any_shape_are_read_or_refused(shipped: Shipped) -> None:
    case = shipped.case()
    state = read_weights(GOLDEN / shipped.folder / shipped.weights)
    for one in islice(changed_shapes(state), 0, None, 23):
        answers(case, {shipped.weights: saved(one)})


@each
@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"[" * 100_000])
def test_what_lies_beside_the_weights_may_hold_any_bytes(shipped: Shipped, content: bytes) -> None:
    answers(shipped.case(), {shipped.vocabulary: content})
    assert not answers(shipped.case(), {shipped.config: content})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_hidden_layers": "two"}, r"num_hidden_layers is 'two'; it must be a whole number of 1 or more"),
        ({"num_attention_heads": 0}, r"num_attention_heads is 0; it must be a whole number of 1 or more"),
        ({"hidden_dropout_prob": None}, r"hidden_dropout_prob is None; it must be a number of 0 or more"),
        ({"num_hidden_layers": 10**9}, r"1000000000 layers cannot be told by \d+ tensors"),
        ({"intermediate_size": 10**7}, r"it asks for [\d,]+ numbers, but the weights are [\d,]+"),
        ({"hidden_size": 10**30}, r"hidden_size is far too large"),
        ({"layer_types": [1]}, "layer 0 is .1. but has the keys of .sim."),
    ],
)
def test_an_error_names_the_file_the_field_and_the_fix(change: dict[str, object], said: str, tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN / "ernie_thu" / "typing", tmp_path / "it")
    content = json.loads((folder / "ernie_config.json").read_text())
    (folder / "ernie_config.json").write_text(json.dumps(content | change))
    with pytest.raises(CheckpointError, match=said) as error:
        ernie_thu.read(folder)
    assert str(folder / "ernie_config.json") in str(error.value)
