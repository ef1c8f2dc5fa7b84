"""The kernels of attention give the same, and the right one is taken."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from kplm.config import EncoderConfig
from kplm.errors import KplmError
from kplm.fields import PACKED
from kplm.nn.attend import Auto, Flex, Scaled, Written, attend_by_name
from kplm.nn.attend.auto import suits_flex, suits_written
from kplm.nn.attention import Attention
from kplm.nn.relations import Relations
from kplm.nn.visibility import Documents, Padding, Tree, Visibility
from tests.conftest import tiny_encoder
from tests.parity.packed_systems import systems

LENGTH = 150
WIDE = {"hidden": 64, "heads": 4, "positions": 160}
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device, or CUDA_VISIBLE_DEVICES hides it")


def rules() -> dict[str, Visibility]:
    document = torch.arange(LENGTH).expand(2, -1) // 40 + 1
    document = document.clone()
    document[1, 100:] = 0
    random = torch.Generator().manual_seed(0)
    branch, anchor = (torch.randint(0, 3, document.shape, generator=random) for _ in range(2))
    return {
        "padding": Padding(document.clamp(max=1)),
        "documents": Documents(document),
        "tree": Tree(document, branch, anchor),
    }


def drawn(**options: Any) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, 2, LENGTH, 16, **options) for _ in range(3)]


@pytest.mark.filterwarnings("ignore:flex_attention called without")
@pytest.mark.parametrize("name", rules())
def test_flex_attention_gives_what_the_fused_kernel_gives(name: str) -> None:
    relations, given = Relations.of(rules()[name]), drawn(dtype=torch.float64)
    flex, scaled = (rule(*given, relations, 0.0) for rule in (Flex(), Scaled()))
    real = relations.visibility.document.ne(0)[:, None, :, None]
    torch.testing.assert_close(flex * real, scaled * real, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", rules())
def test_written_attention_gives_what_the_fused_kernel_gives_with_gradients(name: str) -> None:
    relations, found = Relations.of(rules()[name]), []
    real = relations.visibility.document.ne(0)[:, None, :, None]
    for rule in (Written(), Scaled()):
        given = drawn(dtype=torch.float64, requires_grad=True)
        mixed = rule(*given, relations, 0.0) * real
        mixed.square().sum().backward()
        found.append([mixed, *(one.grad for one in given)])
    for written, scaled in zip(*found):
        torch.testing.assert_close(written, scaled, atol=1e-12, rtol=0)


def test_what_nobody_hides_is_read_without_a_mask() -> None:
    relations = Relations.of(Padding(torch.ones(2, LENGTH, dtype=torch.long)))
    assert relations.bias(torch.float32) is None
    torch.testing.assert_close(Written()(*drawn(), relations, 0.0), Scaled()(*drawn(), relations, 0.0))


def test_written_attention_drops_probabilities_and_scales_the_others_up() -> None:
    relations = Relations.of(rules()["documents"])
    q, k, _ = drawn(dtype=torch.float64)
    each = torch.eye(LENGTH, dtype=torch.float64).expand(2, 2, -1, -1)
    shares, dropped = (Written()(q, k, each, relations, share) for share in (0.0, 0.25))
    kept = dropped != 0
    torch.testing.assert_close(dropped, shares * kept / 0.75, atol=1e-12, rtol=0)
    visible = shares != 0
    assert kept[visible].double().mean().item() == pytest.approx(0.75, abs=0.02)
    assert not kept[~visible].any()


def test_written_attention_is_right_under_autocast() -> None:
    relations, given = Relations.of(rules()["tree"]), drawn()
    real = relations.visibility.document.ne(0)[:, None, :, None]
    with torch.autocast("cpu", torch.bfloat16):
        found = Written()(*given, relations, 0.0)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float() * real, Scaled()(*given, relations, 0.0) * real, atol=0.05, rtol=0.05)


def test_written_attention_is_taken_on_a_cpu_where_it_is_faster() -> None:
    single, half = drawn()[0], drawn()[0].bfloat16()
    assert suits_written(single, 0.1)
    assert suits_written(half.requires_grad_(), 0.0)
    assert not suits_written(single.requires_grad_(), 0.0)
    assert not suits_written(half.detach(), 0.0), "scoring"
    assert not suits_written(
        SimpleNamespace(device=SimpleNamespace(type="cuda"), dtype=half.dtype, requires_grad=True), 0.1
    )
    relations, found = Relations.of(rules()["tree"]), []
    for rule in (Auto(), Written()):
        torch.manual_seed(1)
        found.append(rule(*drawn(), relations, 0.1))
    assert torch.equal(*found)
    assert {"mask", torch.float32} == relations.built.keys(), "each form once a batch"


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_one_product_for_queries_keys_and_values_gives_what_three_give(precision: torch.dtype) -> None:
    torch.manual_seed(0)
    attention, relations = Attention(EncoderConfig(**WIDE)).eval(), Relations.of(rules()["padding"])
    states, found = torch.randn(2, LENGTH, WIDE["hidden"]), []
    for memory in (states, states.clone()):
        attention.zero_grad()
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            mixed = attention(states, memory, relations)
        mixed.float().square().sum().backward()
        found.append([mixed.detach().float(), *(weight.grad for weight in attention.parameters())])
        assert {one.dtype for one in found[-1]} == {torch.float32}, "gradients add up in the precision of the weights"
    for one, three in zip(*found):
        torch.testing.assert_close(one, three, atol=torch.finfo(precision).eps * three.abs().max().item(), rtol=0)


def test_each_form_is_built_once_a_batch_and_only_when_asked_for() -> None:
    asked = []

    class Counted(Documents):
        def mask(self) -> Tensor | None:
            asked.append("mask")
            return super().mask()

    relations = Relations.of(Counted(torch.ones(2, LENGTH, dtype=torch.long)))
    assert not relations.built
    for _ in range(3):
        Scaled()(*drawn(), relations, 0.0)
    assert asked == ["mask"]
    assert relations.built.keys() == {"mask"}


def test_a_config_names_the_kernel() -> None:
    for name, kind in {"auto": Auto, "sdpa": Scaled, "flex": Flex}.items():
        encoder = tiny_encoder(attention=name)
        assert {type(part.attend) for part in encoder.modules() if isinstance(part, Attention)} == {kind}
    with pytest.raises(
        KplmError, match=r"attention 'flax' is not known; possible are auto, sdpa, flex. Did you mean 'flex'\?"
    ):
        attend_by_name("flax")


def test_flex_refuses_what_it_cannot_do() -> None:
    relations = Relations.of(rules()["documents"])
    with pytest.raises(KplmError, match=r"flex cannot drop .* attention_dropout=0.1. Train with attention_dropout=0"):
        Flex()(*drawn(), relations, 0.1)
    with pytest.raises(KplmError, match="flex does not learn on a CPU"):
        Flex()(*drawn(requires_grad=True), relations, 0.0)


def like(device: str = "cuda", length: int = 200, width: int = 64, kind: torch.dtype = torch.bfloat16) -> Any:
    return SimpleNamespace(device=SimpleNamespace(type=device), dtype=kind, shape=(2, 4, length, width))


def test_flex_is_taken_for_long_packed_rows_and_trees_on_a_gpu_alone() -> None:
    found = {name: Relations.of(rule) for name, rule in rules().items()}
    assert suits_flex(like(), like(), found["documents"])
    assert suits_flex(like(), like(), found["tree"])
    assert not suits_flex(like(), like(), found["padding"])
    others: list[dict[str, Any]] = [{"device": "cpu"}, {"length": 128}, {"width": 8}, {"kind": torch.float64}]
    for other in others:
        assert not suits_flex(like(**other), like(**other), found["documents"])
    assert not suits_flex(like(length=300), like(), found["documents"]), "queries that are not the keys"


def test_on_a_cpu_auto_is_the_fused_kernel_to_the_last_bit() -> None:
    relations = Relations.of(rules()["tree"])
    assert torch.equal(Auto()(*drawn(), relations, 0.0), Scaled()(*drawn(), relations, 0.0))


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("name", ["documents", "tree"])
def test_on_a_gpu_flex_gives_the_same_with_gradients(name: str) -> None:
    found = []
    for rule in (Flex(), Scaled()):
        visible = rules()[name]
        moved = type(visible)(*(getattr(visible, field).cuda() for field in visible.__dataclass_fields__))
        given = [one.detach().requires_grad_() for one in drawn(device="cuda")]
        out = rule(*given, Relations.of(moved), 0.0) * moved.document.ne(0)[:, None, :, None]
        out.square().sum().backward()
        found.append([out, *(one.grad for one in given)])
    for flex, scaled in zip(*found):
        torch.testing.assert_close(flex, scaled, atol=2e-3, rtol=2e-3)


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("name", systems())
def test_on_a_gpu_packed_rows_give_what_rows_of_their_own_give(name: str) -> None:
    from kplm.data.packing import PackRows

    own = systems()[name]()
    batch = own.batch([9, 7, 8, 3, 1] * 20)
    own.encoder.float().cuda()
    alone, together = (
        own.encoder({key: _moved(value) for key, value in fields.items()}) for fields in (batch, PackRows(256)(batch))
    )
    real = own.elements(batch).cuda()
    torch.testing.assert_close(
        together[:, : real.shape[1]][real], alone[:, : real.shape[1]][real], atol=2e-3, rtol=2e-3
    )
    assert PACKED in PackRows(256)(batch)


def _moved(value: Tensor) -> Tensor:
    return value.cuda().float() if value.is_floating_point() else value.cuda()
