"""Box geometry: the published formula, written out by hand, and what must not matter."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vision import VisionError, geometry
from vision.boxes import clip, flip, iou, scale, to_parts, to_pixels, whole
from vision.found import checked, whole_box

SIZE = torch.tensor([64.0, 48.0], dtype=torch.float64)


def ordered(numbers: list[float]) -> Tensor:
    """One box in pixels of a picture of 64 x 48, from four numbers between 0 and 1."""
    low, high = torch.tensor(numbers, dtype=torch.float64).view(2, 2).sort(dim=0)[0]
    return torch.cat([low, high])[None] * torch.cat([SIZE, SIZE])


BOX = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).map(ordered)


def test_one_box_by_hand() -> None:
    found = geometry(torch.tensor([[10.0, 20.0, 30.0, 80.0]]), torch.tensor([100.0, 200.0]), width=16)[0]
    expected = []
    for value in (20.0, 25.0, 20.0, 30.0):  # centre x, centre y, width, height in per cent
        angles = [value, value / 1000**0.5]
        expected += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


@given(BOX, st.floats(0.1, 50.0))
def test_scaling_image_and_box_together_changes_nothing(box: Tensor, factor: float) -> None:
    both = torch.tensor([factor, factor], dtype=torch.float64)
    torch.testing.assert_close(geometry(scale(box, both), SIZE * factor), geometry(box, SIZE), atol=1e-9, rtol=0)


@given(BOX)
def test_pixels_and_parts_are_the_same_box(box: Tensor) -> None:
    parts = to_parts(box, SIZE)
    torch.testing.assert_close(to_pixels(parts, SIZE), box, atol=1e-9, rtol=0)
    torch.testing.assert_close(geometry(parts, torch.ones_like(SIZE)), geometry(box, SIZE), atol=1e-9, rtol=0)


@given(BOX)
def test_two_flips_give_the_box_back(box: Tensor) -> None:
    torch.testing.assert_close(flip(flip(box, SIZE[0]), SIZE[0]), box, atol=1e-9, rtol=0)


def test_a_flip_moves_the_first_pixel_to_the_last_and_leaves_the_whole_image() -> None:
    assert flip(torch.tensor([[0.0, 5.0, 9.0, 8.0]]), torch.tensor(64.0)).tolist() == [[54.0, 5.0, 63.0, 8.0]]
    everything = whole(SIZE)[None]
    assert everything.tolist() == [[0.0, 0.0, 63.0, 47.0]]
    assert torch.equal(flip(everything, SIZE[0]), everything)


def test_flips_take_a_batch_of_images_of_different_widths() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0]], [[0.0, 0.0, 1.0, 1.0]]])
    assert flip(boxes, torch.tensor([10.0, 20.0]))[:, 0, 0].tolist() == [8.0, 18.0]


def test_a_flip_moves_the_centre_only() -> None:
    box, size = torch.tensor([[10.0, 5.0, 30.0, 25.0]]), torch.tensor([100.0, 50.0])
    first, second = geometry(box, size), geometry(flip(box, size[0]), size)
    assert not torch.allclose(first[:, :512], second[:, :512])
    torch.testing.assert_close(first[:, 512:], second[:, 512:], atol=1e-4, rtol=0)


@given(BOX, BOX)
def test_iou_is_symmetric_and_between_0_and_1(one: Tensor, other: Tensor) -> None:
    forth, back = iou(one, other), iou(other, one)
    assert torch.equal(forth, back.T)
    assert 0 <= float(forth) <= 1 + 1e-12


def test_iou_by_hand() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0], [5.0, 5.0, 6.0, 6.0], [4.0, 4.0, 4.0, 4.0]])
    assert iou(boxes[:1], boxes).tolist()[0] == pytest.approx([1, 1 / 7, 0, 0])
    assert iou(boxes[3:], boxes[3:]).tolist() == [[0.0]]
    assert float(iou(boxes[:1], boxes[1:2], edge=1.0)) == pytest.approx(4 / 14)


def test_boxes_are_cut_at_the_edges() -> None:
    boxes = torch.tensor([[-5.0, -1.0, 70.0, 20.0], [100.0, 100.0, 120.0, 130.0]], dtype=torch.float64)
    assert clip(boxes, SIZE).tolist() == [[0, 0, 64, 20], [64, 48, 64, 48]]


def test_a_width_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        geometry(torch.zeros(1, 4), torch.ones(2), width=12)


def test_checked_boxes_are_parts_inside_the_picture() -> None:
    found = checked(np.array([[-8, 0, 32, 96]]), (64, 48), "a.png")
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 0, 0.5, 1]]
    assert checked(np.zeros((0, 4)), (64, 48), "a.png").shape == (0, 4)
    assert whole_box((64, 48)).tolist() == pytest.approx([0, 0, 63 / 64, 47 / 48])


@pytest.mark.parametrize(
    ("boxes", "size", "told"),
    [
        ([[0, 0, 4, 4], [9, 1, 3, 5]], (64, 48), r"a.png: box 1 is \(9, 1, 3, 5\).*x1 <= x2.*width, height\?"),
        ([[0, float("nan"), 4, 4]], (64, 48), r"box 0 is \(0, nan, 4, 4\)"),
        ([[0, 0, 4]], (64, 48), r"shape \[1, 3\]; expected \[R, 4\]"),
        ([[0, 0, 4, 4]], (0, 48), "0 x 48 pixels"),
    ],
)
def test_wrong_boxes_name_the_image_and_the_box(boxes: list[list[float]], size: tuple[int, int], told: str) -> None:
    with pytest.raises(VisionError, match=told):
        checked(np.array(boxes), size, "a.png")
