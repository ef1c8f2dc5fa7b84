"""The index on disk links as the automaton in memory does, opens as a map, and says what is wrong with its files."""

import json
import pickle
import shutil
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import KgError, Linker, TripleStore
from kg.alias_index import ALIASES, NAMES, AliasIndex, write_index
from kg.aliases import Alias, Rules
from kg.automaton import Automaton
from kg.link import open_linker
from kg.matcher import Matcher
from kg.strings import Strings
from kg.words import spaced, word_matches

GRAPH = TripleStore.from_triples([("a", "likes", "b"), ("b", "likes", "c"), ("d", "knows", "a")])
PLACES = [
    Alias("paris", "Paris", 3.0),
    Alias("paris_texas", "Paris"),
    Alias("nyt", "New York Times"),
    Alias("ny", "NY"),
]
TEXT = "Paris reads the New York Times. PARIS!"

LATIN = "New new NEW York york of the US us U.S. Zürich STRASSE straße ﬁ İst Σας ΣΑΣ iPod IPod é e\u0301 x 1984"
WORDS = st.sampled_from([*LATIN.split(), "塞", "纳河", "塞纳", "🌍", "\ud800", "\0"])
PHRASES = st.lists(WORDS | st.text(max_size=3), min_size=1, max_size=4).map(" ".join)
ALIASES_DRAWN = st.lists(
    st.builds(Alias, st.sampled_from("abcd\ud800"), PHRASES, st.sampled_from([0.0, 1.0, 2.5, 100.0])),
    min_size=1,
    max_size=25,
)
RULES = st.builds(
    Rules,
    case=st.sampled_from(["smart", "cased", "uncased"]),
    min_length=st.integers(1, 3),
    threshold=st.sampled_from([0.0, 0.6]),
    stop_words=st.sampled_from([Rules().stop_words, frozenset()]),
)


@pytest.fixture
def folder(tmp_path):
    Linker(PLACES, GRAPH).save(tmp_path / "linker")
    return tmp_path / "linker"


@given(ALIASES_DRAWN, RULES, st.lists(PHRASES, max_size=12).map(" ".join), st.sampled_from([None, GRAPH]))
@settings(deadline=None, max_examples=200)
def test_the_index_links_exactly_as_the_automaton(aliases, rules, text, graph):
    if not any(rules.usable(spaced(alias.text)) for alias in aliases):
        with pytest.raises(KgError, match="no usable alias"):
            Automaton(aliases, rules)
        return
    memory = Linker(aliases, graph, rules)
    with tempfile.TemporaryDirectory() as place:
        write_index(Path(place), aliases, rules)
        disk = Linker(AliasIndex(place), graph, rules)
        for some in (text, " ".join(alias.text for alias in aliases), text.upper(), text.lower()):
            assert disk.link(some) == memory.link(some)
        assert disk.names == memory.names
        words = [match[0] for match in word_matches(text)]
        assert named_hits(AliasIndex(place), words) == named_hits(Automaton(aliases, rules), words)


def named_hits(source, words):
    """Hits with their aliases in the place of the number, which each source gives as it likes."""
    return [(begin, end, source.aliases(key)) for begin, end, key in source.hits(words)]


def test_a_linker_built_on_disk_is_the_one_that_would_be_saved(folder, tmp_path):
    built = Linker.build(tmp_path / "built", iter(PLACES), GRAPH)
    assert built.link(TEXT) == Linker.open(folder).link(TEXT) == Linker(PLACES, GRAPH).link(TEXT) != []
    for name in (NAMES, ALIASES):
        assert (tmp_path / "built" / name).read_bytes() == (folder / name).read_bytes()


def test_an_opened_linker_is_saved_again_even_over_itself(folder, tmp_path):
    linker = Linker.open(folder)
    linker.save(tmp_path / "copy")
    linker.save(folder)
    assert Linker.open(tmp_path / "copy").link(TEXT) == Linker.open(folder).link(TEXT) == linker.link(TEXT)


