"""Visibility answers alike in all its forms, and a tree keeps the promise of K-BERT's visible matrix."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor
from torch.nn.attention.flex_attention import create_mask

from kplm.nn.visibility import Documents, Padding, Tree, Visibility

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=7)


@st.composite
def fields(draw: st.DrawFn, names: tuple[str, ...], most: int = 3) -> list[Tensor]:
    shape = draw(SHAPES)
    values = arrays.arrays("int64", shape, elements=st.integers(0, most))
    return [torch.from_numpy(draw(values, label=name)) for name in names]


def check_forms(visible: Visibility) -> None:
    rows, length = visible.document.shape
    dense = visible.dense()
    flex = create_mask(visible.mask_mod, rows, 1, length, length, device="cpu")
    mask = visible.mask()
    assert dense.shape == (rows, length, length)
    assert dense.dtype == torch.bool
    assert torch.equal(flex[:, 0], dense)
    assert dense.all() if mask is None else torch.equal(mask.expand(rows, 1, length, length)[:, 0], dense)


@settings(max_examples=60, deadline=None)
@given(fields(("document",), most=1))
def test_padding_has_one_meaning_in_all_forms(drawn: list[Tensor]) -> None:
    visible = Padding(*drawn)
    check_forms(visible)
    assert torch.equal(visible.dense(), (drawn[0] != 0)[:, None, :].expand_as(visible.dense()))


@settings(max_examples=60, deadline=None)
@given(fields(("document",)))
def test_documents_have_one_meaning_in_all_forms(drawn: list[Tensor]) -> None:
    visible = Documents(*drawn)
    check_forms(visible)
    assert torch.equal(visible.dense(), drawn[0][:, :, None] == drawn[0][:, None, :])


@settings(max_examples=60, deadline=None)
@given(fields(("document", "branch", "anchor")))
def test_trees_have_one_meaning_in_all_forms(drawn: list[Tensor]) -> None:
    check_forms(Tree(*drawn))


@settings(max_examples=100, deadline=None)
@given(fields(("document", "branch", "anchor")))
def test_a_branch_is_invisible_to_all_but_itself_and_its_mention(drawn: list[Tensor]) -> None:
    document, branch, anchor = drawn
    seen = Tree(*drawn).dense()
    assert torch.equal(seen, seen.transpose(1, 2))
    assert seen.diagonal(dim1=1, dim2=2).all()
    for row in range(len(document)):
        for i in range(document.shape[1]):
            for j in range(document.shape[1]):
                assert seen[row, i, j] == allowed(document[row], branch[row], anchor[row], i, j)


def allowed(document: Tensor, branch: Tensor, anchor: Tensor, i: int, j: int) -> bool:
    """In words: one text, and both on the trunk, both in one branch, or a branch and the mention it hangs from."""
    if document[i] != document[j]:
        return False
    if branch[i] and branch[j]:
        return bool(branch[i] == branch[j])
    if branch[i] or branch[j]:
        return bool(anchor[i] > 0 and anchor[i] == anchor[j])
    return True


def test_the_example_of_the_paper() -> None:
    """'Tim Cook (CEO Apple) is visiting Beijing (capital China)(is_a City) now', as in figure 2."""
    branch = torch.tensor([[0, 0, 1, 1, 0, 0, 0, 2, 2, 3, 3, 0]])
    anchor = torch.tensor([[1, 1, 1, 1, 0, 0, 2, 2, 2, 2, 2, 0]])
    seen = Tree(torch.ones_like(branch), branch, anchor).dense()[0]
    tim, cook, apple, visiting, beijing, china, city, now = 0, 1, 3, 5, 6, 8, 10, 11
    assert all(seen[i, j] for i, j in [(tim, apple), (cook, apple), (beijing, china), (beijing, city), (tim, now)])
    assert not any(seen[i, j] for i, j in [(apple, visiting), (apple, china), (china, city), (beijing, apple)])
