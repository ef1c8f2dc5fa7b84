"""``kplm inspect senses``: which supersenses a SenseBERT sees in the words of a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from os import environ
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from kplm.errors import KplmError
from kplm.inspect.senses_page import html
from kplm.inspect.shape import columns
from kplm.inspect.terminal import BRANCH, DIM, RESET
from kplm.inspect.tree import write
from kplm.locate import locate
from kplm.text.beside import tokenizer_beside

if TYPE_CHECKING:
    from kplm.inspect.sensed import Reading, Word

SHOWN, BAR, SHORT = 3, 10, 4
"""Supersenses a word, one fewer where there is no room; and columns of the longest bar and of one that still tells something."""
BESIDE = 10
"""Columns of a cell that are neither name nor bar."""
EIGHTHS = " ▏▎▍▌▋▊▉"


def senses(sentence: str, *, model: str, out: str | None = None, wordnet: str | None = None) -> None:
    """Show the distribution over WordNet's supersenses that a SenseBERT sees in every word of a sentence.

    A word of several pieces is read from the mean of their states. A [MASK] in the sentence is guessed from the rest.

    Args:
        sentence: the text.
        model: folder of a SenseBERT, or a checkpoint.
        out: also write all numbers: a page, FILE.html, or FILE.json.
        wordnet: folder of WordNet, to mark what words of several pieces may mean; by default it is looked for.
    """
    from kplm.hub import from_pretrained  # these two bring Lightning, which other inspections do without
    from kplm.inspect.sensed import sensed

    renderings = {".html": html, ".json": numbers}
    suffix = "" if out is None else Path(out).suffix.lower()
    if out is not None and suffix not in renderings:
        raise KplmError(f"--out {out}: what a file of kind '{suffix}' holds is not known; give FILE.html or FILE.json.")
    if not sentence.strip():
        raise KplmError("the sentence is empty. Give a text, in quotes.")
    encoder = from_pretrained(model)
    tokenizer = tokenizer_beside(locate(model), encoder.config.vocab_size)
    reading = sensed(encoder, tokenizer, sentence, wordnet)
    colours = sys.stdout.isatty() and "NO_COLOR" not in environ
    print("\n".join(lines(reading, get_terminal_size((100, 24)).columns, colours)))
    if out is not None:
        write(Path(out).expanduser(), renderings[suffix](reading))
        print(f"wrote {out}")


def lines(reading: Reading, width: int, colours: bool = False) -> Iterator[str]:
    """The likeliest supersenses of each word, for a terminal.

    Args:
        reading: the sentence.
        width: columns of the terminal; bars are as long as there is room.
        colours: mark what WordNet allows in colour, and dim words that it does not know.
    """
    edge = max(columns(word.text) for word in reading.words)
    for most in (SHOWN, SHOWN - 1):
        best = [word.best(most) for word in reading.words]
        names = [max(len(reading.senses[sense]) for sense in place) for place in zip(*best)]
        bar = min(BAR, (width - edge - sum(names)) // len(names) - BESIDE)
        if bar >= SHORT:
            break
    for word, row in zip(reading.words, best):
        cells = (_cell(reading, word, sense, size, max(0, bar), colours) for sense, size in zip(row, names))
        line = word.text + " " * (edge - columns(word.text)) + "".join(cells)
        yield f"{DIM}{line}{RESET}" if colours and not word.allowed.any() else line
    yield from ("", "• allowed by WordNet", reading.summary, *reading.notes)


def numbers(reading: Reading) -> bytes:
    """All numbers as JSON: ``senses``, and for each word ``text``, ``allowed`` and ``shares`` in the order of the senses."""
    words = [
        {
            "text": word.text,
            "allowed": [name for name, may in zip(reading.senses, word.allowed) if may],
            "shares": [round(float(share), 6) for share in word.shares],
        }
        for word in reading.words
    ]
    return json.dumps({"senses": reading.senses, "words": words}, ensure_ascii=False, indent=1).encode() + b"\n"


def _cell(reading: Reading, word: Word, sense: int, size: int, bar: int, colours: bool) -> str:
    share, may = float(word.shares[sense]), bool(word.allowed[sense])
    text = f"{'•' if may else ' '} {reading.senses[sense]:{size}} {_bar(share, bar)} {share:4.0%}"
    return f"  {BRANCH}{text}{RESET}" if colours and may else f"  {text}"


def _bar(share: float, width: int) -> str:
    """A bar of blocks, in eighths of a column."""
    whole, part = divmod(round(share * width * 8), 8)
    return ("█" * whole + EIGHTHS[part])[:width].ljust(width)
