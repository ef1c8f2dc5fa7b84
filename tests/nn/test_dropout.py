"""Dropout as torch's own, with other random numbers: what is dropped, how the rest is scaled, and that a seed decides it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from kplm.models import BaseEncoder
from kplm.nn.dropout import STEPS, Dropout, drop
from tests.parity.packed_systems import systems

KINDS = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
MANY = 2**20


def seeded(states: Tensor, share: float, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return drop(states, share)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_without_training_or_a_share_nothing_changes(share: float) -> None:
    states = torch.randn(3, 5, dtype=torch.float64)
    assert torch.equal(Dropout(share).eval()(states), states)
    assert torch.equal(Dropout(0.0).train()(states), states)
    assert not torch.equal(Dropout(0.5).train()(states), states)


def test_no_states_are_dropped_too() -> None:
    none = torch.zeros(2, 0, 3, requires_grad=True)
    drop(none, 0.5).sum().backward()
    assert none.grad is not None
    assert none.grad.shape == none.shape


def test_all_may_be_dropped() -> None:
    assert not drop(torch.randn(3, 5), 1.0).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.03, 0.1, 0.5, 0.9])
def test_the_share_is_dropped_and_the_rest_scaled_by_what_is_kept(kind: torch.dtype, share: float) -> None:
    found = seeded(torch.ones(MANY, dtype=kind), share).double()
    scale = STEPS / (STEPS - round(share * STEPS))
    assert set(found.unique().tolist()) == {0.0, torch.tensor(scale, dtype=kind).item()}
    spread = (share * (1 - share) / MANY) ** 0.5
    assert (found == 0).double().mean().item() == pytest.approx(share, abs=5 * spread)
    assert found.mean().item() == pytest.approx(1, abs=5 * spread / (1 - share) + torch.finfo(kind).eps)


def test_the_states_that_share_a_random_word_are_dropped_apart() -> None:
    lanes = (seeded(torch.ones(MANY), 0.5) == 0).double().view(-1, 4)
    spread = (0.25 / len(lanes)) ** 0.5
    assert torch.allclose(lanes.mean(0), torch.tensor(0.5).double(), rtol=0, atol=5 * spread)
    together = torch.corrcoef(lanes.T) - torch.eye(4)
    assert together.abs().max() < 5 / len(lanes) ** 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_is_dropped_where_its_state_is(kind: torch.dtype) -> None:
    states = torch.randn(7, 11, dtype=kind).requires_grad_()
    found = seeded(states, 0.3)
    found.backward(torch.ones_like(found))
    assert states.grad.dtype == kind
    assert torch.equal(states.grad, seeded(torch.ones_like(states), 0.3))
    assert torch.equal(states.grad == 0, found == 0)


def test_gradients_of_gradients_are_right() -> None:
    states = torch.randn(3, 5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: seeded(one, 0.4).square(), states)
    assert torch.autograd.gradgradcheck(lambda one: seeded(one, 0.4).square(), states)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_of_any_layout_the_same_states_are_dropped(kind: torch.dtype) -> None:
    states = torch.randn(6, 5, 7).to(kind)
    whole = seeded(states, 0.5)
    assert torch.equal(seeded(states.transpose(0, 2).contiguous().transpose(0, 2), 0.5), whole)
    assert torch.equal(seeded(states.expand(2, 6, 5, 7), 0.5)[0], whole)


def test_a_seed_repeats_and_a_saved_state_continues() -> None:
    states = torch.randn(33)
    assert torch.equal(seeded(states, 0.5), seeded(states, 0.5))
    assert not torch.equal(seeded(states, 0.5), seeded(states, 0.5, seed=1))
    kept = torch.get_rng_state()
    after = drop(states, 0.5)
    torch.set_rng_state(kept)
    assert torch.equal(drop(states, 0.5), after)


def test_under_autocast_the_type_of_the_states_stays() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        for kind in KINDS:
            assert Dropout(0.1)(torch.randn(4, 4, dtype=kind)).dtype == kind


def test_it_compiles_without_a_break() -> None:
    torch.compiler.reset()
    found = torch.compile(Dropout(0.5), fullgraph=True, backend="eager")(torch.ones(MANY).requires_grad_())
    assert found.detach().mean().item() == pytest.approx(1, abs=0.01)
    found.sum().backward()


@pytest.mark.parametrize("name", systems())
def test_every_system_drops_by_it(name: str) -> None:
    encoder: BaseEncoder = systems()[name]().encoder
    kinds = {type(part) for part in encoder.modules() if isinstance(part, nn.Dropout)}
    assert kinds == {Dropout}
