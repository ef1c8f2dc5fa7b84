"""Outlines as masks, and what a network sees behind one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vision.errors import VisionError
from vision.masks import box_mask
from vision.regions import Caffe, Small

corner = st.floats(-50, 50, allow_nan=False, width=32)
length = st.floats(0.5, 80, allow_nan=False, width=32)
boxes = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), corner, corner, length, length)
sides = st.integers(1, 20)


def rectangle(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


@given(boxes, sides, st.floats(0, 9))
def test_an_outline_around_the_box_is_all_ones(box: tuple[float, ...], side: int, around: float) -> None:
    x1, y1, x2, y2 = box
    outline = rectangle(x1 - around, y1 - around, x2 + around, y2 + around)
    assert box_mask([outline], box, side).tolist() == [[1.0] * side] * side


@given(boxes, sides, st.sampled_from([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)]))
def test_an_outline_beside_the_box_is_all_zeros(box: tuple[float, ...], side: int, to: tuple[int, int]) -> None:
    width, height = 1.01 * (box[2] - box[0]), 1.01 * (box[3] - box[1])
    outline = rectangle(*box) + np.array(to) * [width, height]
    assert not box_mask([outline], box, side).any()


@given(boxes, sides, st.floats(-20, 20), st.floats(0.25, 4))
def test_a_mask_goes_with_its_box_and_not_with_the_picture(
    box: tuple[float, ...], side: int, move: float, scale: float
) -> None:
    x1, y1, x2, y2 = box
    outline = np.array([[x1, y1], [x2, y1], [x1 + 0.31 * (x2 - x1), y2]])
    other = tuple(scale * value + move for value in box)
    mask, moved = box_mask([outline], box, side), box_mask([scale * outline + move], other, side)
    assert np.abs(mask - moved).sum() <= side, "at most what lies on an edge may fall to the other side"


def test_a_half_a_part_and_a_hole_by_hand() -> None:
    box = (10.0, 20.0, 14.0, 24.0)
    left, top = rectangle(10, 20, 12, 24), rectangle(10, 20, 14, 21)
    assert box_mask([left], box, 4).tolist() == [[1, 1, 0, 0]] * 4
    assert box_mask([left, top], box, 4).tolist() == [[1, 1, 1, 1], *[[1, 1, 0, 0]] * 3]
    ring = np.concatenate([rectangle(10, 20, 14, 24), [[10, 20]], rectangle(11, 21, 13, 23), [[11, 21]]])
    assert box_mask([ring], box, 4).tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    assert not box_mask([], box, 4).any()
    assert not box_mask([np.zeros((0, 2)), np.array([[11.0, 21.0]])], box, 4).any()


@pytest.fixture(scope="module")
def caffe() -> Caffe:
    torch.manual_seed(0)
    return Caffe("resnet18", None).eval()


def given_to(source: torch.nn.Module, masks: torch.Tensor | None) -> torch.Tensor:
    torch.manual_seed(1)
    boxes = torch.tensor([[[0.0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]], [[0.0, 0, 0.5, 0.5], [0, 0, 0, 0]]])
    pictures, sizes = torch.randn(2, 3, 64, 64), torch.tensor([[64, 48], [64, 64]])
    return source(pictures, boxes, torch.tensor([[1, 1], [1, 0]]), sizes, masks)


def test_masks_of_ones_change_nothing_and_zeros_leave_nothing(caffe: Caffe) -> None:
    whole = given_to(caffe, None)
    assert torch.equal(given_to(caffe, torch.ones(2, 2, 14, 14)), whole)
    assert not given_to(caffe, torch.zeros(2, 2, 14, 14)).any()


def test_the_mean_goes_over_all_places_whatever_the_mask_leaves(caffe: Caffe) -> None:
    """So that the parts of a region add up to the whole."""
    mask = (torch.rand(2, 2, 14, 14) > 0.5).float()
    parts = given_to(caffe, mask) + given_to(caffe, 1 - mask)
    torch.testing.assert_close(parts, given_to(caffe, None))


@pytest.mark.parametrize(
    ("source", "side", "told"),
    [
        (Small(width=8, channels=16), 14, "Small has no map that masks could be laid over. Set masks=0"),
        (Caffe("resnet18", None), 7, "7 x 7, but Caffe takes 14 x 14. Set masks=14"),
    ],
)
def test_a_source_without_a_place_for_masks_says_so(source: torch.nn.Module, side: int, told: str) -> None:
    with pytest.raises(VisionError, match=told):
        given_to(source, torch.ones(2, 2, side, side))
