"""Box geometry: the published formula, written out by hand, and what must not matter."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vision import geometry


def test_one_box_by_hand() -> None:
    found = geometry(torch.tensor([[10.0, 20.0, 30.0, 80.0]]), torch.tensor([100.0, 200.0]), width=16)[0]
    expected = []
    for value in (20.0, 25.0, 20.0, 30.0):  # centre x, centre y, width, height in per cent
        angles = [value, value / 1000**0.5]
        expected += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), st.floats(0.1, 50.0))
def test_scaling_image_and_box_together_changes_nothing(box: list[float], scale: float) -> None:
    boxes, size = torch.tensor([box], dtype=torch.float64) * 64, torch.tensor([64.0, 48.0], dtype=torch.float64)
    torch.testing.assert_close(geometry(boxes * scale, size * scale), geometry(boxes, size), atol=1e-9, rtol=0)


def test_a_flip_moves_the_centre_only() -> None:
    box, size = torch.tensor([[10.0, 5.0, 30.0, 25.0]]), torch.tensor([100.0, 50.0])
    flipped = torch.tensor([[70.0, 5.0, 90.0, 25.0]])
    first, second = geometry(box, size), geometry(flipped, size)
    assert not torch.allclose(first[:, :512], second[:, :512])
    torch.testing.assert_close(first[:, 512:], second[:, 512:], atol=1e-4, rtol=0)


def test_a_width_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        geometry(torch.zeros(1, 4), torch.ones(2), width=12)
