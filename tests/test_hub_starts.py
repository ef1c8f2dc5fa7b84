"""Every system starts with the same options, from BERT and from itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch

from kplm import hub
from kplm.errors import CheckpointError, KplmError
from kplm.hub import save_pretrained
from kplm.models import BaseEncoder
from tests.kg import small_wordnet
from tests.models.sensebert_words import bert_folder

SHARED = {"attention": None, "dropout": None, "attention_dropout": None, "revision": None, "local_files_only": False}
OWN: dict[str, dict[str, Any]] = {
    "bert": {},
    "ernie_thu": {"entity_width": 8, "entity_heads": 2},
    "sembert": {},
    "sensebert": {"wordnet": "wordnet"},
    "vlbert": {"feature_width": 6, "region_classes": 3, "geometry_width": 8},
}
each = pytest.mark.parametrize("system", OWN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with its tokenizer in ``bert``, and a WordNet."""
    found = tmp_path_factory.mktemp("starts")
    bert_folder(found / "bert")
    small_wordnet.write(found / "wordnet")
    return found


@pytest.fixture
def start(system: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BaseEncoder]:
    """The start of a system, with small sizes of its own."""
    monkeypatch.chdir(folder)
    return partial(getattr(hub, system), **OWN[system])


@each
def test_the_shared_options_have_the_same_names_and_defaults(system: str) -> None:
    places = signature(getattr(hub, system)).parameters
    assert {name: places[name].default for name in SHARED} == SHARED
    assert [*places][-len(SHARED) :] == [*SHARED], "behind those of the system"


@each
def test_a_start_from_bert_and_one_from_itself_take_them(start: Callable[..., BaseEncoder], tmp_path: Path) -> None:
    plain = start("bert")
    options = {"attention": "sdpa", "dropout": 0.25, "attention_dropout": 0.5}
    from_bert, from_itself = start("bert", **options), start(str(save_pretrained(plain, tmp_path / "own")), **options)
    for found in (from_bert, from_itself):
        assert type(found) is type(plain)
        assert vars(found.config) == {**vars(plain.config), **options}
    words = "embeddings.terms.input_ids.weight"
    assert torch.equal(from_bert.get_parameter(words), plain.get_parameter(words))
    assert all(torch.equal(weight, plain.state_dict()[name]) for name, weight in from_itself.state_dict().items())


@each
def test_dropout_alone_is_that_of_attention_too(start: Callable[..., BaseEncoder]) -> None:
    found = start("bert", dropout=0.0).config
    assert (found.dropout, found.attention_dropout) == (0.0, 0.0)
    found = start("bert", attention_dropout=0.0).config
    assert (found.dropout, found.attention_dropout) == (start("bert").config.dropout, 0.0)


@each
def test_what_is_no_kernel_no_share_or_not_there_is_refused(start: Callable[..., BaseEncoder]) -> None:
    with pytest.raises(KplmError, match="attention 'sdp' is not known; possible are auto, sdpa, flex"):
        start("bert", attention="sdp")
    with pytest.raises(KplmError, match="attention_dropout=1.5; it is a share"):
        start("bert", attention_dropout=1.5)
    with pytest.raises(CheckpointError, match=r"is not in the local cache|cannot be reached"):
        start("no-such/model-here", local_files_only=True, revision="v1")
