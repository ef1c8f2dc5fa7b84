"""Texts as words, and which words are too common to be names."""

from __future__ import annotations

import re
from collections.abc import Sequence

END = "\n"
CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09cd\ufe0f"
WORD = re.compile(f"[{CJK}]|[^\\W{CJK}]+(?:[{MARKS}]+[^\\W{CJK}]*)*|[^\\w\\s]")

STOP_WORDS = frozenset(
    """a about above after again against all also although always am among an and another any are around as at away back
    be became because become been before behind being below between both but by came can come could did do does doing
    done down during each either else ever every few first for from further get go going gone got had has have having he
    her here hers herself him himself his how however i if in into is it its itself just last later least less let like
    made make many may me might mine more most much must my myself near neither never next no nor not nothing now of off
    often on once one only or other our ours out over own per put quite rather s same second see seen several shall she
    should since so some something soon still such t than that the their theirs them then there these they third this
    those three through thus to together too toward two under until up upon us very was way we well went were what when
    where whether which while who whole whom whose why will with within without would yes yet you your yours""".split()  # noqa: SIM905
)


def word_matches(text: str) -> list[re.Match[str]]:
    """The words of a text with their places: runs of letters and digits, single CJK characters, single symbols."""
    return list(WORD.finditer(text))


def spaced(text: str) -> str:
    """The words of a text joined by one blank: the form in which names are compared."""
    return " ".join(WORD.findall(text))


def folded(words: Sequence[str]) -> str:
    """Words without their case, joined by `END`, which no word contains."""
    return END.join(words).casefold()
