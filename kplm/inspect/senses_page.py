"""The supersenses of a sentence as a page that needs nothing else, in light and in dark: the best of each word, and all of all."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from kplm.inspect.shape import COLOURS

if TYPE_CHECKING:
    from kplm.inspect.sensed import Reading, Word

SHOWN = 3
TOLD = 0.095
"""Shares from here on stand as numbers in their cells."""
STRONG = 0.65
"""Numbers of larger shares are white, as their cells are dark."""
STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--muted:#66717e;--paper:#fff;--rule:#d5dce3;--none:#f3f5f7;--full:#1d2733;--pure:100%}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaef;--muted:#9aa6b2;--paper:#14181d;--rule:#39434d;--none:#1c2229;--full:#fff;--pure:62%}}
body{margin:2rem;background:var(--paper);color:var(--ink);font:15px/1.35 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif}
h1{font-size:1.2rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:2.2rem 0 .8rem}p{color:var(--muted);margin:.3rem 0}
.sentence{display:flex;flex-wrap:wrap;gap:.6rem;margin-top:1.2rem}
.word{border:1px solid var(--rule);border-radius:7px;padding:.35rem .6rem .5rem;min-width:9.5rem}
.word b{display:block;font-size:1.05rem;margin-bottom:.25rem}.word.plain{opacity:.6}
.sense{display:grid;grid-template-columns:1fr auto;column-gap:.7rem;font-size:.78rem;line-height:1.25;color:var(--muted)}
.sense.may{color:var(--ink);font-weight:600}.sense.may>span::before{content:"\\2022\\00a0";color:color-mix(in srgb,var(--own) var(--pure),#fff)}
.sense i{grid-column:1/3;height:4px;border-radius:2px;margin:1px 0 4px;background:linear-gradient(90deg,var(--own) var(--part),var(--none) var(--part))}
.map{overflow-x:auto;padding-bottom:.5rem}table{border-collapse:separate;border-spacing:1px}
thead th{font-weight:400;font-size:.74rem;color:var(--muted);padding:0;vertical-align:bottom}
thead tr:first-child th{color:color-mix(in srgb,var(--own) var(--pure),#fff);font-weight:600;text-align:left;padding:0 0 .3rem 3px;border-left:2px solid}
thead tr:first-child th:first-child{border:0}
thead span{display:inline-block;writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap;padding-top:.3rem}
tbody th{position:sticky;left:0;background:var(--paper);text-align:right;font-weight:600;font-size:.85rem;padding:0 .6rem 0 0;white-space:nowrap}
tr.plain th{color:var(--muted);font-weight:400}tbody tr:hover th{text-decoration:underline}
td{width:21px;min-width:21px;height:21px;padding:0;text-align:center;font-size:.66rem;border-radius:3px;box-sizing:border-box;
background:color-mix(in srgb,var(--own) var(--part),var(--none))}
td.may,.key{outline:1.5px solid color-mix(in srgb,var(--own) var(--pure),#fff);outline-offset:-1.5px}td.strong{color:#fff}td:hover{outline:2px solid var(--full);outline-offset:-1px}
.key{display:inline-block;width:.9rem;height:.9rem;margin-right:.5rem;vertical-align:-.1rem;border-radius:3px;box-sizing:border-box;background:var(--none)}
"""


def html(reading: Reading) -> bytes:
    """The whole page, in UTF-8."""
    said = "".join(f"<p>{escape(line)}</p>" for line in (reading.summary, *reading.notes))
    text = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Supersenses</title><style>{STYLE}</style>
<h1>Supersenses of the words</h1>
{said}
<div class="sentence">{"".join(_card(reading, word) for word in reading.words)}</div>
<h2>All supersenses, in percent</h2>
<div class="map"><table>{_head(reading)}<tbody>{"".join(_row(reading, word) for word in reading.words)}</tbody></table></div>
<p><span class="key" style="--own:{COLOURS[0]}"></span>WordNet allows this supersense for this word; words for which it allows none are paler</p>
</html>
"""
    return text.encode()


def _card(reading: Reading, word: Word) -> str:
    rows = "".join(
        f'<div class="sense{" may" if word.allowed[sense] else ""}" style="{_style(reading, word, sense)}">'
        f"<span>{escape(reading.senses[sense])}</span>{word.shares[sense]:.0%}<i></i></div>"
        for sense in word.best(SHOWN)
    )
    return f'<div class="word{_plain(word)}"><b>{escape(word.text)}</b>{rows}</div>'


def _head(reading: Reading) -> str:
    above, below = "", ""
    for pos, group in _groups(reading):
        alone = len(group) == 1
        above += f'<th colspan="{len(group)}" style="--own:{_colour(reading, pos)}">{"" if alone else escape(pos)}</th>'
        names = (reading.senses[sense] for sense in group)
        below += "".join(
            f"<th><span>{escape(name if alone else name.removeprefix(f'{pos}.'))}</span></th>" for name in names
        )
    return f"<thead><tr><th></th>{above}</tr><tr><th></th>{below}</tr></thead>"


def _row(reading: Reading, word: Word) -> str:
    cells = "".join(_cell(reading, word, sense) for _, group in _groups(reading) for sense in group)
    return f'<tr class="{_plain(word).strip()}"><th>{escape(word.text)}</th>{cells}</tr>'


def _cell(reading: Reading, word: Word, sense: int) -> str:
    share = float(word.shares[sense])
    kinds = " ".join([*(["may"] if word.allowed[sense] else []), *(["strong"] if share > STRONG else [])])
    told = f"{word.text}: {reading.senses[sense]} {share:.1%}"
    number = f"{share:.0%}".rstrip("%") if share >= TOLD else ""
    return f'<td class="{kinds}" style="{_style(reading, word, sense)}" title="{escape(told)}">{number}</td>'


def _style(reading: Reading, word: Word, sense: int) -> str:
    return f"--own:{_colour(reading, _pos(reading.senses[sense]))};--part:{float(word.shares[sense]):.1%}"


def _groups(reading: Reading) -> list[tuple[str, list[int]]]:
    """The columns, those of a part of speech together."""
    order = sorted(range(len(reading.senses)), key=lambda sense: _pos(reading.senses[sense]))
    return [(pos, list(group)) for pos, group in groupby(order, key=lambda sense: _pos(reading.senses[sense]))]


def _pos(name: str) -> str:
    return name.partition(".")[0]


def _colour(reading: Reading, pos: str) -> str:
    known = sorted(set(map(_pos, reading.senses)), reverse=True)
    return COLOURS[known.index(pos) % len(COLOURS)]


def _plain(word: Word) -> str:
    return "" if word.allowed.any() else " plain"
