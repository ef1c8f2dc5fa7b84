"""Fonts that can write a text."""

from __future__ import annotations

from functools import cache

from kplm.errors import KplmError

FIRST = "DejaVu Sans"
"""Comes with matplotlib."""


def families(text: str) -> list[str]:
    """Names of installed fonts that together have all characters of a text.

    Raises:
        KplmError: no installed font has one of them.
    """
    from matplotlib.font_manager import fontManager

    chosen, missing = [FIRST], {ord(c) for c in text if not c.isspace()}
    plain = (one for one in fontManager.ttflist if one.style == "normal" and "Last Resort" not in one.name)
    ordered = sorted(plain, key=lambda one: (one.name != FIRST, abs(int(one.weight) - 400), one.name))
    for font in ordered:
        if not missing:
            break
        found = missing & _characters(font.fname)
        if found and font.name not in chosen:
            chosen.append(font.name)
        missing -= found
    if missing:
        some = "".join(c for c in dict.fromkeys(text) if ord(c) in missing)[:5]
        raise KplmError(
            f"no installed font can write '{some}' in a PNG. Write a page instead, with --out FILE.html, or install a font "
            f"that has these characters, such as Noto Sans CJK for Chinese."
        )
    return chosen


@cache
def _characters(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except RuntimeError:  # bitmap fonts, such as those of coloured emoji
        return frozenset()
