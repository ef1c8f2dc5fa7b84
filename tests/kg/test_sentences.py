"""Sentences begin where spaCy's sentencizer says, though it sees only a part of the text."""

from __future__ import annotations

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import KgError
from kg.sentences import Sentences

PIECES = [*"aB.!? \n\t_$(\"')…。-", "\u00a0", "  ", " ", " ", "word", "U.S.", "Mr.", "e.g.", "http://a.b/c?d", "..."]
ENGLISH = Sentences("en")
SPACY = spacy.blank("en")
SPACY.add_pipe("sentencizer")


def spacy_starts(text: str) -> list[int]:
    return [sentence.start_char for sentence in SPACY(text).sents]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), max_size=5))
def test_the_starts_are_those_of_spacy_on_the_whole_text(texts: list[str]) -> None:
    assert [starts.tolist() for starts in ENGLISH.starts(texts)] == [spacy_starts(text) for text in texts]


def test_abbreviations_and_quotes_follow_spacy() -> None:
    text = 'Dr. Smith of the U.S. came. "Why?" He went (twice!). Then...  Rome'
    assert [starts.tolist() for starts in ENGLISH.starts([text])] == [spacy_starts(text)]
    assert len(spacy_starts(text)) > 3


def test_texts_without_signs_and_empty_ones() -> None:
    assert [starts.tolist() for starts in ENGLISH.starts(["no sign", "", "x"])] == [[0], [], [0]]
    assert ENGLISH.starts([]) == []


def test_a_language_without_blanks_is_split_as_a_whole() -> None:
    assert [starts.tolist() for starts in Sentences("zh").starts(["你好。再见。", ""])] == [[0, 3], []]


def test_long_runs_of_signs_are_no_trap() -> None:
    text = f"{'.' * 20_000} a{'. )' * 5_000} b. c{'!_' * 200}"
    assert [starts.tolist() for starts in ENGLISH.starts([text])] == [spacy_starts(text)]


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(KgError, match="spaCy cannot split sentences in the language 'qq'"):
        Sentences("qq")
