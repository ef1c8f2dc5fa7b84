"""What ``kplm kg`` runs: JSON lines in and out, kept links, bad lines, whole files."""

import inspect
import json

import pytest

from kg import KgError, Linker, TripleStore
from kg.commands import info, save, train
from kg.linking_commands import link
from kg.recipe import Recipe

TRIPLES = "paris\tcapital_of\tfrance\nberlin\tcapital_of\tgermany\n"


@pytest.fixture
def graph(tmp_path):
    folder = tmp_path / "graph"
    folder.mkdir()
    (folder / "triples.tsv").write_text(TRIPLES)
    (folder / "entities.tsv").write_text("id\tlabel\nparis\tParis\nberlin\tBerlin\n")
    return str(folder)


@pytest.fixture
def source(tmp_path):
    rows = [{"id": 1, "text": "Paris, BERLIN"}, {"text": "Paris", "links": [[0, 5, "mine", 1.0]]}, {"text": ""}]
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_link_adds_links_and_keeps_those_that_are_there(graph, source, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    link(source, str(out), graph=graph)
    first, second, third = rows(out)
    assert first == {"id": 1, "text": "Paris, BERLIN", "links": [[0, 5, "paris", 1.0], [7, 13, "berlin", 0.8]]}
    assert second["links"] == [[0, 5, "mine", 1.0]]
    assert third["links"] == []
    told = json.loads(capsys.readouterr().out)
    assert (told["lines"], told["linked"], told["kept"], told["links"]) == (3, 2, 1, 3)


def test_relink_and_threshold(graph, source, tmp_path):
    link(source, str(tmp_path / "out"), graph=graph, relink=True, threshold=0.9)
    assert [row["links"] for row in rows(tmp_path / "out")] == [[[0, 5, "paris", 1.0]], [[0, 5, "paris", 1.0]], []]


def test_a_saved_linker_serves_as_graph(graph, source, tmp_path):
    Linker.from_store(TripleStore.open(graph), case="cased").save(tmp_path / "linker")
    link(source, str(tmp_path / "out"), graph=str(tmp_path / "linker"))
    assert rows(tmp_path / "out")[0]["links"] == [[0, 5, "paris", 1.0]]


def test_bad_lines_are_named_and_nothing_is_written(graph, tmp_path, caplog):
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "Paris"}\n{"texts": 1}\nnot json\n')
    link(str(file), str(tmp_path / "out"), graph=graph)
    assert len(rows(tmp_path / "out")) == 1
    assert "in.jsonl:2" in caplog.text
    with pytest.raises(KgError, match=r'in\.jsonl:3: got \'not json\', expected a JSON object with "text"'):
        link(str(file), str(tmp_path / "other"), graph=graph, max_bad=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph", "in.jsonl", "out"]


def test_what_cannot_be_written_is_named(graph, source):
    with pytest.raises(KgError, match="Cannot write"):
        link(source, source + "/out", graph=graph)


def test_info_prints_json(graph, capsys):
    info(graph)
    told = json.loads(capsys.readouterr().out)
    assert (told["triples"], told["entities"], told["named_entities"]) == (2, 4, 2)
    assert told["top_relations"] == {"capital_of": 2}


def test_train_has_the_settings_and_defaults_of_a_recipe(graph, tmp_path, capsys):
    defaults = {name: part.default for name, part in inspect.signature(train).parameters.items()}
    recipe = vars(Recipe())
    assert {name: defaults[name] for name in recipe if name != "model_kwargs"} == {
        name: value for name, value in recipe.items() if name != "model_kwargs"
    }
    train(graph, str(tmp_path / "table"), dim=4, epochs=1, valid_fraction=0.0)
    assert json.loads(capsys.readouterr().out)["entities"] == 4


def test_save_writes_a_graph_with_the_names_of_another_file(graph, tmp_path):
    names = tmp_path / "names.tsv"
    names.write_text("id\tlabel\taliases\nfrance\tFrance\tFrench Republic\n")
    save(graph, str(tmp_path / "saved"), names=str(names))
    found = TripleStore.open(tmp_path / "saved")
    assert len(found) == 2
    assert found.name("france").aliases == ("French Republic",)
    assert found.label("paris") == "Paris"


def test_save_gives_relations_their_names(graph, tmp_path, capsys):
    names = tmp_path / "relations.json"
    names.write_text(json.dumps({"capital_of": {"label": "capital of"}, "of_no_use": {"label": "elsewhere"}}, indent=1))
    save(graph, str(tmp_path / "saved"), relation_names=str(names))
    assert TripleStore.open(tmp_path / "saved").relation_label("capital_of") == "capital of"
    told = json.loads(capsys.readouterr().out)
    assert (told["relations"], told["named_relations"]) == (1, 1)
