"""A sentence tree and its visible matrix as a page that needs nothing else, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby

from kplm.inspect.shape import COLOURS, HANGS, HIDDEN, INSIDE, KEYS, TRUNK, Shape, Word, columns

CELL, LETTER = 15, 7
"""Pixels: the side of a cell, and room for half a Chinese character."""
STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--muted:#66717e;--paper:#fff;--rule:#9aa6b2;--word:#e3e9f0;--sight:#b9c7d6;--none:#f3f5f7}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaef;--muted:#9aa6b2;--paper:#14181d;--rule:#5c6874;--word:#28313b;--sight:#4a5a6b;--none:#1c2229}}
body{margin:2rem;background:var(--paper);color:var(--ink);font:15px/1.35 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif}
h1{font-size:1.2rem;margin:0 0 1.2rem}h2{font-size:1.05rem;margin:2rem 0 .8rem}p{color:var(--muted);margin:.3rem 0}
.trunk,.branch{display:flex;gap:.4rem}.trunk{flex-wrap:wrap;align-items:flex-start;row-gap:1.2rem}
.word{border:1.5px solid var(--word);border-radius:6px;background:var(--word);padding:.1rem .5rem;text-align:center;white-space:nowrap}
.word small{display:block;color:var(--muted);font-size:.72rem;line-height:1.1}
.mention>.word{border-color:var(--own);background:color-mix(in srgb,var(--own) 28%,var(--paper));width:max-content}
.branches{margin-left:.8rem}.branch{flex-wrap:wrap;row-gap:.2rem;position:relative;padding:.5rem 0 0 1.1rem}
.branch::before{content:"";position:absolute;left:0;top:0;width:1.1rem;height:1.7rem;border:solid var(--own);border-width:0 0 1.5px 1.5px}
.branch:not(:last-child)::after{content:"";position:absolute;left:0;top:0;bottom:0;border-left:1.5px solid var(--own)}
.branch .word{background:none;border-color:var(--own)}
.matrix{overflow-x:auto}svg{display:block;font:11px system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif}
svg text{fill:var(--ink)}svg .mention{font-weight:bold}.key{display:inline-block;width:.9rem;height:.9rem;margin-right:.5rem;vertical-align:-.1rem;outline:1px solid var(--rule)}
"""
FILLS = {HIDDEN: "var(--none)", TRUNK: "var(--sight)", HANGS: "var(--own)", INSIDE: "var(--own)"}


def html(shape: Shape) -> bytes:
    """The whole page, in UTF-8."""
    said = "".join(f"<p>{escape(line)}</p>" for line in (shape.summary, *shape.notes))
    keys = "".join(f'<p><span class="key" style="{_fill(why, 1)}"></span>{text}</p>' for why, text in KEYS.items())
    text = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sentence tree</title><style>{STYLE}</style>
<h1>Sentence tree, soft positions below the words</h1>
<div class="trunk">{"".join(_stem(shape, word) for word in shape.trunk)}</div>
<h2>Who sees whom</h2>
<div class="matrix">{_matrix(shape)}</div>
{keys}{said}
</html>
"""
    return text.encode()


def _stem(shape: Shape, word: Word) -> str:
    branches = shape.hanging(word)
    if not branches:
        return _word(word)
    rows = "".join(f'<div class="branch">{"".join(map(_word, branch))}</div>' for branch in branches)
    return f'<div class="mention" style="{_own(word.mention)}">{_word(word)}<div class="branches">{rows}</div></div>'


def _word(word: Word) -> str:
    return f'<div class="word">{escape(word.text)}<small>{word.positions.replace("-", "–")}</small></div>'


def _matrix(shape: Shape) -> str:
    """Cells of one kind in a row are one rectangle; a pattern draws the lines between them."""
    edge = LETTER * max(map(columns, shape.labels)) + CELL
    size, side = edge + CELL * len(shape.labels), CELL * len(shape.labels)
    grid = (
        f'<pattern id="grid" x="{edge}" y="{edge}" width="{CELL}" height="{CELL}" patternUnits="userSpaceOnUse">'
        f'<path d="M{CELL} 0H0V{CELL}" fill="none" stroke="var(--paper)" stroke-width="1.5"/></pattern>'
    )
    return (
        f'<svg role="img" aria-label="visible matrix" width="{size}" height="{size}"><defs>{grid}</defs>'
        f"{''.join(_runs(shape, edge))}"
        f'<rect x="{edge}" y="{edge}" width="{side}" height="{side}" fill="url(#grid)"/>{"".join(_labels(shape, edge))}</svg>'
    )


def _runs(shape: Shape, edge: int) -> Iterator[str]:
    for row, reasons in enumerate(shape.reasons.tolist()):
        for why, group in groupby(range(len(reasons)), key=reasons.__getitem__):
            columns = list(group)
            yield (
                f'<rect x="{edge + CELL * columns[0]}" y="{edge + CELL * row}" width="{CELL * len(columns)}" '
                f'height="{CELL}" style="{_fill(why, int(shape.mention[row]))}"/>'
            )


def _labels(shape: Shape, edge: int) -> Iterator[str]:
    for i, text in enumerate(shape.labels):
        number = int(shape.mention[i])
        own = f' style="fill:{_colour(number)}"' if number else ""
        kind = ' class="mention"' if number and not shape.branch[i] else ""
        at, near = edge + CELL * i + CELL * 3 // 4, edge - 5
        yield f'<text x="{near}" y="{at}" text-anchor="end"{own}{kind}>{escape(text)}</text>'
        yield f'<text transform="translate({at} {near}) rotate(-90)"{own}{kind}>{escape(text)}</text>'


def _fill(why: int, number: int) -> str:
    """The style of a cell; what hangs is paler than what is inside a branch."""
    own = f"{_own(number)};" if why in (HANGS, INSIDE) else ""
    return f"{own}background:{FILLS[why]};fill:{FILLS[why]}" + (";opacity:.45" if why == HANGS else "")


def _own(number: int) -> str:
    return f"--own:{_colour(number)}"


def _colour(number: int) -> str:
    return COLOURS[(number - 1) % len(COLOURS)]
