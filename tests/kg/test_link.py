"""Links lie where the names are, the longest name wins, case and company decide, and nothing is lost on saving."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import KgError, Link, Linker, Name, TripleStore
from kg.aliases import Alias, Rules
from kg.words import spaced, word_matches

TRIPLES = [
    ("paris", "capital_of", "france"),
    ("paris_texas", "city_in", "texas"),
    ("texas", "state_of", "usa"),
    ("dallas", "city_in", "texas"),
    ("apple_inc", "makes", "ipod"),
    ("france", "member_of", "un"),
    ("paris", "on", "seine"),
]
NAMES = {
    "paris": Name("Paris"),
    "paris_texas": Name("Paris, Texas", "", ("Paris",)),
    "texas": Name("Texas"),
    "dallas": Name("Dallas"),
    "usa": Name("United States", "", ("US", "United States of America")),
    "france": Name("France"),
    "apple_inc": Name("Apple"),
    "ipod": Name("iPod"),
    "seine": Name("river seine", "", ("塞纳河", "the")),
    "un": Name("WHO"),
}
STORE = TripleStore.from_triples(TRIPLES, NAMES)


def linked(text, **rules):
    """The text and entity of each link."""
    return [(text[link.start : link.end], link.entity) for link in Linker.from_store(STORE, **rules).link(text)]


def test_offsets_and_the_longest_name():
    assert linked("The United  States of America, Dallas.") == [
        ("United  States of America", "usa"),
        ("Dallas", "dallas"),
    ]
    assert linked("United States of Dallas") == [("United States", "usa"), ("Dallas", "dallas")]


def test_names_end_where_words_end():
    assert linked("Parisian Texasville Dallas-based DallasX") == [("Dallas", "dallas")]


@pytest.mark.parametrize(
    ("text", "smart", "cased", "uncased"),
    [
        ("us", 0, 0, 0),
        ("US", 1, 1, 0),
        ("who", 0, 0, 0),
        ("WHO", 1, 1, 0),
        ("apple", 0, 0, 1),
        ("APPLE", 1, 0, 1),
        ("IPod", 1, 0, 1),
        ("ipod", 0, 0, 1),
        ("River Seine", 1, 0, 1),
        ("the", 0, 0, 0),
        ("The", 0, 0, 0),
    ],
)
def test_case_rules(text, smart, cased, uncased):
    found = [len(linked(text, case=case)) for case in ("smart", "cased", "uncased")]
    assert found == [smart, cased, uncased]


def test_a_refused_longer_name_gives_way_to_a_shorter_one():
    linker = Linker([Alias("a", "New York"), Alias("b", "New York times")], rules=Rules(case="cased"))
    assert [link.entity for link in linker.link("New York Times")] == ["a"]


def test_company_decides_between_two_entities_of_one_name():
    assert linked("Paris lies on the river Seine in France.")[0] == ("Paris", "paris")
    assert linked("From Dallas we drove through Texas to Paris.")[-1] == ("Paris", "paris_texas")
    assert linked("From Dallas we drove through Texas to Paris.", context=0.0)[-1] == ("Paris", "paris")


def test_a_prior_decides_without_company():
    store = TripleStore.from_triples(TRIPLES, NAMES | {"paris_texas": Name("Paris", prior=9.0)})
    [link] = Linker.from_store(store).link("Paris")
    assert (link.entity, link.score) == ("paris_texas", 1.0)


def test_scores_and_threshold():
    assert Linker.from_store(STORE).link("Dallas")[0] == Link(0, 6, "dallas", 1.0)
    assert Linker.from_store(STORE).link("DALLAS")[0].score == 0.8
    assert 0.5 < Linker.from_store(STORE).link("Paris")[0].score < 0.9
    assert linked("Paris, DALLAS", threshold=0.9) == []


def test_cjk_needs_no_boundaries():
    assert linked("我爱塞纳河水") == [("塞纳河", "seine")]


def test_ids_are_names_where_nothing_has_one():
    store = TripleStore.from_triples([("感冒", "类别", "疾病"), ("感冒药", "类别", "药")])
    assert [link.entity for link in Linker.from_store(store).link("治感冒药和感冒")] == ["感冒药", "感冒"]


def test_empty_and_very_long_texts():
    linker = Linker.from_store(STORE)
    assert linker.link("") == linker.link(" \n\t") == []
    text = "Dallas and Paris in Texas, " * 2_000
    start = time.perf_counter()
    links = linker.link(text)
    assert len(links) == 6_000
    assert time.perf_counter() - start < 5
    assert linker.link_many(["Dallas", ""]) == [linker.link("Dallas"), []]


WORDS = st.sampled_from(
    ["New", "new", "York", "city", "of", "Zürich", "ﬁ", "İst", "塞", "纳河", "U.S.", "e\u0301", "🌍", "x"]
)
PHRASES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)


@given(st.lists(PHRASES, min_size=1, max_size=12), st.lists(WORDS | st.text(max_size=3), max_size=30).map(" ".join))
@settings(deadline=None, max_examples=150)
def test_links_cover_names_do_not_overlap_and_are_longest(phrases, text):
    rules = Rules(case="uncased", min_length=1, stop_words=frozenset())
    usable = {spaced(phrase).casefold() for phrase in phrases if rules.usable(spaced(phrase))}
    if not usable:
        return
    links = Linker([Alias(phrase, phrase) for phrase in phrases], rules=rules).link(text)
    for link in links:
        assert spaced(text[link.start : link.end]).casefold() in usable
        assert spaced(link.entity).casefold() == spaced(text[link.start : link.end]).casefold()
        assert 0 <= link.score <= 1
    assert [(link.start, link.end) for link in links] == list(slow_spans(text, usable))


def slow_spans(text, forms):
    """Leftmost, longest, by trying every span."""
    words, first = word_matches(text), 0
    while first < len(words):
        for last in range(len(words), first, -1):
            form = " ".join(word[0].casefold() for word in words[first:last])
            if form in forms:
                yield words[first].start(), words[last - 1].end()
                first = last - 1
                break
        first += 1


def test_save_and_open_link_the_same(tmp_path):
    text = "From DALLAS through Texas to Paris. The US and the iPod. 塞纳河"
    for graph in (STORE, None):
        linker = Linker([Alias("paris", "Paris", 2.0), Alias("paris_texas", "Paris")], graph, Rules(threshold=0.1))
        linker.save(tmp_path / "linker")
        again = Linker.open(tmp_path / "linker")
        assert again.rules == linker.rules
        assert again.link(text) == linker.link(text) != []
    with pytest.raises(KgError, match="holds no linker"):
        Linker.open(tmp_path)


def test_nothing_to_link_and_unknown_rules_are_refused():
    with pytest.raises(KgError, match="no usable alias"):
        Linker([Alias("a", "the"), Alias("b", "al"), Alias("c", "1984"), Alias("d", "Q")])
    with pytest.raises(KgError, match=r"no case rule 'smrt'. Did you mean 'smart'"):
        Linker.from_store(STORE, case="smrt")
    with pytest.raises(KgError, match="between 0 and 1; got 2"):
        Rules(threshold=2)