def test_an_opened_linker_travels_to_a_worker_as_its_path(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    linker = Linker.open("linker")
    linker.link(TEXT)
    content = pickle.dumps(linker)
    monkeypatch.chdir("/")
    assert len(content) < 500
    assert pickle.loads(content).link(TEXT) == linker.link(TEXT)
    memory = Linker(PLACES, GRAPH, Rules(threshold=0.5))
    assert pickle.loads(pickle.dumps(memory)).link(TEXT) == memory.link(TEXT)
    matcher = Matcher(AliasIndex(folder), Rules())
    assert pickle.loads(pickle.dumps(matcher)).mentions(TEXT) == matcher.mentions(TEXT)


def test_opening_reads_next_to_nothing_into_memory(tmp_path):
    Linker.build(tmp_path / "large", (Alias(f"e{number}", f"name {number} x") for number in range(20_000)))
    Linker.open(tmp_path / "large").link("name 7 x")
    tracemalloc.start()
    linker = Linker.open(tmp_path / "large")
    added = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert added < 100_000
    assert [link.entity for link in linker.link("from name 77 x to name 19999 x")] == ["e77", "e19999"]


def test_a_saved_linker_is_found_where_a_graph_may_be_given(folder, tmp_path):
    assert open_linker(str(folder)).link(TEXT) == Linker.open(folder).link(TEXT)
    TripleStore.from_triples([("Anna", "likes", "Berta")]).save(tmp_path / "graph")
    assert [link.entity for link in open_linker(str(tmp_path / "graph"), case="uncased").link("BERTA")] == ["Berta"]


@pytest.mark.parametrize("name", [NAMES, ALIASES])
@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_a_truncated_file_is_named(folder, name, size):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:size])
    with pytest.raises(KgError, match=rf"{name} is truncated.* again"):
        Linker.open(folder)


@pytest.mark.parametrize("name", [NAMES, ALIASES])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(KgError, match=name):
        Linker.open(folder)


def test_files_of_two_indices_are_told_apart(folder, tmp_path):
    Linker([Alias("a", "Anna")]).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / NAMES, folder / NAMES)
    with pytest.raises(KgError, match="are not of one index: 1 names and 3 rows"):
        Linker.open(folder)


def test_arrays_of_something_else_are_refused(folder):
    from kg.arrays import map_arrays, write_arrays

    arrays = dict(map_arrays(folder / ALIASES))
    del arrays["form_ends"]
    write_arrays(folder / "new", arrays)
    (folder / "new").replace(folder / ALIASES)
    with pytest.raises(KgError, match=r"has no array 'form_ends'. Write the linker again"):
        Linker.open(folder)


def test_a_graph_that_is_gone_is_missed(folder):
    shutil.rmtree(folder / "graph")
    with pytest.raises(KgError, match="was written with a graph, and graph/ is gone"):
        Linker.open(folder)


def test_a_folder_without_a_linker_is_refused(folder, tmp_path):
    with pytest.raises(KgError, match="holds no linker. Write one with kplm kg index"):
        Linker.open(tmp_path)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "rules": {"cases": "smart"}}))
    with pytest.raises(KgError, match="no rules of a linker"):
        Linker.open(folder)


def test_nothing_usable_leaves_no_folder(tmp_path):
    with pytest.raises(KgError, match="no usable alias"):
        Linker.build(tmp_path / "empty", [Alias("a", "the"), Alias("b", "")])
    assert list(tmp_path.iterdir()) == []


def test_an_error_among_the_aliases_is_passed_on_and_leaves_no_folder(tmp_path):
    def broken():
        yield Alias("a", "Anna")
        raise KgError("line 7 is bad")

    with pytest.raises(KgError, match="line 7 is bad"):
        Linker.build(tmp_path / "broken", broken())
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.text() | st.just("\ud800")))
def test_strings_come_back(texts):
    strings = Strings.empty()
    for text in texts:
        strings.append(text)
    again = Strings.of(strings.arrays("x"), "x")
    assert [again[row] for row in range(len(again))] == [strings[row] for row in range(len(texts))] == texts
    with pytest.raises(IndexError):
        again[len(texts)]
