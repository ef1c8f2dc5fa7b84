"""Examples that share rows of the layers give what they give in rows of their own: states, losses and gradients of every system."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from kplm.data.packing import shared_rows
from kplm.errors import KplmError
from kplm.fields import IGNORE, PACKED
from kplm.heads import Classify, Tag
from kplm.nn.packing import Rows
from kplm.nn.pooling import Mean, SecondText
from tests.conftest import tiny_encoder
from tests.parity.packed_systems import CLOSE, System, Tensors, finetuned, packed, system, systems, text

NAMES = tuple(systems())
LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=5)
ROOMS = st.sampled_from(["rows", 1, 12, 20, 1000])


def learnt(own: System, batch: Tensors) -> tuple[Tensor, dict[str, Tensor | None]]:
    """The loss and the gradient of each weight."""
    parts = {"encoder": own.encoder, "top": own.top}
    weights = {f"{part}.{name}": weight for part, module in parts.items() for name, weight in module.named_parameters()}
    for weight in weights.values():
        weight.grad = None
    loss = own.loss(own.encoder, batch)
    loss.backward()
    return loss.detach(), {name: weight.grad for name, weight in weights.items()}


def check(own: System, batch: Tensors, room: Any) -> None:
    close, real = packed(own, batch, room), own.elements(batch)
    alone, together = own.encoder(batch), own.encoder(close)
    assert together.shape == alone.shape
    torch.testing.assert_close(together[:, : real.shape[1]][real], alone[:, : real.shape[1]][real], **CLOSE)
    (loss, grads), (close_loss, close_grads) = learnt(own, batch), learnt(own, close)
    torch.testing.assert_close(close_loss, loss, **CLOSE)
    assert close_grads.keys() == grads.keys()
    for name, grad in grads.items():
        torch.testing.assert_close(close_grads[name], grad, **CLOSE, msg=lambda told, name=name: f"{name}: {told}")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8)
@example([1], "rows")
@example([1, 1, 1], 1000)
@example([7, 7, 7], "rows")
@example([7, 7], 1000)
@example([9, 1, 3, 5, 2], 12)
@given(LENGTHS, ROOMS)
def test_states_losses_and_gradients_are_those_of_rows_of_their_own(name: str, lengths: list[int], room: Any) -> None:
    own = system(name)
    check(own, own.batch(lengths), room)


def tagged(lengths: list[int]) -> Tensors:
    fields = text(lengths)
    positions = fields["position_ids"].masked_fill(fields["document"] == 0, -1)
    return fields | {"word_positions": positions, "tags": (positions % 3).masked_fill(positions < 0, IGNORE)}


@pytest.mark.parametrize("head", [Classify, lambda: Classify(Mean()), lambda: Classify(SecondText()), Tag])
def test_heads_and_poolers_see_no_difference(head: Any) -> None:
    own = finetuned(tiny_encoder(), tagged, head())
    check(own, own.batch([9, 4, 4, 7, 1]), 16)


def test_padding_gets_no_state_and_another_example_gets_no_gradient() -> None:
    own = system("bert")
    batch = packed(own, own.batch([4, 3, 5]), 1000)
    embedded = own.encoder.embeddings(batch).detach().requires_grad_()
    rows = Rows.of(batch)
    states = rows.unpack(own.encoder.stack(rows.pack(embedded), own.encoder.relations(rows.fields(batch))))
    assert states[batch["document"] == 0].eq(0).all()
    states[1, :, 0].sum().backward()  # the sum over all of a LayerNorm would be constant
    assert embedded.grad[[0, 2]].eq(0).all()
    assert embedded.grad[1, 3:].eq(0).all()
    assert embedded.grad[1, :3].ne(0).any()


def test_moving_there_and_back_keeps_all_but_the_padding() -> None:
    document = torch.tensor([[1, 0, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 1, 2]])  # with holes, as of pictures
    batch = {"document": document, PACKED: shared_rows(np.array([3, 2, 2]), 5)}
    rows, states = Rows.of(batch), torch.randn(3, 5, 4)
    assert batch[PACKED].tolist() == [[1, 1, 1, 0], [2, 2, 3, 3]]
    close = rows.pack(states)
    assert torch.equal(close[0], torch.cat([states[0, [0, 2, 3]], torch.zeros(1, 4)]))
    assert torch.equal(close[1], torch.cat([states[1, :2], states[2, 3:]]))
    assert torch.equal(rows.unpack(close), states * (document > 0)[..., None])
    numbers = rows.fields(batch)["document"]
    assert len(numbers[numbers > 0].unique()) == 4, "three examples, one of them with two documents"
    assert torch.equal(
        states.flatten(0, 1)[Rows(document).places(torch.tensor([[2], [0], [4]])).flatten()],
        states[[0, 1, 2], [2, 0, 4]],
    )
    assert torch.equal(
        close.flatten(0, 1)[rows.places(torch.tensor([[2], [0], [4]])).flatten()], states[[0, 1, 2], [2, 0, 4]]
    )


def test_a_model_of_texts_alone_reads_rows_that_have_room_for_pictures_too() -> None:
    own = system("bert")
    batch = own.batch([4, 3, 5])
    roomy = {**batch, PACKED: shared_rows(np.array([6, 4, 9]), 1000)}
    real = own.elements(batch)
    torch.testing.assert_close(own.encoder(roomy)[real], own.encoder(batch)[real], **CLOSE)


@pytest.mark.parametrize("sizes", [[4, 3], [4, 3, 4], [4, 3, 5, 1]])
def test_rows_that_were_packed_for_other_examples_are_refused(sizes: list[int]) -> None:
    own = system("bert")
    batch = {**own.batch([4, 3, 5]), PACKED: shared_rows(np.array(sizes), 1000)}
    with pytest.raises(KplmError, match=r"packed_rows has room for .* they have \[4, 3, 5\]"):
        own.encoder(batch)


def test_an_encoder_compiles_for_packed_rows_without_a_break_in_its_graph() -> None:
    torch.compiler.reset()
    own = system("ernie_thu")
    batch = own.batch([6, 2, 4])
    given, real = packed(own, batch, 1000), own.elements(batch)
    whole = torch.compile(own.encoder, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(whole(given)[real], own.encoder(batch)[real], **CLOSE)
