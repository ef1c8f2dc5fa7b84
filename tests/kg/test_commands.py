"""What ``kplm kg`` runs: JSON lines in and out, kept links, bad lines, whole files."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

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
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.blocks", "graph", "in.jsonl", "out"]
    link(str(file), str(tmp_path / "other"), graph=graph)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph", "in.jsonl", "other", "out"]


def test_what_cannot_be_written_is_named(graph, source):
    with pytest.raises(KgError, match="Cannot write"):
        link(source, source + "/out", graph=graph)
    with pytest.raises(KgError, match="graph is a folder. Give a file"):
        link(source, graph, graph=graph)


@pytest.fixture
def many(tmp_path):
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps({"text": f"Paris {n}, Berlin"}) + "\n" for n in range(50)))
    return str(file)


def test_processes_parts_and_sizes_of_blocks_do_not_matter(graph, many, tmp_path, capsys):
    link(many, str(tmp_path / "one"), graph=graph)
    link(many, str(tmp_path / "three"), graph=graph, processes=3, block=3)
    capsys.readouterr()
    for turn in (8, 1, 2, 5, 3, 4, 7, 6):
        link(many, str(tmp_path / "parts"), graph=graph, block=5, part=f"{turn}/8")
    told = json.loads(capsys.readouterr().out.splitlines()[1])
    assert (told["part"], told["blocks"], told["next"], told["lines"]) == ("1/8", "2 of 10", "--part join/8", 10)
    link(many, str(tmp_path / "parts"), graph=graph, block=5, part="join/8")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "three").read_bytes() == (tmp_path / "parts").read_bytes()
    assert len(rows(tmp_path / "one")) == 50
    assert not list(tmp_path.glob(".*"))


def test_joining_links_asks_for_missing_blocks_and_for_the_same_settings(graph, many, tmp_path):
    link(many, str(tmp_path / "out"), graph=graph, block=7, part="1/2")
    with pytest.raises(
        KgError, match=r"4 of 8 blocks are not finished in .*: 1, 3, 5, 7. Run --part 2/2 with the same"
    ):
        link(many, str(tmp_path / "out"), graph=graph, block=7, part="join/2")
    with pytest.raises(KgError, match="8 of 8 blocks are not finished"):
        link(many, str(tmp_path / "out"), graph=graph, block=7, threshold=0.9, part="join/2")
    with pytest.raises(KgError, match="block is 0"):
        link(many, str(tmp_path / "out"), graph=graph, block=0)


def test_links_of_another_setting_graph_or_text_are_made_anew(graph, many, tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(Linker, "link", lambda self, text: texts.append(text) or [])
    run = lambda **options: link(many, str(tmp_path / "out"), **{"graph": graph, "block": 10, "part": "1/1", **options})  # noqa: E731
    for options, count in (({}, 50), ({}, 0), ({"threshold": 0.5}, 50), ({}, 0)):
        texts.clear()
        run(**options)
        assert len(texts) == count
    Path(many).write_text(Path(many).read_text().replace("Paris 49", "Paris 50"))
    texts.clear()
    run()
    assert len(texts) == 10
    Path(graph, "triples.tsv").write_text(TRIPLES * 2)
    texts.clear()
    run()
    assert len(texts) == 50


KILLED = """
import os, sys
from kg.blocks.folder import TextBlocks
from kg.linking_commands import link
write = TextBlocks.write
def dies(self, block, *made):
    write(self, block, *made)
    if block.number == 2:
        os.kill(os.getpid(), 9)
TextBlocks.write = dies
link(sys.argv[1], sys.argv[2], graph=sys.argv[3], block=7)
"""


def test_a_killed_run_goes_on_to_the_same_bytes(graph, many, tmp_path, capsys):
    killed = subprocess.run([sys.executable, "-c", KILLED, many, str(tmp_path / "out"), graph], capture_output=True)
    assert killed.returncode == -9
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob(".out.blocks/*/*.jsonl")}
    assert len(finished) == 3
    link(many, str(tmp_path / "out"), graph=graph, block=7, part="1/1")
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    link(many, str(tmp_path / "out"), graph=graph, block=7)
    link(many, str(tmp_path / "whole"), graph=graph)
    assert (tmp_path / "out").read_bytes() == (tmp_path / "whole").read_bytes()


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
