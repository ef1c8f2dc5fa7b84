"""WordNet as a graph and as text."""

import json

import pytest

from kg import KgError, Triple, TripleStore
from kg.wordnet import Gloss, WordNet
from kg.wordnet.command import wordnet
from kg.wordnet.synsets import split_gloss
from tests.kg import small_wordnet


@pytest.fixture
def folder(tmp_path):
    return small_wordnet.write(tmp_path / "wordnet")


def ids(store):
    """The synset of each first word and part of speech."""
    return {(name.label, key[-1]): key for key, name in reversed(store.named.items())}


def test_pointers_are_relations_between_synsets(folder):
    store = WordNet.open(folder).graph()
    known = ids(store)
    goose, animal = known["goose", "n"], known["animal", "n"]
    assert Triple(goose, "hypernym", animal) in store.outgoing(goose)
    assert Triple(animal, "hyponym", goose) in store.incoming(goose)
    assert store.neighbours(known["France", "n"]) == [known["country", "n"]]
    assert Triple(known["eat", "v"], "entailment", known["chew", "v"]) in store.outgoing(known["eat", "v"])
    assert store.relation_label("instance_hypernym") == "instance hypernym"
    assert len(store.entities) == len(small_wordnet.SYNSETS) == len(store.named)


def test_words_are_names_and_a_satellite_is_an_adjective_without_its_mark(folder):
    store = WordNet.open(folder).graph()
    name = store.name(ids(store)["tiger", "n"])
    assert (name.label, name.aliases, name.description) == ("tiger", ("Panthera tigris",), "a large striped cat")
    fast, quick = ids(store)["fast", "a"], ids(store)["quick", "a"]
    assert store.name(fast).aliases == ("speedy",)
    assert store.outgoing(fast) == [Triple(fast, "similar_to", quick)]


def test_pointers_between_words_count_as_those_of_their_synsets(folder):
    store = WordNet.open(folder).graph()
    musical, music = ids(store)["musical", "a"], ids(store)["music", "n"]
    assert store.outgoing(musical) == [Triple(musical, "pertainym", music)]


def test_a_graph_opens_by_the_name_wordnet(folder, monkeypatch):
    store = TripleStore.open(f"wordnet:{folder}")
    monkeypatch.setenv("WNSEARCHDIR", str(folder))
    assert TripleStore.open("wordnet:").entities == store.entities
    assert store.notes["source"] == f"wordnet:{folder}"


def test_a_synset_without_pointers_is_there(folder):
    store = WordNet.open(folder).graph()
    assert store.neighbours(ids(store)["well", "r"]) == []
    assert ids(store)["well", "r"] in store


def test_glosses_fall_into_definition_and_examples(folder):
    glosses = {gloss.definition: gloss.examples for gloss in WordNet.open(folder).glosses()}
    assert glosses["a large water bird"] == ("the geese fly south", "a goose hissed")
    assert glosses["whatever there is"] == ()


@pytest.mark.parametrize(
    ("text", "definition", "examples"),
    [
        (
            'a rule; as in "carrot and stick"; "used the carrot"',
            'a rule; as in "carrot and stick"',
            ("used the carrot",),
        ),
        ('a swap: "he sent Smith in"  ', "a swap", ("he sent Smith in",)),
        ('be; "to be, or not"- Shakespeare; "I am"', "be", ("to be, or not", "I am")),
        ('open; "never closed', "open", ("never closed",)),
        ("one; two;", "one; two", ()),
        ('fear; "in fear:; "; "', "fear", ("in fear",)),
    ],
)
def test_glosses_as_people_wrote_them(text, definition, examples):
    assert split_gloss("00000001-n", text) == Gloss("00000001-n", definition, examples)


def test_the_command_writes_a_graph_glosses_and_the_licence(folder, tmp_path, capsys):
    out = tmp_path / "out"
    wordnet(str(out), wordnet=str(folder))
    told = json.loads(capsys.readouterr().out)
    assert (told["entities"], told["definitions"]) == (len(small_wordnet.SYNSETS),) * 2
    store, again = WordNet.open(folder).graph(), TripleStore.open(out)
    assert (again.entities, again.named, again.named_relations) == (store.entities, store.named, store.named_relations)
    assert (again.triples == store.triples).all()
    documents = (out / "glosses.txt").read_text().split("\n\n")
    assert documents[-1] == ""
    assert "a large water bird\nthe geese fly south\na goose hissed" in documents
    assert (out / "LICENSE.WordNet.txt").read_text().splitlines() == list(small_wordnet.LICENCE)


def test_the_command_keeps_what_it_cannot_replace(folder, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(KgError, match="is not replaced"):
        wordnet(str(tmp_path), wordnet=str(folder))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_pointer_that_leads_nowhere(folder):
    lines = (folder / "data.verb").read_bytes().splitlines(keepends=True)
    (folder / "data.verb").write_bytes(b"".join(lines[:8]))
    found = WordNet(folder, {}, {})
    with pytest.raises(
        KgError, match=r"targets of pointers in .*data.\* are no synsets there, the first is \d{8}-[nv]"
    ):
        found.graph()


def test_a_synset_line_that_ends_early(folder):
    with (folder / "data.adj").open("a") as file:
        file.write("00009999 00 a 02 swift 0\n")
    with pytest.raises(KgError, match=r"data.adj:\d+: got '00009999 00 a 02 swift 0', expected offset, file, pos"):
        list(WordNet(folder, {}, {}).glosses())
