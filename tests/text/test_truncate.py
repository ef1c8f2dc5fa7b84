"""Cutting keeps what the task is about."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kplm.text.tokens import Pieces
from kplm.text.truncate import Window, shortened


def pieces(count: int, width: int = 2) -> Pieces:
    """``count`` tokens of ``width`` characters with one space between."""
    starts = np.arange(count) * (width + 1)
    return Pieces(np.arange(count), np.stack([starts, starts + width], axis=1))


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, int, list[tuple[int, int]]]:
    size, length = draw(st.integers(1, 40)), draw(st.integers(1, 20))
    spans = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(1, 4)), max_size=3))
    return size, length, [(first, min(first + more, size)) for first, more in spans]


@given(cases())
def test_marked_spans_survive_whenever_they_fit(case: tuple[int, int, list[tuple[int, int]]]) -> None:
    size, length, spans = case
    whole, window = pieces(size), Window(length, length)
    marks = [(3 * first, 3 * end - 1) for first, end in spans]
    kept = window.single(5, whole, marks)
    assert len(kept.ids) == min(size, length)
    assert (np.diff(kept.ids) == 1).all(), "one stretch of the text"
    assert np.array_equal(kept.offsets, whole.offsets[kept.ids])
    wanted = {i for first, end in spans for i in range(first, end)}
    fits = not wanted or max(wanted) - min(wanted) < length or size <= length
    assert window.cut == ([] if fits else [5])
    if fits:
        assert wanted <= set(kept.ids.tolist())


def test_the_beginning_is_kept_when_it_holds_the_marks() -> None:
    assert Window(4, 4).single(0, pieces(9), [(0, 2), (9, 11)]).ids.tolist() == [0, 1, 2, 3]
    assert Window(4, 4).single(0, pieces(9), []).ids.tolist() == [0, 1, 2, 3]


def test_marks_that_lie_late_are_kept_with_words_on_both_sides() -> None:
    kept = Window(5, 5).single(0, pieces(20), [(30, 32)])
    assert kept.ids.tolist() == [8, 9, 10, 11, 12]
    assert Window(5, 5).single(0, pieces(20), [(57, 59)]).ids.tolist() == [15, 16, 17, 18, 19]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(5, 30))
def test_pairs_are_cut_longest_first_and_from_the_end(left: int, right: int, length: int) -> None:
    one, two = Window(length, length - 1).pair(pieces(left), pieces(right))
    room = length - 1
    assert one.ids.tolist() == list(range(len(one.ids)))
    assert two.ids.tolist() == list(range(len(two.ids)))
    assert len(one.ids) + len(two.ids) == min(left + right, room)
    if left + right > room:
        longer, shorter = max(len(one.ids), len(two.ids)), min(len(one.ids), len(two.ids))
        assert longer - shorter <= 1 or shorter == min(left, right), (
            "the shorter text loses nothing before they are even"
        )


def test_a_window_without_a_length_keeps_all() -> None:
    window = Window(None, None)
    assert window.single(0, pieces(500), []).ids.tolist() == list(range(500))
    assert [len(one.ids) for one in window.pair(pieces(300), pieces(400))] == [300, 400]


@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 40))
def test_the_longer_loses_one_at_a_time_and_the_left_one_when_equal(left: int, right: int, room: int) -> None:
    one, other = left, right
    while one + other > room:
        one, other = (one - 1, other) if one >= other else (one, other - 1)
    assert shortened(left, right, room) == (one, other)
