"""One example as people write it: text, marked spans, links, a picture and gold labels; offsets count characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kplm.errors import DataError

if TYPE_CHECKING:
    from kplm.data.roles.base import Predicate  # the sources of roles read files of examples


@dataclass(frozen=True, slots=True)
class Mark:
    """A span the task is about, such as the head and the tail of a relation; ``part`` is 0 in the text and 1 in its pair."""

    start: int
    end: int
    role: str
    part: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A mention of a graph entity; ``part`` is 0 in the text and 1 in its pair, ``end`` is exclusive."""

    start: int
    end: int
    entity: str
    score: float = 1.0
    part: int = 0


Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of a picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture a text is about."""

    name: str
    """Its path, relative to ``folder`` or to where the region source looks; in a store of regions its id."""
    boxes: tuple[Box, ...] | None = None
    """Regions that come with the example; None: the region source finds them."""
    meant: tuple[Box, ...] | None = None
    """Gold boxes that the text means, for tasks that ask for a region."""
    labels: tuple[str, ...] | None = None
    """What is in each box, where that is known."""
    kinds: tuple[int, ...] | None = None
    """Number of the class of what is in each box, where that is known; 0 is background."""
    outlines: str | None = None
    """JSON file with the polygons around what is in each box, see :mod:`kplm.data.looks.objects`; read with the picture."""
    features: str | None = None
    """Path of its stored features, where they have a file of their own."""
    mirrored: bool = False
    """Left and right are to be exchanged when it is opened; boxes are those of the picture as it is."""
    folder: str = field(default="", compare=False)
    """Folder of the data file that names the picture."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Words that name a box of the picture; ``part`` is 0 in the text and 1 in its pair, ``end`` is exclusive."""

    start: int
    end: int
    box: int
    """Its number among the boxes of the picture, from 0."""
    part: int = 0


@dataclass(frozen=True, slots=True)
class Structures:
    """The predicates of a sentence with their arguments; ``part`` is 0 in the text and 1 in its pair."""

    words: tuple[tuple[int, int], ...]
    """Character spans of its words."""
    predicates: tuple[Predicate, ...]
    """In the order of the words; each has a tag a word."""
    part: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a data set. Offsets count characters of ``text`` (or of ``pair`` where a mark or a link says part 1)."""

    text: str
    pair: str | None = None
    marks: tuple[Mark, ...] = ()
    """'head' and 'tail' for relations, 'mention' for entity typing, 'target' for a word in context."""
    links: tuple[Link, ...] | None = None
    """None: not linked yet. An empty tuple: linked, and nothing was found."""
    roles: tuple[Structures, ...] | None = None
    """Semantic roles, sentence by sentence, those of the pair behind those of the text. None: not labelled yet."""
    label: str | None = None
    """Gold class of a classification task."""
    labels: tuple[str, ...] | None = None
    """Gold classes of a multi-label task; may be empty."""
    words: tuple[tuple[int, int], ...] = ()
    """Character spans of the words that are tagged."""
    tags: tuple[str | None, ...] | None = None
    """Gold tag of every word, BIO for spans; None where a word has no gold."""
    tag_sets: tuple[tuple[str, ...], ...] | None = None
    """Instead of ``tags`` where several are right: all right tags of every word, none where a word has no gold."""
    picture: Picture | None = None
    references: tuple[Reference, ...] = ()
    """Words that name boxes of the picture."""
    spans: tuple[tuple[int, int], ...] | None = None
    """Gold answers to the text as character spans of its pair; an empty tuple: the pair does not answer it."""
    scores: tuple[tuple[str, float], ...] | None = None
    """Gold answers to a question, each with what it scores from 0 to 1."""
    group: str = ""
    """The question that this row is one choice for, where the choices are rows of their own."""
    id: str = ""
    where: str = field(default="", compare=False)
    """File and line the example came from, for messages."""

    def __post_init__(self) -> None:
        for part in (0, 1):
            self._check_spans("marks", tuple(mark for mark in self.marks if mark.part == part), part)
            self._check_spans("links", tuple(link for link in self.links or () if link.part == part), part)
            self._check_spans("references", tuple(one for one in self.references if one.part == part), part)
        self._check_spans("spans", tuple(Mark(*span, "answer", 1) for span in self.spans or ()), 1)
        for structures in self.roles or ():
            self._check_roles(structures)
        for name, found in (("tags", self.tags), ("tag sets", self.tag_sets)):
            if found is not None and len(found) != len(self.words):
                one = name.removesuffix("s")
                raise DataError(
                    f"{self.where or 'example'}: {len(found)} {name} for {len(self.words)} words; give one {one} a word."
                )

    def _check_roles(self, found: Structures) -> None:
        for predicate in found.predicates:
            if len(predicate.tags) != len(found.words):
                raise DataError(
                    f"{self.where or 'example'}: the predicate at word {predicate.index} has {len(predicate.tags)} role tags for "
                    f"{len(found.words)} words; give one tag a word."
                )

    def _check_spans(
        self, name: str, spans: tuple[Mark, ...] | tuple[Link, ...] | tuple[Reference, ...], part: int
    ) -> None:
        length = len((self.pair or "") if part else self.text)
        for span in spans:
            if not 0 <= span.start <= span.end <= length:
                what = "pair" if part else "text"
                raise DataError(
                    f"{self.where or 'example'}: {name} has the span {span.start}..{span.end}, but the {what} has "
                    f"{length} characters. Offsets count characters from 0, and the end is exclusive."
                )


def join_words(tokens: Sequence[str], between: str = " ") -> tuple[str, tuple[tuple[int, int], ...]]:
    """Join words by single spaces, or by what is given, and return the text with the character span of each word.

    >>> join_words(["Rome", "fell"])
    ('Rome fell', ((0, 4), (5, 9)))
    """
    spans, start = [], 0
    for token in tokens:
        spans.append((start, start + len(token)))
        start += len(token) + len(between)
    return between.join(tokens), tuple(spans)
