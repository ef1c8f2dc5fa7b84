"""Wikipedia pages as WikiExtractor writes them with ``-l``: ``<doc ...>`` to ``</doc>``, or JSON lines."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from kg.blocks.lines import Complain, Line
from kplm.data.corpus.document import Document, Format, Mention
from kplm.data.corpus.linked import parsed

OPEN, CLOSE = "<doc", "</doc>"
TITLE = re.compile(r'\btitle="')
TAG = re.compile(r"""<a\s+href=(?:"([^"]*)"|'([^']*)')[^<>]*>|</a>""", re.IGNORECASE)
"""No part of it may run past the next ``<``, or a page of tags without an end would take the square of its length."""


def read(lines: Iterable[Line], complain: Complain) -> Iterator[Document]:
    """One document for each page; the title line is dropped, the paragraphs stay apart."""
    opened: Line | None = None
    body: list[str] = []
    for line in lines:
        text = line.text.strip()
        if title_of(text) is not None:
            if opened is not None:
                complain(opened, f"{CLOSE} before the next page begins in line {line.number}")
            opened, body = line, []
        elif text == CLOSE and opened is not None:
            yield _page(opened, title_of(opened.text.strip()) or "", body)
            opened = None
        elif opened is not None:
            body.append(text)
        elif text:
            complain(line, '<doc id="..." url="..." title="..."> before the text of a page')
    if opened is not None:
        complain(opened, f"{CLOSE} at the end of the page; the file may be cut off")


def read_json(lines: Iterable[Line], complain: Complain) -> Iterator[Document]:
    """One document for each JSON object with ``title`` and ``text``."""
    for line in lines:
        row = parsed(line, complain) if line.text.strip() else None
        if row is None:
            continue
        if isinstance(row.get("text"), str) and isinstance(row.get("title"), str):
            yield _page(line, _unescaped(row["title"]), [part.strip() for part in row["text"].split("\n")])
        else:
            complain(line, "a JSON object with title and text, both strings")


def title_of(tag: str) -> str | None:
    """The title of a page in the tag that opens it, empty if it has none; None where it is no such tag.

    >>> title_of('<doc id="1" title="The &quot;Who&quot;">'), title_of("<doc>"), title_of("<dock>")
    ('The "Who"', '', None)
    """
    if not tag.startswith((f"{OPEN} ", f"{OPEN}\t", f"{OPEN}>")) or not tag.endswith(">"):
        return None
    inside = tag[len(OPEN) : -1]
    found = TITLE.search(inside)
    before, rest = (inside[: found.start()], inside[found.end() :]) if found else (inside, "")
    title, _, behind = rest.rpartition('"')
    return None if ">" in before or ">" in behind else _unescaped(title)


def page_title(target: str) -> str:
    """The title of the page that an anchor leads to, empty for a place on the same page.

    >>> page_title("new%20York_City#History"), page_title("AT&amp;T")
    ('New York City', 'AT&T')
    """
    title = _unescaped(unquote(_unescaped(target))).partition("#")[0]
    title = " ".join(title.replace("_", " ").split())
    return title[:1].upper() + title[1:]


def without_anchors(text: str) -> tuple[str, list[Mention]]:
    """A paragraph without its anchors, and where they were; an anchor that is not closed leaves its text only.

    >>> without_anchors('In <a href="rome#Sights">the city</a>.')
    ('In the city.', [Mention(start=3, end=11, entity='Rome')])
    """
    text, parts, mentions = _unescaped(text), [], []
    size = at = 0
    opened: tuple[int, str] | None = None
    for tag in TAG.finditer(text):
        parts.append(text[at : tag.start()])
        size, at = size + tag.start() - at, tag.end()
        if tag[0].startswith("</"):
            if opened is not None:
                mentions.append(Mention(opened[0], size, opened[1]))
            opened = None
        else:
            opened = size, page_title(tag[1] or tag[2] or "")
    return "".join([*parts, text[at:]]), mentions


def _unescaped(text: str) -> str:
    """With characters for their names and numbers; as it is where a number has thousands of digits."""
    try:
        return html.unescape(text)
    except ValueError:
        return text


def _page(line: Line, title: str, body: list[str]) -> Document:
    filled = [text for text in body if text]
    if filled and _unescaped(filled[0]) == title:
        filled = filled[1:]
    texts, mentions, size = [], [], 0
    for paragraph in filled:
        text, own = without_anchors(paragraph)
        texts.append(text)
        mentions += [Mention(size + start, size + end, entity) for start, end, entity in own]
        size += len(text) + 1
    return Document("\n".join(texts), mentions, title or line.where)


WIKI = Format(closes=lambda line: line == CLOSE.encode(), read=read)
WIKI_JSON = Format(closes=bool, read=read_json)
