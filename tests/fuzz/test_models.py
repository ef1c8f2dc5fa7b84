"""Every reader of models answers any file, or says with an error of ours why it does not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import kplm
from kplm.convert.weights import read_weights
from kplm.data.encode import TextEncoder
from kplm.heads import Classify
from kplm.hub import export, from_pretrained, save_pretrained
from kplm.nn.pooling import First
from kplm.text import Tokenizer
from kplm.training import Finetune
from tests.conftest import tiny_encoder
from tests.fuzz.hostile import QUICK, Case, answers, changed_json, contents
from tests.fuzz.test_graphs import changed_headers, files_of

LARGE = (10**18, 10**30, 10**400)
"""Sizes that would only show how much memory there is."""


def configs(files: dict[str, bytes]) -> Iterator[bytes]:
    """The config of a model with one change in five of those that it may have."""
    return islice(changed_json(files["it/config.json"]), 0, None, 5)


def saved_tensors() -> bytes:
    file = io.BytesIO()
    torch.save({"a": torch.ones(2, 3), "b": torch.zeros(1)}, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def fine_tuned(tokenizer: Tokenizer) -> dict[str, bytes]:
    """The files of a fine-tuned model."""
    model = Finetune(tiny_encoder(layers=1), Classify(First()), ("a", "b"))
    model.text = TextEncoder(tokenizer).describe() | {"task": "class"}
    return files_of(lambda folder: save_pretrained(model, folder))


@pytest.fixture(scope="module")
def bert(tiny_bert: Path) -> dict[str, bytes]:
    """The files of a BERT of Hugging Face."""
    return {f"it/{path.name}": path.read_bytes() for path in tiny_bert.iterdir()}


def test_models_are_read(fine_tuned: dict[str, bytes], bert: dict[str, bytes]) -> None:
    assert answers(Case("ours", fine_tuned, lambda folder: kplm.load(folder / "it").predict(["rome"])), {})
    assert answers(Case("theirs", bert, lambda folder: from_pretrained(folder / "it")), {})


@pytest.mark.parametrize("kind", ["fine_tuned", "bert"])
def test_any_value_in_any_place_of_a_config_is_read_or_refused(kind: str, request: pytest.FixtureRequest) -> None:
    files: dict[str, bytes] = request.getfixturevalue(kind)
    read: Callable[[Path], object] = kplm.load if kind == "fine_tuned" else from_pretrained
    for one in configs(files):
        if not any(str(size) in one.decode() for size in LARGE):
            answers(Case(kind, files, lambda folder: read(folder / "it")), {"it/config.json": one})


def test_weights_with_a_changed_header_are_read_or_refused(bert: dict[str, bytes]) -> None:
    for one in islice(changed_headers(bert["it/model.safetensors"]), 0, None, 4):
        answers(Case("bert", bert, lambda folder: from_pretrained(folder / "it")), {"it/model.safetensors": one})


@QUICK
@given(data=st.data())
def test_changed_bytes_of_tensors_are_read_or_refused(data: st.DataObject) -> None:
    content = data.draw(contents(saved_tensors()))
    answers(Case("weights", {"a.bin": content}, lambda folder: read_weights(folder / "a.bin")), {})
    answers(Case("run", {"a.ckpt": content}, lambda folder: from_pretrained(folder / "a.ckpt")), {})


def test_what_a_checkpoint_tells_of_itself_may_be_anything(fine_tuned: dict[str, bytes]) -> None:
    for one in configs(fine_tuned):
        if not any(str(size) in one.decode() for size in LARGE):
            file = io.BytesIO()
            torch.save({"kplm": json.loads(one), "state_dict": {}}, file)
            answers(
                Case("run", {"a.ckpt": file.getvalue()}, lambda folder: export(folder / "a.ckpt", folder / "out")), {}
            )
