"""Every shipped YAML file takes a real step on made-up data of the format it names; new files are covered by being there."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from kg import EntityTable
from kg.recipe import Recipe
from kplm.cli import main
from kplm.hub import save_pretrained, vlbert
from tests.data import pictures
from tests.kg import small_wordnet
from vision.regions import Small
from vision.scenes import CLASSES, write_scenes

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "lightning_configs").rglob("*.yaml"))
RUNS = [path for path in FILES if {"model", "data"} <= (yaml.safe_load(path.read_text()) or {}).keys()]
KBERT, SEMBERT, VLBERT = (ROOT / "lightning_configs" / system for system in ("kbert", "sembert", "vlbert"))
CONTROLLED = [
    path for path in FILES if path.parent == KBERT and (ROOT / "lightning_configs" / "bert" / path.name).is_file()
]
ROLES = [path for path in FILES if path.parent == SEMBERT]
GRAPHS = [path for path in FILES if path.parent.name == "kg"]
HERE = {"accelerator": "cpu", "devices": 1, "strategy": "auto"}
RELATIONS = ("Other", "Cause(e1,e2)", "Cause(e2,e1)")


def json_rows(args: dict[str, Any]) -> str:
    marks = {"mention": [0, 4], "head": [0, 4], "tail": [12, 17]}
    fields = {"text": "rome was in paris", **{role: marks[role] for role in args["markers"]}}
    rows = [{**fields, "label": f"c{i % 2}", "labels": [f"c{i % 2}"]} for i in range(6)]
    return "".join(json.dumps(row) + "\n" for row in rows)


def fewrel(args: dict[str, Any]) -> str:
    tokens, head, tail = ["rome", "was", "in", "paris"], ["rome", "Q1", [[0]]], ["paris", "Q2", [[3]]]
    rows = [{"tokens": tokens, "h": head, "t": tail, "relation": RELATIONS[i % 3]} for i in range(6)]
    return "".join(json.dumps(row) + "\n" for row in rows)


def typing(args: dict[str, Any]) -> str:
    row = {"tokens": ["rome", "was", "big"], "start": 0, "end": 1, "qid": "Q1"}
    return "".join(json.dumps({**row, "labels": [f"t{i % 3}"]}) + "\n" for i in range(6))


def ufet(args: dict[str, Any]) -> str:
    row = {"left_context_token": ["in"], "mention_span": "rome", "right_context_token": ["was"]}
    return "".join(json.dumps({**row, args.get("labels", "labels"): [f"t{i % 3}"]}) + "\n" for i in range(6))


def tsv(args: dict[str, Any]) -> str:
    names = [args.get("text", "sentence"), args.get("pair"), args.get("label", "label")]
    columns, between = [name for name in names if name], args.get("delimiter", "\t")
    values, gold = {names[0]: "rome was good", names[1]: "paris was bad"}, "{}.5" if args["task"] == "number" else "c{}"
    lines = [between.join(values.get(name, gold.format(i % 2)) for name in columns) for i in range(6)]
    return "\n".join([between.join(columns), *lines]) + "\n"


def conll(args: dict[str, Any]) -> str:
    return "rome\tB-LOC\nwas\tO\n\nin\tO\nnew\tB-LOC\nparis\tI-LOC\n\n" * 3


def tagged(args: dict[str, Any]) -> str:
    return "label\ttext_a\n" + "B-LOC O\trome ,\nO B-LOC I-LOC\tin , paris\n" * 3


def supersense_json(args: dict[str, Any]) -> str:
    words, senses = ["rome", "was", "good"], ["noun.location", None, "adj.all"]
    row = {"words": words, "lemmas": words, "pos": ["PROPN", "VERB", "ADJ"], "supersense": senses}
    return "".join(json.dumps({"id": str(i), **row}) + "\n" for i in range(6))


def squad(args: dict[str, Any]) -> str:
    answers: list[dict[str, Any]] = [{"text": "paris", "answer_start": 12}]
    questions = [{"id": f"q{i}", "question": "where was rome", "answers": answers[: i % 2]} for i in range(6)]
    paragraphs = [{"context": "rome was in paris", "qas": questions}]
    return json.dumps({"version": "v2.0", "data": [{"title": "rome", "paragraphs": paragraphs}]})


def srl(args: dict[str, Any]) -> str:
    tags = ["B-ARG0", "B-V", "B-ARG1", "I-ARG1"]
    row = {"words": ["rome", "was", "in", "paris"], "predicates": [{"index": 1, "roleset": "be.01", "tags": tags}]}
    return "".join(json.dumps({"sent_id": str(i), **row}) + "\n" for i in range(12))


def ernie_typing(args: dict[str, Any]) -> str:
    row = {"sent": "rome was", "start": 0, "end": 4, "ents": [["Q1", 0, 4, 0.9]]}
    return json.dumps([{**row, "labels": [f"t{i % 3}"]} for i in range(6)])


def ernie_relation(args: dict[str, Any]) -> str:
    row = {"text": "rome was in paris", "ents": [["s", 0, 4], ["o", 12, 17]], "ann": [["Q1", 0, 4, 0.9]]}
    return json.dumps([{**row, "label": ("NA", "a", "b")[i % 3]} for i in range(6)])


def ernie_fewrel(args: dict[str, Any]) -> str:
    row = {"text": "rome was in paris", "ents": [["Q1", 0, 4, 0.9], ["Q2", 12, 17, 1.0]]}
    return json.dumps([{**row, "label": f"P{i % 3}"} for i in range(6)])


FORMATS: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "JsonLines": (json_rows, "jsonl"),
    "FewRel": (fewrel, "jsonl"),
    "EntityTyping": (typing, "jsonl"),
    "Ufet": (ufet, "jsonl"),
    "Tsv": (tsv, "tsv"),
    "Conll": (conll, "txt"),
    "TaggedTsv": (tagged, "tsv"),
    "SupersenseJson": (supersense_json, "jsonl"),
    "Squad": (squad, "json"),
    "Srl": (srl, "jsonl"),
    "ErnieTyping": (ernie_typing, "json"),
    "ErnieRelation": (ernie_relation, "json"),
    "ErnieFewRel": (ernie_fewrel, "json"),
}


def scenes(name: str) -> Callable[[Path, str], str]:
    def write(folder: Path, stage: str) -> str:
        write_scenes(folder / "scenes" / stage, count=4, side=32)
        return str(folder / "scenes" / stage / f"{name}.jsonl")

    return write


def wic(folder: Path, stage: str) -> str:
    (folder / f"{stage}.data.txt").write_text("rome\tN\t0-1\trome was\tin rome\n" * 6)
    (folder / f"{stage}.gold.txt").write_text("T\nF\n" * 3)
    return str(folder / f"{stage}.data.txt")


FOLDERS: dict[str, Callable[[Path, str], str]] = {
    "Scenes": scenes("questions"),
    "EasyVqa": lambda folder, stage: stage,
    "Vqa": pictures.vqa,
    "Vcr": pictures.vcr,
    "RefCoco": pictures.refcoco,
    "Wic": wic,
}
"""Formats that are more than one file a stage."""


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> dict[str, Any]:
    """What stands in for the names in a config: a tiny model, a table of the published width, a graph of two triples."""
    folder = tmp_path_factory.mktemp("places")
    EntityTable.write(folder / "table", ["Q1", "Q2"], np.ones((2, 100), np.float32))
    graph = folder / "graph"
    graph.mkdir()
    (graph / "triples.tsv").write_text("Q1\tin\tQ2\nQ1\tkind of\tQ2\n")
    (graph / "entities.tsv").write_text("id\tlabel\taliases\nQ1\tRome\trome\nQ2\tParis\tparis\n")
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return {
        "pretrained": str(tiny_bert),
        "tokenizer": str(tiny_bert),
        "table": str(folder / "table"),
        "graph": str(graph),
        "store": str(pictures.store(folder / "store", [str(number) for number in range(4)])),
        "classes": str(folder / "classes.txt"),
        "wordnet": str(small_wordnet.write(folder / "wordnet")),
        "weights": None,
        "name": "resnet18",
        "short": 32,
        "long": 32,
        "side": 32,
        "workers": 0,
        "least_count": 1,
    }


def replaced(node: Any, places: dict[str, Any]) -> Any:
    """The same config with the places put in, however deep they are named."""
    if isinstance(node, dict):
        return {key: places[key] if key in places else replaced(value, places) for key, value in node.items()}
    return [replaced(value, places) for value in node] if isinstance(node, list) else node


def made_up(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """Training and validation file in the format the config names."""
    options = config["data"]["init_args"]
    source = options["source"]
    name, args = (source, {}) if isinstance(source, str) else (source["class_path"], source.get("init_args", {}))
    name = name.rpartition(".")[2]
    if name in FOLDERS:
        return {stage: FOLDERS[name](folder, stage) for stage in ("train", "val")}
    write, ending = FORMATS[name]
    args = {**args, "markers": options.get("markers", {}), "task": options.get("task", "class")}
    for stage in ("train", "val"):
        (folder / f"{stage}.{ending}").write_text(write(args), encoding="utf-8")
    return {stage: str(folder / f"{stage}.{ending}") for stage in ("train", "val")}


def without_a_parser(config: dict[str, Any]) -> None:
    """Roles from a source that needs no pipeline of spaCy."""
    for annotator in config["data"]["init_args"].get("annotators", []):
        if annotator["class_path"].endswith(".Roles"):
            annotator["init_args"]["source"] = {"class_path": "tests.data.role_source.SecondWord"}


def runnable(path: Path, places: dict[str, Any], corpora: dict[str, str], folder: Path) -> Path:
    """The same config with made-up data and the places of this machine, in ``folder``."""
    config = replaced(yaml.safe_load(path.read_text(encoding="utf-8")), places)
    prepared = config["data"]["class_path"].endswith("CorpusData")
    files = {stage: corpora[stage] for stage in ("train", "val")} if prepared else made_up(config, folder)
    config["data"]["init_args"].update(files)
    without_a_parser(config)
    config = replaced(config, {"images": str(folder / "images" if (folder / "images").exists() else folder)})
    config["trainer"] = {**config.get("trainer", {}), **HERE, "default_root_dir": str(folder)}
    if config["trainer"].get("precision") == "16-mixed":
        config["trainer"]["precision"] = "bf16-mixed"  # loss scaling needs a GPU
    return written(config, folder / "config.yaml")


def written(config: dict[str, Any], path: Path) -> Path:
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


def takes_a_step(configs: list[Path], capfd: pytest.CaptureFixture) -> None:
    """A step of training goes well."""
    words = [word for path in configs for word in ("-c", str(path))]
    status = main(["fit", *words, "--trainer.fast_dev_run=1", "--trainer.enable_progress_bar=false"])
    assert status == 0, capfd.readouterr().err[-2000:]


@pytest.mark.parametrize("path", RUNS, ids=[f"{path.parent.name}/{path.name}" for path in RUNS])
def test_a_config_takes_a_real_step(
    path: Path,
    places: dict[str, Any],
    corpora: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures.easy_vqa(tmp_path / "easy", monkeypatch)
    caplog.set_level(logging.INFO, "kplm")
    takes_a_step([runnable(path, places, corpora, tmp_path)], capfd)
    assert "Nothing will grow" not in caplog.text
    assert ("tree (on)" in caplog.text) == (path.parent.name == "kbert")


def test_the_reading_of_the_authors_lies_over_a_config_of_kbert(
    places: dict[str, Any],
    corpora: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    base = runnable(KBERT / "chnsenticorp.yaml", places, corpora, tmp_path)
    over = replaced(yaml.safe_load((KBERT / "chnsenticorp_authors.yaml").read_text()), places)
    takes_a_step([base, written(over, tmp_path / "over.yaml")], capfd)


def test_a_pretrained_start_lies_over_a_config_of_vlbert(
    places: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    looks = Small(width=24, channels=16, side=places["side"])
    save_pretrained(vlbert(places["pretrained"], features=looks, geometry_width=16), tmp_path / "start")
    base = runnable(VLBERT / "scenes_vqa.yaml", places, {}, tmp_path)
    over = replaced(yaml.safe_load((VLBERT / "pretrained.yaml").read_text()), {"pretrained": str(tmp_path / "start")})
    takes_a_step([base, written(over, tmp_path / "over.yaml")], capfd)


@pytest.mark.parametrize("path", CONTROLLED, ids=[path.name for path in CONTROLLED])
def test_a_config_of_kbert_is_that_of_bert_with_a_graph(path: Path) -> None:
    grown, plain = (yaml.safe_load((KBERT.parent / system / path.name).read_text()) for system in ("kbert", "bert"))
    [tree] = grown["data"]["init_args"].pop("annotators")
    assert tree["class_path"] == "kplm.data.annotate.Tree"
    assert grown["trainer"].pop("default_root_dir") == plain["trainer"].pop("default_root_dir").replace("bert", "kbert")
    assert grown == plain


@pytest.mark.parametrize("path", ROLES, ids=[path.name for path in ROLES])
def test_a_config_of_sembert_is_that_of_bert_with_roles(path: Path) -> None:
    roles, plain = (yaml.safe_load((SEMBERT.parent / system / path.name).read_text()) for system in ("sembert", "bert"))
    [annotator] = roles["data"]["init_args"].pop("annotators")
    assert annotator["class_path"] == "kplm.data.annotate.Roles"
    source = annotator["init_args"]["source"]
    assert source["class_path"] == "kplm.data.roles.Kept"
    assert source["init_args"]["source"] == "kplm.data.roles.Rules"
    encoder = roles["model"]["init_args"]["encoder"]
    assert encoder["class_path"] == "kplm.hub.sembert"
    encoder["class_path"] = "kplm.hub.bert"
    assert roles["trainer"].pop("default_root_dir") == plain["trainer"].pop("default_root_dir").replace(
        "bert", "sembert"
    )
    assert roles == plain


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.name}" for path in FILES])
def test_a_config_begins_with_what_it_is_and_a_command_that_runs_it(path: Path) -> None:
    top = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    own = str(path.relative_to(ROOT))
    commands = [line.partition("kplm ")[2] for line in top if "kplm " in line and own in line]
    assert commands or any("make demo" in line for line in top), "no command that names this file"
    for command in commands:
        words = shlex.split(command)
        assert words[0] in ("fit", "test", "predict", "compare", "kg")
        assert all((ROOT / word).exists() for word in words if word.startswith("lightning_configs/"))


@pytest.mark.parametrize("path", GRAPHS, ids=[path.name for path in GRAPHS])
def test_a_graph_config_is_a_recipe(path: Path, monkeypatch: pytest.MonkeyPatch, places: dict[str, Any]) -> None:
    asked: list[tuple[Any, str, Recipe]] = []

    def embed(store: Any, out: str, recipe: Recipe) -> tuple[Any, dict[str, float]]:
        asked.append((store, out, recipe))
        return _Table(recipe.dim), {}

    monkeypatch.setitem(sys.modules, "kg.embed", types.SimpleNamespace(embed=embed))
    [line] = [line for line in path.read_text().splitlines() if line.startswith("#") and "kplm kg train" in line]
    words = shlex.split(line.partition("kplm ")[2])
    stand_ins = {"PATH": places["graph"], "GRAPH": places["graph"], "DIR": "out", "TABLE": "out"}
    words = [str(ROOT / word) if word.startswith("lightning_configs/") else stand_ins.get(word, word) for word in words]
    words = [places["graph"] if word.startswith("package:") else word for word in words]
    assert main(words) == 0
    [(_, out, recipe)] = asked
    wanted = yaml.safe_load(path.read_text())
    assert out == "out"
    assert {name: getattr(recipe, name) for name in wanted} == wanted


class _Table:
    """Stands in for a trained table."""

    def __init__(self, width: int) -> None:
        self.width = width

    def __len__(self) -> int:
        return 2
