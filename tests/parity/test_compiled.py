"""Encoders compile once, without a break, for batches of any shape, and look at no number that a GPU would be waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch._dynamo.utils import counters
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.func import functional_call
from torch.nn import Parameter

from kplm.data.packing import tell_visible
from kplm.fields import PACKED
from kplm.heads import Classify
from kplm.nn.visibility import Documents, Padding, Tree, by_fields
from kplm.training import Finetune
from tests.conftest import tiny_encoder
from tests.parity.packed_systems import CLOSE, SHORTENED, System, Tensors, some, systems

ENCODERS = ("bert", "kbert", "ernie_thu", "sensebert", "sembert as released", "vlbert")
"""Each once. SemBERT's other tag encoder is a GRU, whose packing torch does not compile."""
SHAPES = ([6, 2, 4, 9, 5, 1], [7, 3, 8, 7, 1, 2, 4], [8, 3, 8, 1])


def check_one_graph(own: System, ask: Callable[[Any, Tensors], Tensor]) -> None:
    """Compiled and plain, an encoder answers alike, and it is compiled once."""
    torch.compiler.reset()
    counters.clear()
    whole = torch.compile(own.encoder, fullgraph=True, dynamic=True, backend="eager")
    for lengths in SHAPES:
        batch = own.batch(lengths)
        torch.testing.assert_close(ask(whole, batch), ask(own.encoder, batch), **CLOSE)
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]


@pytest.mark.parametrize("name", ENCODERS)
def test_one_graph_serves_batches_of_all_shapes(name: str) -> None:
    own = systems()[name]()

    def real_states(encoder: Any, batch: Tensors) -> Tensor:
        real = own.elements(batch)
        return encoder(batch)[:, : real.shape[1]][real]

    check_one_graph(own, real_states)


@pytest.mark.parametrize("name", SHORTENED)
def test_one_graph_serves_heads_that_read_some_tokens(name: str) -> None:
    check_one_graph(systems()[name](), lambda encoder, batch: encoder(batch, some(batch)))


def test_a_run_compiles_for_all_shapes_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for asked, told in ((True, [{"dynamic": True}]), (False, [])):
        found: list[dict[str, Any]] = []
        model = Finetune(tiny_encoder(), Classify(), ["a", "b"], compile=asked)
        model.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, barebones=True)
        monkeypatch.setattr(model.encoder, "compile", lambda found=found, **how: found.append(how))
        model.setup("validate")
        assert found == told


def away(one: Tensor) -> Tensor:
    return torch.empty(one.shape, dtype=one.dtype, device="cuda")


@pytest.mark.parametrize("name", ENCODERS)
def test_no_encoder_waits_for_a_number_of_a_gpu(name: str) -> None:
    """Tensors that only pretend to be on one refuse to tell any."""
    own = systems()[name]()
    given = own.batch([6, 2, 4])
    with FakeTensorMode(allow_non_fake_inputs=True):
        weights = {key: Parameter(away(one), requires_grad=False) for key, one in own.encoder.state_dict().items()}
        batch = {key: away(one) for key, one in given.items()}
        with pytest.raises(DataDependentOutputException):
            bool(batch["document"].any())
        assert functional_call(own.encoder.train(), weights, (batch,)).device.type == "cuda"


def test_shapes_are_told_without_numbers() -> None:
    batch = {name: value.to("meta") for name, value in systems()["bert"]().batch([6, 2, 4]).items()}
    assert tiny_encoder().to("meta")(batch).shape == (3, 6, 32)


def test_the_rule_that_is_always_right_is_taken_where_one_cannot_look() -> None:
    one = torch.ones(2, 4, dtype=torch.long)
    plain, tree = {"document": one}, {"document": one, "branch": 0 * one, "anchor": 0 * one}
    assert isinstance(by_fields(plain), Padding)
    assert isinstance(by_fields(tree), Padding)
    assert isinstance(by_fields({**tree, "branch": one}), Tree)
    assert by_fields({"document": one.cumsum(1)}).sparse
    away = by_fields({name: value.to("meta") for name, value in plain.items()})
    assert isinstance(away, Documents)
    assert not away.sparse
    told = {name: value.to("meta") for name, value in tell_visible(tree).items()}
    assert isinstance(by_fields(told), Padding)
    assert by_fields({**plain, PACKED: one}).sparse
    assert isinstance(by_fields({name: value.to("meta") for name, value in tree.items()}), Tree)
