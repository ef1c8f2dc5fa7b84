"""What reads some tokens only gets the states it would get of all, with the same gradients, and the last layer computes no others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from kplm.heads import Answer, Classify
from kplm.models import Encoder
from kplm.nn.attend import Scaled
from kplm.nn.layer import EncoderLayer
from kplm.nn.pooling import First, FirstAndMarked, Marked, MaxPooler, Mean, Pooling, SecondText, taken
from kplm.nn.relations import Relations
from kplm.nn.stack import LayerStack
from kplm.nn.visibility import Documents, Padding, Tree, Visibility
from tests.conftest import tiny_encoder
from tests.parity.packed_systems import (
    CLOSE,
    SHORTENED,
    System,
    Tensors,
    finetuned,
    packed,
    some,
    system,
    systems,
    text,
)

NAMES = tuple(systems())


def learnt(module: nn.Module, states: Tensor) -> list[Tensor]:
    """The gradient of each weight of a sum that tells the states apart; zero where there is none."""
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    total = (states * torch.linspace(-1, 1, states.numel(), dtype=states.dtype).view_as(states)).sum()
    grads = torch.autograd.grad(total, weights, allow_unused=True)
    return [torch.zeros_like(weight) if grad is None else grad for weight, grad in zip(weights, grads)]


def check(own: System, batch: Tensors, positions: Tensor) -> None:
    all_states = own.encoder.tokens(own.encoder(batch), batch)
    few, expected = own.encoder(batch, positions), taken(all_states, positions)
    torch.testing.assert_close(few, expected, **CLOSE)
    for grad, other in zip(learnt(own.encoder, few), learnt(own.encoder, expected), strict=True):
        torch.testing.assert_close(grad, other, **CLOSE)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5)
@example([1], 1)
@example([9, 4, 4, 7, 1], 3)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 4))
def test_every_system_gives_the_states_of_some_tokens(name: str, lengths: list[int], count: int) -> None:
    own = system(name)
    batch = own.batch(lengths)
    check(own, batch, some(batch, count))


@pytest.mark.parametrize("name", NAMES)
def test_also_of_examples_that_share_rows(name: str) -> None:
    own = system(name)
    batch = own.batch([9, 4, 4, 7, 1])
    positions = some(batch)
    torch.testing.assert_close(own.encoder(packed(own, batch, 1000), positions), own.encoder(batch, positions), **CLOSE)


@pytest.mark.parametrize("name", SHORTENED)
def test_the_last_layer_computes_no_other_states(name: str) -> None:
    own, seen = system(name), []
    batch = own.batch([9, 4, 7])
    thoughts = [layer.think for layer in own.encoder.stack.layers]
    hooks = [one.register_forward_hook(lambda _, inputs, out: seen.append(tuple(out.shape[:2]))) for one in thoughts]
    own.encoder(batch, some(batch, 2))
    for hook in hooks:
        hook.remove()
    assert seen[-1] == (3, 2)
    assert len(seen) > 1
    assert all(shape[1] >= 9 for shape in seen[:-1])


@pytest.mark.parametrize("attention", ["auto", "sdpa", "flex"])
@pytest.mark.filterwarnings("ignore:flex_attention called without")
def test_with_every_kernel(attention: str) -> None:
    encoder = tiny_encoder(attention=attention).double().eval()
    batch = text([9, 4, 7])
    with torch.no_grad():
        torch.testing.assert_close(encoder(batch, some(batch)), taken(encoder(batch), some(batch)), **CLOSE)


class Alone(Scaled):
    """A rule of somebody else's that can only be asked for all positions."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, relations: Relations, dropout: float) -> Tensor:
        assert q.shape == k.shape
        return super().forward(q, k, v, relations, dropout)


class Short(nn.Module):
    """A stack of somebody else's, which takes two arguments."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, hidden: Tensor, relations: Relations) -> Tensor:
        return self.inner(hidden, relations)


def test_rules_and_stacks_that_are_handed_in_are_asked_for_all() -> None:
    config, batch = tiny_encoder().config, text([9, 4, 7])
    stack = Short(LayerStack(EncoderLayer(config) for _ in range(2)))
    for encoder in (Encoder(config, attend=Alone), Encoder(config, stack=stack)):
        encoder.double().eval()
        torch.testing.assert_close(encoder(batch, some(batch)), taken(encoder(batch), some(batch)), **CLOSE)


@pytest.mark.parametrize("kind", [Padding, Documents, Tree])
@given(seed=st.integers(0, 1000), rows=st.integers(1, 3), length=st.integers(1, 12), count=st.integers(1, 5))
def test_the_mask_of_some_queries_is_that_of_all(kind: Any, seed: int, rows: int, length: int, count: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    fields = [torch.randint(0, 3, (rows, length), generator=draw) for _ in range(3 if kind is Tree else 1)]
    asking = torch.randint(0, length, (rows, count), generator=draw)
    rule: Visibility = kind(*fields)
    whole, few = rule.mask(), rule.mask(asking)
    if kind is Padding:
        assert (whole is None and few is None) or torch.equal(whole, few)
    else:
        assert torch.equal(few, whole.take_along_dim(asking[:, None, :, None], 2))


MARKED = {"mark_positions": torch.tensor([[1, 3], [2, 0], [5, 6]])}


@pytest.mark.parametrize(
    "pool", [First(), SecondText(), Mean(), Marked(2), FirstAndMarked(2)], ids=lambda p: type(p).__name__
)
@pytest.mark.parametrize("head", [Classify, Answer])
def test_heads_score_what_they_would_score_from_all_states(head: Any, pool: Pooling) -> None:
    own = finetuned(tiny_encoder(), lambda lengths: text(lengths) | MARKED, head(pool))
    batch = own.batch([9, 4, 7])
    scored, states = own.top(own.encoder, batch), own.encoder(batch)
    pooled = pool(states, batch) if own.encoder.pooler is None else own.encoder.pooler(states, batch)
    pooled = own.top.transform(pooled) if head is Answer else pooled
    torch.testing.assert_close(scored, own.top.output(pooled), **CLOSE)


def test_a_pooler_that_reads_all_states_gets_them() -> None:
    own = finetuned(tiny_encoder(), text, Classify())
    own.encoder.pooler = MaxPooler(own.encoder.config).double()
    batch = own.batch([9, 4, 7])
    expected = own.top.output(own.encoder.pooler(own.encoder(batch), batch))
    torch.testing.assert_close(own.top(own.encoder, batch), expected, **CLOSE)
