"""The picture and the page of a sentence tree."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.font_manager import fontManager

from kplm.errors import KplmError
from kplm.inspect.fonts import families
from kplm.inspect.layout import HEIGHT, layout
from kplm.inspect.page import CELL, html
from kplm.inspect.picture import png
from kplm.inspect.shape import HIDDEN, Shape, Word


def made(branches: list[list[int]], texts: list[str] | None = None) -> Shape:
    """A trunk with a one-token word for each item, under which hang branches of so many tokens."""
    words: list[Word] = []
    branch, mention = 0, 0
    for position, lengths in enumerate(branches):
        mention += bool(lengths)
        words.append(Word(f"w{position}", range(len(words), len(words) + 1), position, 0, mention if lengths else 0))
        for length in lengths:
            branch += 1
            first = len(words)
            words += [
                Word(f"t{i}", range(first + i, first + i + 1), position + 1 + i, branch, mention) for i in range(length)
            ]
    numbers, own = (np.array([getattr(word, name) for word in words]) for name in ("branch", "mention"))
    trunk = numbers == 0
    same, hangs = numbers[:, None] == numbers, (own[:, None] == own) & (own > 0) & (trunk[:, None] | trunk)
    labels = tuple(texts or (word.text for word in words))
    return Shape(tuple(words), labels, numbers, own, same | hangs, max(word.first for word in words))


@pytest.fixture
def own_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the fonts that come with matplotlib."""
    home = matplotlib.get_data_path()
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font.fname.startswith(home)])


SHAPES = st.lists(st.lists(st.integers(1, 6), max_size=3), min_size=1, max_size=25).map(made)


@given(shape=SHAPES, width=st.floats(2, 12))
def test_no_box_covers_another_and_no_line_runs_through_one(shape: Shape, width: float) -> None:
    found = layout(shape, lambda text: 0.1 * len(text), width)
    boxes = [box for row in found.rows for box in row]
    assert sorted(box.word.tokens.start for box in boxes) == list(range(len(shape.labels)))
    x, y, size = np.array([(box.x, box.y, box.width) for box in boxes]).T
    over = (x[:, None] < x + size) & (x < (x + size)[:, None]) & (y[:, None] < y + HEIGHT) & (y < y[:, None] + HEIGHT)
    assert over.sum() == len(boxes), "every box covers itself only"
    assert (x + size).max() == pytest.approx(found.width)
    assert (y + HEIGHT).max() == pytest.approx(found.height)
    for stem, twig in found.forks:
        assert not ((x < stem.x + 0.13) & (x + size > stem.x + 0.13) & (y > stem.y) & (y < twig.y)).any()


def test_lines_end_at_the_width_and_sep_never_stands_alone() -> None:
    found = layout(made([[]] * 12), lambda text: 0.3, 2.0)
    lengths = [len(row) for row in found.rows]
    assert lengths[0] > 1
    assert lengths[-1] > 1
    assert found.width < 2.7


@given(shape=SHAPES)
def test_the_page_paints_every_cell_once(shape: Shape) -> None:
    page = html(shape).decode()
    cells = re.findall(r'<rect x="\d+" y="\d+" width="(\d+)" height="\d+" style="([^"]*)"', page)
    widths = {
        hidden: sum(int(width) for width, style in cells if ("--none" in style) == hidden) for hidden in (True, False)
    }
    assert widths[True] == CELL * int((shape.reasons == HIDDEN).sum())
    assert widths[False] == CELL * int(shape.visible.sum())


def test_the_page_needs_nothing_else_and_escapes_what_it_shows() -> None:
    page = html(made([[], [1]], ["<script>", "a&b", "北京"])).decode()
    assert "&lt;script&gt;" in page
    assert "a&amp;b" in page
    assert "北京" in page
    assert not re.search(r"<script|https?://|<link|@import|url\((?!#)", page)
    assert "prefers-color-scheme:dark" in page


@pytest.mark.usefixtures("own_fonts")
def test_the_picture_is_the_same_every_time() -> None:
    shape = made([[], [2, 3], [], [1]])
    assert png(shape).startswith(b"\x89PNG")
    assert png(shape) == png(shape)


@pytest.mark.usefixtures("own_fonts")
def test_a_picture_of_a_text_without_branches_and_one_of_many_tokens() -> None:
    assert png(made([[]])).startswith(b"\x89PNG")
    assert png(made([[20]] * 4)).startswith(b"\x89PNG")


@pytest.mark.usefixtures("own_fonts")
def test_characters_come_from_the_first_font_that_has_them() -> None:
    assert families("Rome ⌒") == ["DejaVu Sans", "DejaVu Sans Mono"]


@pytest.mark.usefixtures("own_fonts")
def test_characters_that_no_font_has_are_an_error_that_names_the_page() -> None:
    with pytest.raises(KplmError, match=r"'北京'.*--out FILE.html"):
        png(made([[], []], ["北", "京"]))


def test_bitmap_fonts_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "emoji.ttf"
    broken.write_bytes(b"no font")
    entry = fontManager.ttflist[0]
    changed = type(entry)(
        fname=str(broken), name="A", style="normal", variant="normal", weight="400", stretch="normal", size="scalable"
    )
    monkeypatch.setattr(fontManager, "ttflist", [changed, *fontManager.ttflist])
    assert families("Rome ⌒")[0] == "DejaVu Sans"
