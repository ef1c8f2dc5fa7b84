"""The predicates of a sentence as a page that needs nothing else, in light and in dark: a row a predicate, its spans under the words."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from kplm.data.roles.base import VERB
from kplm.inspect.shape import COLOURS

if TYPE_CHECKING:
    from kplm.data.roles import Predicate
    from kplm.inspect.roles import Reading

MODIFIER = "var(--muted)"
STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--muted:#66717e;--paper:#fff;--rule:#d5dce3;--pure:100%;--tint:20%}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaef;--muted:#9aa6b2;--paper:#14181d;--rule:#39434d;--pure:62%;--tint:34%}}
body{margin:2rem;background:var(--paper);color:var(--ink);font:15px/1.35 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif}
h1{font-size:1.2rem;margin:0 0 .3rem}p{color:var(--muted);margin:.3rem 0}
.map{overflow-x:auto;padding:1rem 0}table{border-collapse:separate;border-spacing:3px 5px}
thead th{font-weight:400;font-size:1.05rem;padding:0 .15rem .3rem;white-space:nowrap;text-align:left}thead th.verb{font-weight:700}
tbody th{position:sticky;left:0;background:var(--paper);text-align:right;padding:0 .8rem 0 0;white-space:nowrap}
tbody th small{display:block;color:var(--muted);font-weight:400;font-size:.74rem;line-height:1.1}
td{font-size:.78rem;padding:.15rem .35rem;white-space:nowrap;text-align:left}
td.span{background:color-mix(in srgb,var(--own) var(--tint),var(--paper));border-bottom:3px solid color-mix(in srgb,var(--own) var(--pure),#fff);border-radius:4px}
td.verb{background:var(--ink);color:var(--paper);font-weight:700;border-radius:4px}
tbody tr:hover th{text-decoration:underline}td.span:hover{outline:2px solid var(--ink);outline-offset:-1px}
"""


def html(reading: Reading) -> bytes:
    """The whole page, in UTF-8."""
    text = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Semantic roles</title><style>{STYLE}</style>
<h1>Who did what to whom</h1>
<p>{escape(reading.summary)}</p>
<div class="map"><table>{_head(reading)}<tbody>{"".join(_row(reading, one) for one in reading.predicates)}</tbody></table></div>
</html>
"""
    return text.encode()


def _head(reading: Reading) -> str:
    verbs = {one.index for one in reading.predicates}
    words = (f"<th{' class=verb' if i in verbs else ''}>{escape(word)}</th>" for i, word in enumerate(reading.words))
    return f"<thead><tr><th></th>{''.join(words)}</tr></thead>"


def _row(reading: Reading, one: Predicate) -> str:
    sense = f"<small>{escape(one.roleset)}</small>" if one.roleset else ""
    cells = "".join(_cells(reading, one))
    return f"<tr><th>{escape(reading.words[one.index])}{sense}</th>{cells}</tr>"


def _cells(reading: Reading, one: Predicate) -> Iterator[str]:
    at = 0
    for label, begin, end in one.spans:
        yield "<td></td>" * (begin - at)
        text = " ".join(reading.words[begin:end])
        kind = 'class="verb"' if label == VERB else f'class="span" style="--own:{_colour(label)}"'
        yield f'<td {kind} colspan="{end - begin}" title="{escape(f"{label}: {text}")}">{escape(label)}</td>'
        at = end
    yield "<td></td>" * (len(reading.words) - at)


def _colour(label: str) -> str:
    """Numbered arguments have colours of their own, those of R- and C- that of their role; modifiers share one."""
    number = label[-1]
    return COLOURS[int(number) % len(COLOURS)] if number.isdecimal() else MODIFIER
