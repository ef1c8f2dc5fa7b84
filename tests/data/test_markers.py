"""Markers written into a text move everything else along with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kplm.data.example import Example, Link, Mark
from kplm.data.markers import ERNIE_MARKERS, Insertions, mark_text

MARKERS = {"head": "#", "tail": "$", "mention": "[[x]]"}


def span(size: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, size), st.integers(0, size)).map(lambda pair: (min(pair), max(pair)))


@st.composite
def examples(draw: st.DrawFn) -> Example:
    text = draw(st.text(alphabet="abcé北 .", min_size=1, max_size=30))
    filled = span(len(text)).filter(lambda pair: pair[0] < pair[1])
    marks = draw(st.lists(st.tuples(filled, st.sampled_from(["head", "tail", "mention", "other"])), max_size=3))
    links = draw(st.lists(filled, max_size=4))
    words = draw(st.lists(filled, max_size=4))
    return Example(
        text=text,
        pair="the pair",
        marks=tuple(Mark(*pair, role) for pair, role in marks),
        links=(*(Link(*pair, "Q1") for pair in links), Link(4, 8, "Q2", part=1)),
        words=tuple(words),
    )


def taken_out(text: str, marks: tuple[Mark, ...]) -> str:
    """The text between two offsets without the markers that were put inside: what a reader sees of the original."""
    for mark in marks:
        if mark.role in MARKERS:
            text = text.replace(f"{MARKERS[mark.role]} ", "").replace(f" {MARKERS[mark.role]}", "")
    return text


@given(examples())
def test_shifted_spans_hold_the_same_characters(example: Example) -> None:
    moved = mark_text(example, MARKERS)
    pairs = [
        *zip(example.marks, moved.marks),
        *((a, b) for a, b in zip(example.links or (), moved.links or ()) if a.part == 0),
    ]
    spans = [((a.start, a.end), (b.start, b.end)) for a, b in pairs] + list(zip(example.words, moved.words))
    for (start, end), (new_start, new_end) in spans:
        assert taken_out(moved.text[new_start:new_end], example.marks) == example.text[start:end]
        assert moved.text[new_start] == example.text[start]
        assert moved.text[new_end - 1] == example.text[end - 1]
    assert taken_out(moved.text, example.marks) == example.text
    assert moved.links is not None
    assert moved.links[-1] == Link(4, 8, "Q2", part=1), "links of the pair stay"


def test_nested_and_adjacent_marks() -> None:
    example = Example("ab cd", marks=(Mark(0, 5, "head"), Mark(0, 2, "tail")))
    moved = mark_text(example, MARKERS)
    assert moved.text == "# $ ab $ cd #"
    assert [moved.text[mark.start : mark.end] for mark in moved.marks] == ["ab $ cd", "ab"]
    touching = mark_text(Example("abcd", marks=(Mark(0, 2, "head"), Mark(2, 4, "tail"))), MARKERS)
    assert touching.text == "# ab #$ cd $"
    assert [touching.text[mark.start : mark.end] for mark in touching.marks] == ["ab", "cd"]


def test_the_authors_rule_plus_two_at_or_after_a_start_and_plus_two_strictly_after_its_end() -> None:
    example = Example("ab cd ef", marks=(Mark(3, 5, "head"),))
    put = Insertions.around(example.marks, ERNIE_MARKERS)
    assert put.apply(example.text) == "ab # cd # ef"
    assert [put.start(offset) for offset in range(9)] == [0, 1, 2, 5, 6, 9, 10, 11, 12]
    assert [put.end(offset) for offset in range(9)] == [0, 1, 2, 3, 6, 7, 10, 11, 12]


def test_roles_without_a_marker_change_nothing() -> None:
    example = Example("ab cd", marks=(Mark(0, 2, "mention"),))
    assert mark_text(example, {"head": "#"}) is example
    assert mark_text(example, {}) is example
    assert mark_text(Example("ab"), MARKERS).text == "ab"


@pytest.mark.parametrize("role", sorted(ERNIE_MARKERS))
def test_published_markers_are_one_piece_each(role: str) -> None:
    assert len(ERNIE_MARKERS[role]) == 1
