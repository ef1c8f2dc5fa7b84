"""Names among raw characters: the longest, the authors' way, and never a part of a word."""

from __future__ import annotations

import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import KgError
from kg.aliases import Alias
from kg.dictionary import Dictionary

LETTERS = "北京大学校生活 a"
NAMES = st.lists(st.text(alphabet="北京大学校生活", min_size=1, max_size=5), min_size=1, max_size=8, unique=True)
TEXTS = st.text(alphabet=LETTERS, max_size=25)


def made(names: list[str], order: str) -> Dictionary:
    return Dictionary([Alias(name, name) for name in names], order)  # type: ignore[arg-type]


def found(dictionary: Dictionary, text: str) -> list[str]:
    links = dictionary.link(text)
    assert all(text[link.start : link.end] == link.entity for link in links)
    assert all(one.end <= two.start for one, two in pairwise(links))
    return [link.entity for link in links]


def longest_by_hand(names: list[str], text: str) -> list[str]:
    at, result = 0, []
    while at < len(text):
        here = max((name for name in names if text.startswith(name, at)), key=len, default="")
        if here:
            result.append(here)
        at += len(here) or 1
    return result


def forward_by_hand(names: list[str], text: str) -> list[str]:
    """Each chunk between white space: the deepest path from here; a word if a name lies on it, cut where the path fails."""
    result = []
    for chunk in text.split():
        at = 0
        while at < len(chunk):
            depth = 0
            while at + depth < len(chunk) and any(name.startswith(chunk[at : at + depth + 1]) for name in names):
                depth += 1
            whole = max((n for n in range(1, depth + 1) if chunk[at : at + n] in names), default=0)
            word = (whole if at + depth == len(chunk) else depth) if whole else 1
            if whole and chunk[at : at + word] in names:
                result.append(chunk[at : at + word])
            at += word
    return result


@given(NAMES, TEXTS)
def test_the_longest_name_at_each_place(names: list[str], text: str) -> None:
    assert found(made(names, "longest"), text) == longest_by_hand(names, text)


@given(NAMES, TEXTS)
def test_the_forward_maximum_matching_of_the_authors(names: list[str], text: str) -> None:
    assert found(made(names, "forward"), text) == forward_by_hand(names, text)


def test_a_longer_name_that_fails_half_way_hides_the_shorter_one_only_from_the_authors() -> None:
    names = ["北京", "北京大学校"]
    assert found(made(names, "forward"), "北京大学生活") == []
    assert found(made(names, "forward"), "北京大学") == ["北京"], "at the end of a chunk the last whole name counts"
    assert found(made(names, "forward"), "北京大学 生活") == ["北京"]
    assert found(made(names, "longest"), "北京大学生活") == ["北京"]


def test_what_the_authors_never_split_is_one_word() -> None:
    names = ["MASK", "[MA", "好"]
    assert found(made(names, "forward"), "[MASK]好") == ["好"]
    assert found(made(names, "longest"), "[MASK]好") == ["MASK", "好"]


@pytest.mark.parametrize(
    ("names", "text", "want"),
    [
        (["China", "北京"], "Chinatown China北京", ["China", "北京"]),
        (["China"], "IndoChina, China.", ["China"]),
        (["New York", "New"], "New Yorkers in New York", ["New", "New York"]),
        (["30年", "5"], "改革30年 15 5", ["30年", "5"]),
        (["日本"], "「日本」とJapan日本", ["日本", "日本"]),
        (["Москва"], "Москва, Москвабад", ["Москва"]),
        (["한국"], "한국은 한국", ["한국", "한국"]),
        (["😀", "a"], "b😀a aa", ["😀", "a"]),
        (["x" * 300], "y " + "x" * 300, ["x" * 300]),
        (["a"], "", []),
    ],
)
def test_mixed_scripts_and_odd_names(names: list[str], text: str, want: list[str]) -> None:
    assert found(made(names, "longest"), text) == want


def test_names_with_white_space_are_never_found_the_authors_way() -> None:
    assert found(made(["北 京", "大学"], "forward"), "北 京大学") == ["大学"]


def test_texts_in_one_list_are_matched_like_each_alone_across_chunks() -> None:
    dictionary = made(["北京", "大学"], "longest")
    texts = ["在北京", "大", "学大学", ""] * 700
    assert dictionary.link_many(texts) == [dictionary.link(text) for text in texts]


def test_of_entities_that_share_a_name_the_weightier_is_meant() -> None:
    both = Dictionary([Alias("Q1", "Paris", 1.0), Alias("Q2", "Paris", 3.0)])
    assert [link.entity for link in both.link("Paris")] == ["Q2"]
    assert both.names == 1


def test_a_dictionary_travels_to_another_process() -> None:
    again = pickle.loads(pickle.dumps(made(["北京"], "forward")))
    assert found(again, "在北京") == ["北京"]


def test_bad_input_is_refused() -> None:
    with pytest.raises(KgError, match="no name to look for"):
        Dictionary([])
    with pytest.raises(KgError, match="no order 'longst'. Did you mean 'longest'"):
        made(["a"], "longst")
