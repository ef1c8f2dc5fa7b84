"""``kplm inspect roles``: who did what to whom in a sentence, as a source of roles sees it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import environ
from pathlib import Path
from shutil import get_terminal_size

from kplm.data.roles import Predicate
from kplm.data.roles.base import VERB, Span
from kplm.errors import KplmError
from kplm.inspect.roles_page import html
from kplm.inspect.shape import columns, counted, printable
from kplm.inspect.terminal import BRANCH, MENTION, RESET
from kplm.inspect.tree import write
from kplm.roles.opening import open_source

GAP = 1
"""Columns between two words."""
LINE = "─"


@dataclass(frozen=True)
class Reading:
    """A sentence with its predicates."""

    words: tuple[str, ...]
    predicates: tuple[Predicate, ...]

    @property
    def summary(self) -> str:
        """What was found, in numbers."""
        arguments = sum(label != VERB for one in self.predicates for label, _, _ in one.spans)
        if not self.predicates:
            return f"{counted(len(self.words), 'word')}, no predicate"
        found = f"{counted(len(self.predicates), 'predicate')} with {counted(arguments, 'argument')}"
        return f"{counted(len(self.words), 'word')}, {found}"


def roles(sentence: str, *, by: str = "rules", out: str | None = None) -> None:
    """Show the predicates of a sentence, and the spans of their arguments under its words.

    Args:
        sentence: the text.
        by: who tells the roles: rules; the folder or checkpoint of a trained labeller; or a file that has the sentence.
        out: also write a page, FILE.html.
    """
    if out is not None and Path(out).suffix.lower() != ".html":
        raise KplmError(f"--out {out}: what a file of kind '{Path(out).suffix}' holds is not known; give FILE.html.")
    reading = read(sentence, by)
    colours = sys.stdout.isatty() and "NO_COLOR" not in environ
    print("\n".join(lines(reading, get_terminal_size((100, 24)).columns, colours)))
    if out is not None:
        write(Path(out).expanduser(), html(reading))
        print(f"wrote {out}")


def read(sentence: str, source: str) -> Reading:
    """The words and predicates that a source finds in a text.

    Raises:
        KplmError: the sentence is empty, or the source cannot be opened or does not know it.
        KgError: a pipeline of spaCy or a file is not there.
    """
    opened = open_source(source)
    [places] = opened.words([sentence])
    words = tuple(sentence[start:end] for start, end in places)
    if not words:
        raise KplmError("the sentence is empty. Give a text, in quotes.")
    [predicates] = opened([words])
    return Reading(tuple(map(printable, words)), predicates)


def lines(reading: Reading, width: int, colours: bool = False) -> Iterator[str]:
    """The words, and a line a predicate below them, for a terminal.

    Args:
        reading: the sentence.
        width: columns of the terminal; a longer sentence goes on below.
        colours: mark predicates and arguments by colours.
    """
    sizes = _sizes(reading)
    for begin, end in _parts(sizes, width):
        yield (" " * GAP).join(_filled(reading.words[i], sizes[i]) for i in range(begin, end)).rstrip()
        for one in reading.predicates:
            inside = [span for span in one.spans if span[1] < end and span[2] > begin]
            if inside:
                yield _drawn(inside, sizes, begin, end, colours)
        yield ""
    yield reading.summary


def short(label: str) -> str:
    """A role without the ARGM- that all modifiers have: TMP, R-LOC."""
    return label.replace("ARGM-", "")


def _sizes(reading: Reading) -> list[int]:
    """Columns of each word, as many as the labels below it need."""
    sizes = [columns(word) for word in reading.words]
    for label, begin, end in (span for one in reading.predicates for span in one.spans):
        sizes[end - 1] += max(0, len(short(label)) - sum(sizes[begin:end]) - GAP * (end - begin - 1))
    return sizes


def _parts(sizes: Sequence[int], width: int) -> Iterator[tuple[int, int]]:
    """The words that stand in one line."""
    begin, used = 0, 0
    for at, size in enumerate(sizes):
        if at > begin and used + size > width:
            yield begin, at
            begin, used = at, 0
        used += size + GAP
    yield begin, len(sizes)


def _drawn(spans: Sequence[Span], sizes: Sequence[int], begin: int, end: int, colours: bool) -> str:
    """The spans of a predicate as labelled strokes; a span that began in an earlier line has no label."""
    text, at = "", begin
    for label, first, last in spans:
        start, stop = max(first, begin), min(last, end)
        room = sum(sizes[start:stop]) + GAP * (stop - start - 1)
        stroke = (short(label) if first >= begin else "").ljust(room, LINE)[:room]
        colour = MENTION if label == VERB else BRANCH
        text += " " * (sum(sizes[at:start]) + GAP * (start - at))
        text += f"{colour}{stroke}{RESET}" if colours else stroke
        text += " " * GAP
        at = stop
    return text.rstrip()


def _filled(text: str, size: int) -> str:
    return text + " " * (size - columns(text))
