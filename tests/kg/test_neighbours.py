"""What is printed around an entity, and how an entity is found."""

import json

import pytest

from kg import KgError, Name, TripleStore
from kg.neighbours import around, find, neighbours

TRIPLES = "paris\tcapital_of\tfrance\nlyon\tin\tfrance\nfrance\tin\teurope\nparis\tin\teurope\nmoon\torbits\tmoon\n"
NAMES = (
    "id\tlabel\tdescription\taliases\nparis\tParis\tcity\tLutetia\ntexas\tParis\ttown in Texas\t\n"
    "france\tFrance\tcountry\tHexagon\nislet\tIslet\t\t\n"
)


@pytest.fixture
def graph(tmp_path):
    folder = tmp_path / "graph"
    folder.mkdir()
    (folder / "triples.tsv").write_text(TRIPLES)
    (folder / "entities.tsv").write_text(NAMES)
    (folder / "relations.tsv").write_text("id\tlabel\ncapital_of\tcapital of\n")
    return str(folder)


def test_one_hop_as_a_tree(graph, capsys):
    neighbours(graph, "france")
    assert capsys.readouterr().out.splitlines() == [
        "France (france): country  [3]",
        "  -- in --> europe  [2]",
        "  <-- capital of -- Paris (paris): city  [2]",
        "  <-- in -- lyon  [1]",
    ]


def test_a_limit_tells_what_is_left_out(graph, capsys):
    neighbours(graph, "france", limit=1)
    assert capsys.readouterr().out.splitlines()[1:] == ["  -- in --> europe  [2]", "  ... 2 more"]


def test_two_hops_go_out_from_the_entity_that_was_reached_first(graph, capsys):
    neighbours(graph, "lyon", hops=2)
    assert capsys.readouterr().out.splitlines() == [
        "lyon  [1]",
        "  -- in --> France (france): country  [3]",
        "    -- in --> europe  [2]",
        "    <-- capital of -- Paris (paris): city  [2]",
    ]


def test_every_triple_comes_once_with_its_distance(graph):
    store = TripleStore.open(graph)
    steps = around(store, "paris", hops=3)
    assert sorted(step.triple for step in steps) == sorted(store.words(row) for row in store.triples[:4])
    assert [step.hop for step in steps] == [1, 1, 2, 2]
    assert {(step.origin, step.reached) for step in steps if step.hop == 2} == {
        ("france", "europe"),
        ("france", "lyon"),
    }


def test_json_lines(graph, capsys):
    neighbours(graph, "Lutetia", json=True)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "hop": 1,
        "head": "paris",
        "relation": "capital_of",
        "tail": "france",
        "head_label": "Paris",
        "relation_label": "capital of",
        "tail_label": "France",
        "direction": "out",
        "reached": "france",
        "degree": 3,
    }
    assert second["tail"] == "europe"


def test_a_triple_from_an_entity_to_itself_comes_once(graph, capsys):
    neighbours(graph, "moon", hops=2)
    assert capsys.readouterr().out.splitlines() == ["moon  [2]", "  -- orbits --> moon  [2]"]


def test_an_entity_without_triples(graph, capsys):
    neighbours(graph, "Islet")
    assert capsys.readouterr().out.splitlines() == ["Islet (islet)  [0]", "  no triple touches it"]


def test_an_entity_is_found_by_id_label_and_alias(graph):
    store = TripleStore.open(graph)
    assert [find(store, text) for text in ("paris", "FRANCE", "hexagon", "lyon")] == [
        "paris",
        "france",
        "france",
        "lyon",
    ]


def test_several_entities_of_one_name_are_listed(graph):
    message = (
        r"'PARIS' names 2 entities. Give the id of one:\n  Paris \(paris\): city\n  Paris \(texas\): town in Texas"
    )
    with pytest.raises(KgError, match=message):
        neighbours(graph, "PARIS")


def test_case_decides_where_labels_differ_in_nothing_else():
    store = TripleStore.from_triples([("1", "r", "2")], {"1": Name("US"), "2": Name("us")})
    assert [find(store, text) for text in ("US", "us")] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("Frence", "no entity 'Frence'.*Did you mean 'France'"), ("zzz", "no entity 'zzz'.*7 entities, such as 'paris'")],
)
def test_an_unknown_entity_is_named(graph, text, message):
    with pytest.raises(KgError, match=message):
        neighbours(graph, text)


@pytest.mark.parametrize("name", ["hops", "limit"])
def test_numbers_below_one_are_refused(graph, name):
    with pytest.raises(KgError, match=f"{name} is at least 1; got 0"):
        neighbours(graph, "paris", **{name: 0})


def test_a_thousand_neighbours_are_quick():
    store = TripleStore.from_triples([(f"n{n}", "r", "hub") for n in range(1000)], {"hub": Name("Hub")})
    assert len(around(store, "hub", hops=2, limit=2000)) == 1000
