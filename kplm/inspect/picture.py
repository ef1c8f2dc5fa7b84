"""A sentence tree and its visible matrix as a PNG."""

from __future__ import annotations

import io
import textwrap
from typing import Any

import numpy as np

from kplm.inspect.fonts import families
from kplm.inspect.layout import HEIGHT, Box, Layout, Measure, layout
from kplm.inspect.shape import COLOURS, HANGS, HIDDEN, INSIDE, KEYS, TRUNK, Shape

WIDTH, CELL, MOST = 10.5, 0.2, 24.0
"""Inches: of a line of the tree, of a cell, and of the largest matrix, in which cells are smaller."""
EDGE, LEGEND, STALK = 0.3, 4.2, 0.13
INK, MUTED, RULE, WORD = "#1d2733", "#66717e", "#9aa6b2", "#e3e9f0"
GREYS = {HIDDEN: "#f5f7f9", TRUNK: "#b9c7d6"}
SHARES = {HANGS: 0.45, INSIDE: 1.0}
SIZE = 9.5
"""Of letters, in points."""


def png(shape: Shape) -> bytes:
    """Draw the tree above, the matrix below.

    Raises:
        KplmError: no installed font has the characters.
    """
    from matplotlib.figure import Figure

    fonts = families("".join([*(word.text for word in shape.words), *shape.labels, *shape.notes]))
    measure = _ruler(fonts)
    tree = layout(shape, measure, WIDTH)
    cell = min(CELL, MOST / len(shape.labels))
    label = (max(map(measure, shape.labels)) + 0.1) * cell / CELL
    side = cell * len(shape.labels)
    width = 2 * EDGE + max(tree.width, label + side + LEGEND)
    height = 3 * EDGE + tree.height + label + max(side, 3.0)
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    pen = _Pen(axes, fonts)
    pen.tree(tree)
    pen.matrix(shape, label, tree.height + EDGE + label, cell)
    pen.legend(shape, label + side + 0.35, tree.height + EDGE + label)
    axes.set(xlim=(-EDGE, width - EDGE), ylim=(height - EDGE, -EDGE))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=140, pil_kwargs={"optimize": True})
    return buffer.getvalue()


class _Pen:
    """Draws into one coordinate system of inches, from the upper left."""

    def __init__(self, axes: Any, fonts: list[str]) -> None:
        self.axes, self.fonts = axes, fonts

    def write(self, x: float, y: float, text: str, size: float = SIZE, **how: Any) -> None:
        """One text, centred unless told otherwise; a $ is a $."""
        how = {"ha": "center", "va": "center", "color": INK, **how}
        self.axes.text(x, y, text, fontsize=size, family=self.fonts, parse_math=False, **how)

    def tree(self, tree: Layout) -> None:
        """Lines first, boxes over them."""
        for stem, twig in tree.forks:
            x, y = stem.x + STALK, twig.y + HEIGHT / 2
            self.axes.plot([x, x, twig.x], [stem.y + HEIGHT, y, y], color=_colour(twig.word.mention), lw=1.2, zorder=1)
        for row in tree.rows:
            colour, y = _colour(row[0].word.mention) if row[0].word.branch else RULE, row[0].y + HEIGHT / 2
            self.axes.plot([row[0].x, row[-1].x], [y, y], color=colour, lw=1.2, solid_capstyle="butt", zorder=1)
            for box in row:
                self.box(box)

    def box(self, box: Box) -> None:
        """A word over its soft positions."""
        from matplotlib.patches import FancyBboxPatch

        word, colour = box.word, _colour(box.word.mention)
        face, edge = (
            ("white", colour) if word.branch else (_thin(colour, 0.22), colour) if word.mention else (WORD, WORD)
        )
        style = "round,pad=0,rounding_size=0.06"
        self.axes.add_patch(
            FancyBboxPatch((box.x, box.y), box.width, HEIGHT, style, fc=face, ec=edge, lw=1.1, zorder=2)
        )
        middle = box.x + box.width / 2
        self.write(middle, box.y + 0.15, word.text, zorder=3)
        self.write(middle, box.y + 0.305, word.positions.replace("-", "–"), SIZE * 0.72, color=MUTED, zorder=3)

    def matrix(self, shape: Shape, x: float, y: float, cell: float) -> None:
        """The visible matrix, tokens on both sides."""
        count, size = len(shape.labels), SIZE * 0.9 * cell / CELL
        far = cell * count
        self.axes.imshow(
            _painted(shape), extent=(x, x + far, y + far, y), interpolation="nearest", aspect="auto", zorder=1
        )
        lines = {"color": "white", "lw": 4 * cell, "zorder": 2}
        self.axes.hlines(y + cell * np.arange(count + 1), x, x + far, **lines)
        self.axes.vlines(x + cell * np.arange(count + 1), y, y + far, **lines)
        for i, text in enumerate(shape.labels):
            number, at = int(shape.mention[i]), (i + 0.5) * cell
            weight = "bold" if number and not shape.branch[i] else "normal"
            how = {"color": _colour(number) if number else INK, "weight": weight}
            self.write(x - 0.06, y + at, text, size, ha="right", va="center_baseline", **how)
            self.write(x + at, y - 0.06, text, size, va="bottom", rotation=90, **how)

    def legend(self, shape: Shape, x: float, y: float) -> None:
        """What the colours mean, and the tree in numbers."""
        from matplotlib.patches import Rectangle

        self.write(x, y + 0.1, "Who sees whom", SIZE * 1.15, ha="left", weight="bold")
        for i, (reason, text) in enumerate(KEYS.items()):
            at, face = y + 0.42 + 0.27 * i, _painting(reason, np.ones((), dtype=np.int64))
            self.axes.add_patch(Rectangle((x, at - 0.08), 0.16, 0.16, fc=face, ec=RULE, lw=0.5))
            self.write(x + 0.26, at, text, SIZE * 0.95, ha="left")
        texts = [*shape.summary.split("; "), *shape.notes]
        said = "\n".join(line for text in texts for line in textwrap.wrap(text, 55))
        self.write(x, y + 1.55, said, SIZE * 0.95, ha="left", va="top", color=MUTED, linespacing=1.5)


def _ruler(fonts: list[str]) -> Measure:
    """How wide a text is written, in inches."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    renderer, style = RendererAgg(1, 1, 72), FontProperties(family=fonts, size=SIZE)
    return lambda text: float(renderer.get_text_width_height_descent(text, style, ismath=False)[0]) / 72


def _colour(mention: int) -> str:
    return COLOURS[(mention - 1) % len(COLOURS)]


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))


def _thin(colour: str, share: float) -> tuple[float, ...]:
    """A colour mixed with white."""
    return tuple(1 - share * (1 - part) for part in _rgb(colour))


def _painted(shape: Shape) -> np.ndarray:
    """``[L, L, 3]`` the matrix in colours."""
    mentions = np.broadcast_to(shape.mention[:, None], shape.visible.shape)
    found = np.zeros((*mentions.shape, 3))
    for reason in KEYS:
        where = shape.reasons == reason
        found[where] = _painting(reason, mentions[where])
    return found


def _painting(reason: int, mentions: np.ndarray) -> np.ndarray:
    """``[..., 3]`` the colours of cells, by the mention they belong to."""
    if reason in GREYS:
        return np.broadcast_to(_rgb(GREYS[reason]), (*mentions.shape, 3))
    own = np.array([_thin(colour, SHARES[reason]) for colour in COLOURS])
    return own[(mentions - 1) % len(COLOURS)]
