"""Graphs are read in every form, looked up from both ends, saved whole, and refused with file and line."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import KgError, Name, Triple, TripleStore
from kg.commands import described

TRIPLES = [("paris", "capital_of", "france"), ("france", "part_of", "europe"), ("berlin", "capital_of", "germany")]
LINES = "".join("\t".join(triple) + "\n" for triple in TRIPLES)
IDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=8)


@pytest.fixture
def folder(tmp_path):
    """A graph with a split, names of entities and of relations."""
    place = tmp_path / "graph"
    place.mkdir()
    (place / "train.txt").write_text(LINES)
    (place / "valid.txt").write_text("germany\tpart_of\teurope\n")
    (place / "valid_negatives.txt").write_text("germany\tpart_of\tparis\n")
    names = "qid\tlabel\tdescription\taliases\tsource\nparis\tParis\tcity\tCity of Light|Paname\tmade\nlyon\tLyon\t\t\tmade\n"
    (place / "entities.tsv").write_text(names)
    (place / "relations.tsv").write_text("id\tlabel\ncapital_of\tcapital of\n")
    return place


def test_a_folder_keeps_its_split_and_names(folder):
    store = TripleStore.open(folder)
    assert store.splits == {"train": 3, "valid": 1}
    assert [store.words(triple) for triple in store.split("valid")] == [("germany", "part_of", "europe")]
    assert store.name("paris") == Name("Paris", "city", ("City of Light", "Paname"))
    assert (store.label("berlin"), store.relation_label("capital_of")) == ("berlin", "capital of")
    assert "lyon" in store
    assert store.neighbours("lyon") == []


def test_look_ups_in_both_directions(folder):
    store = TripleStore.open(folder)
    assert store.outgoing("france") == [Triple("france", "part_of", "europe")]
    assert store.incoming("europe") == [Triple("france", "part_of", "europe"), Triple("germany", "part_of", "europe")]
    assert store.neighbours("france") == ["paris", "europe"]
    assert store.outgoing("nowhere") == store.incoming("nowhere") == store.neighbours("nowhere") == []


def test_rows_of_many_nodes_are_those_of_each(folder):
    store = TripleStore.open(folder)
    nodes = np.array([2, 0, 2, 4])
    rows, counts = store.by_tail.of_many(nodes)
    assert np.array_equal(rows, np.concatenate([store.by_tail.of(node) for node in nodes]))
    assert counts.tolist() == [len(store.by_tail.of(node)) for node in nodes]


def test_an_unknown_split_is_named(folder):
    with pytest.raises(KgError, match=r"no split 'vali'. Did you mean 'valid'"):
        TripleStore.open(folder).split("vali")


@pytest.mark.parametrize("name", ["g.tsv", "g.spo", "g.txt", "g.tsv.gz"])
def test_one_file_of_columns(tmp_path, name):
    file = tmp_path / name
    text = ("head\trelation\ttail\n" + LINES + LINES).encode()
    file.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    store = TripleStore.open(file)
    assert [store.words(triple) for triple in store.triples] == TRIPLES
    assert store.notes["repeated"] == 3


def test_ntriples_with_labels(tmp_path):
    file = tmp_path / "g.nt"
    label = "<http://www.w3.org/2000/01/rdf-schema#label>"
    file.write_text(
        "# a comment\n<http://x/a> <http://x/knows> _:b1 . # another\n"
        f'<http://x/a> {label} "M\\u00fcller \\"M\\""@de-CH .\n<http://x/a> {label} "Muller \\"M\\""@en .\n'
        '<http://x/a> <http://x/age> "7"^^<http://www.w3.org/2001/XMLSchema#int> .\n'
    )
    store = TripleStore.open(file)
    assert store.outgoing("http://x/a") == [Triple("http://x/a", "http://x/knows", "_:b1")]
    assert store.label("http://x/a") == 'Muller "M"'
    assert store.notes["literals"] == 2


def test_names_as_json_lines(folder, tmp_path):
    names = tmp_path / "names.jsonl"
    names.write_text(json.dumps({"entity": "berlin", "label": "Berlin", "aliases": ["Spree-Athen"], "prior": 3}) + "\n")
    assert TripleStore.open(folder, names=names).name("berlin") == Name("Berlin", "", ("Spree-Athen",), 3.0)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("names.json", '{\n "part_of": {\n  "label": "part of", "description": "not whole"\n }\n}\n'),
        (
            "names.json",
            '{"id": "part_of", "label": "part of", "description": "not whole"}\n{"id": "x", "label": "y"}\n',
        ),
        ("names.json", '{"id": "part_of", "label": "part of", "description": "not whole"}\n'),
        ("names.jsonl", '{"id": "part_of", "label": "part of", "description": "not whole"}\n'),
        ("names.tsv", "id\tdescription\tlabel\npart_of\tnot whole\tpart of\n"),
    ],
)
def test_relations_take_names_from_every_form_of_file(folder, tmp_path, file, text):
    (tmp_path / file).write_text(text)
    TripleStore.open(folder).save(tmp_path / "saved")
    for place in (folder, tmp_path / "saved"):
        store = TripleStore.open(place, relation_names=tmp_path / file)
        assert store.named_relations["part_of"] == Name("part of", "not whole")
        assert store.relation_label("capital_of") == "capital of"


def test_an_object_of_names_may_hold_labels_alone_and_nothing_else(folder, tmp_path):
    names = tmp_path / "names.json"
    names.write_text('{"part_of": "part of", "capital_of": ["capital of"]}')
    assert TripleStore.open(folder, relation_names=names).relation_label("part_of") == "part of"
    with pytest.raises(KgError, match=r"names\.json:2: got \"capital_of: .*expected ids to objects such as"):
        TripleStore.open(folder, relation_names=names, max_bad=0)


def test_names_of_one_entity_are_merged(folder, tmp_path):
    names = tmp_path / "more.tsv"
    names.write_text("id\tlabel\taliases\tprior\nparis\tLutetia\tPaname|Paris\t2\n")
    assert TripleStore.open(folder, names=names).name("paris").aliases == (
        "City of Light",
        "Paname",
        "Lutetia",
        "Paris",
    )


def test_pykeen_by_name_and_by_factory():
    from pykeen.triples import TriplesFactory

    factory = TriplesFactory.from_labeled_triples(np.array(TRIPLES))
    store = TripleStore.from_pykeen(factory)
    assert {tuple(store.words(triple)) for triple in store.triples} == set(TRIPLES)
    assert TripleStore.open("pykeen:Nations").splits == {"train": 1592, "valid": 199, "test": 201}
    with pytest.raises(KgError, match=r"no data set 'Natoins'. Did you mean 'Nations'"):
        TripleStore.open("pykeen:Natoins")


@given(st.lists(st.tuples(IDS, IDS, IDS), min_size=1, max_size=20), st.dictionaries(IDS, IDS, max_size=5))
@settings(deadline=None, max_examples=30)
def test_save_and_open_give_the_same_graph(tmp_path_factory, triples, labels):
    path = tmp_path_factory.mktemp("saved") / "graph"
    store = TripleStore.from_triples(triples, {key: Name(label, aliases=(label, key)) for key, label in labels.items()})
    store.save(path)
    again = TripleStore.open(path)
    assert (again.entities, again.relations, again.splits) == (store.entities, store.relations, store.splits)
    assert np.array_equal(again.triples, store.triples)
    assert again.named == store.named
    for head, relation, tail in triples:
        assert (head, relation, tail) in again.outgoing(head)
        assert (head, relation, tail) in again.incoming(tail)
        assert head == tail or head in again.neighbours(tail)


def test_saving_replaces_a_graph_but_nothing_else(folder, tmp_path):
    store = TripleStore.open(folder)
    store.save(tmp_path / "saved")
    store.save(tmp_path / "saved")
    with pytest.raises(KgError, match=r"holds no kg.triples, so it is not replaced"):
        store.save(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph", "saved"]


def test_what_cannot_be_written_leaves_nothing(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KgError, match="Cannot write"):
        TripleStore.open(folder).save(tmp_path / "file" / "graph")


def test_bad_lines_are_counted_then_refused(tmp_path, caplog):
    file = tmp_path / "g.tsv"
    file.write_text(LINES + "only two\tcolumns\n\na\tb\t\n")
    store = TripleStore.open(file)
    assert len(store) == 3
    assert [note.split(": got")[0] for note in store.notes["bad_lines"]] == [f"{file}:4", f"{file}:6"]
    assert "g.tsv:4: got 'only two\\tcolumns', expected head TAB relation TAB tail" in caplog.text
    with pytest.raises(KgError, match=r"g\.tsv:4: got .*expected head TAB relation TAB tail.*\n.*max_bad=0"):
        TripleStore.open(file, max_bad=0)


def test_a_bad_prior_is_named(folder, tmp_path):
    names = tmp_path / "names.tsv"
    names.write_text("id\tprior\nparis\tmany\n")
    with pytest.raises(KgError, match=r"names\.tsv:2: got .*expected a number as prior"):
        TripleStore.open(folder, names=names, max_bad=0)


@pytest.mark.parametrize("text", ["", "\n\n", "head\trelation\ttail\n"])
def test_an_empty_graph_is_refused(tmp_path, text):
    (tmp_path / "triples.tsv").write_text(text)
    with pytest.raises(KgError, match="The graph is empty"):
        TripleStore.open(tmp_path)


def test_what_is_not_there_is_named(tmp_path):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(
        KgError, match=r"holds no graph. Expected triples.tsv, train.txt or a saved graph; found notes.md"
    ):
        TripleStore.open(tmp_path)
    with pytest.raises(KgError, match=r"ending '.md'; possible: .tsv"):
        TripleStore.open(tmp_path / "notes.md")
    with pytest.raises(KgError, match="There is no file or folder"):
        TripleStore.open(tmp_path / "nothing")
    with pytest.raises(KgError, match="package 'no_such_package', which cannot be imported"):
        TripleStore.open("package:no_such_package/graph")


def test_not_utf8_is_named(tmp_path):
    (tmp_path / "g.tsv").write_bytes(b"a\tb\tc\n\xff\tb\tc\n")
    with pytest.raises(KgError, match=r"g\.tsv.*not UTF-8"):
        TripleStore.open(tmp_path / "g.tsv")


def test_a_header_without_ids_is_named(folder, tmp_path):
    (tmp_path / "names.tsv").write_text("name\ttext\n")
    with pytest.raises(KgError, match=r"names\.tsv:1: the header .* has no column id or qid or entity"):
        TripleStore.open(folder, names=tmp_path / "names.tsv")


def test_a_truncated_save_is_named(folder, tmp_path):
    TripleStore.open(folder).save(tmp_path / "saved")
    file = tmp_path / "saved" / "triples.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(KgError, match="is truncated"):
        TripleStore.open(tmp_path / "saved")


def test_info_counts(folder):
    told = described(TripleStore.open(folder))
    assert (told["triples"], told["entities"], told["isolated_entities"]) == (4, 6, 1)
    assert told["top_relations"] == {"capital of": 2, "part_of": 2}
