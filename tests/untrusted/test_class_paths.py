"""A file that names a class has only such classes built as its place is for; nothing else is called, nor even imported."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import kplm
from kplm.command_line import CommandLine, lightning
from kplm.config import VlBertConfig
from kplm.data.annotate import Entities
from kplm.data.encode import TextEncoder
from kplm.errors import CheckpointError, KplmError
from kplm.heads import Classify, Head
from kplm.hub import from_pretrained, load_finetuned, save_pretrained
from kplm.models import VlBert
from kplm.nn.pooling import First, Pooling
from kplm.spec import TRUST, class_named, from_spec
from kplm.text import Tokenizer
from kplm.training import Finetune
from tests.conftest import SIZES, tiny_encoder
from tests.fuzz.hostile import ways, with_value


def evil(marker: Path) -> list[dict[str, Any]]:
    """Calls that would make the file ``marker``."""
    return [
        {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", str(marker)]}},
        {"class_path": "os.system", "init_args": {"command": f"touch {marker}"}},
    ]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it_ran"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer, tiny_table: Path) -> Path:
    """A fine-tuned model with a part in a part, and an annotator."""
    text = TextEncoder(tokenizer, [Entities(str(tiny_table))]).describe() | {"task": "class"}
    model = Finetune(tiny_encoder(), Classify(First()), ("a", "b"))
    model.text = text
    return save_pretrained(model, tmp_path_factory.mktemp("saved") / "model")


def changed(saved: Path, spec: Any, into: Path) -> Path:
    into.mkdir(exist_ok=True)
    (into / "config.json").write_text(json.dumps(spec))
    for name in ("model.safetensors", "tokenizer.json"):
        (into / name).write_bytes((saved / name).read_bytes())
    return into


def as_checkpoint(spec: Any, into: Path) -> Path:
    torch.save({"kplm": spec, "state_dict": {}}, into.with_suffix(".ckpt"))
    return into.with_suffix(".ckpt")


def test_the_model_of_these_tests_is_read(saved: Path) -> None:
    assert kplm.load(saved).predict(["rome"])[0]["label"] in ("a", "b")


def test_no_place_of_a_saved_model_calls_what_it_names(saved: Path, tmp_path: Path, marker: Path) -> None:
    spec = json.loads((saved / "config.json").read_text())
    for way in ways(spec):
        for call in evil(marker):
            named = with_value(spec, way, call)
            for place in (changed(saved, named, tmp_path / "m"), as_checkpoint(named, tmp_path / "m")):
                with contextlib.suppress(KplmError):  # a place that is not read may hold anything
                    kplm.load(place)
                assert not marker.exists(), way


CLASSES = (("encoder",), ("encoder", "config"), ("head",), ("head", "init_args", "pool"), ("text", "annotators", 0))


@pytest.mark.parametrize("way", CLASSES, ids=str)
def test_each_place_of_a_class_refuses_one_of_another_kind(
    saved: Path, tmp_path: Path, marker: Path, way: tuple[Any, ...]
) -> None:
    spec = json.loads((saved / "config.json").read_text())
    place, told = spec, "names|other packages|cannot be imported|belong"
    for key in way:
        place = place[key]
    for call in [
        *evil(marker),
        {"class_path": "kplm.nn.pooling.nothing"},
        {"class_path": "torch.nn.Linear"},
        {"class_path": 3},
        {"class_path": ""},
    ]:
        place["class_path"] = call["class_path"]
        with pytest.raises(CheckpointError, match=told):
            kplm.load(changed(saved, spec, tmp_path / "m"))
    assert not marker.exists()


def test_a_part_of_an_encoder_is_a_module(tmp_path: Path, marker: Path) -> None:
    sizes = SIZES | {"segments": 3, "visual_size": 8, "feature_width": 4, "geometry_width": 8, "region_classes": 2}
    folder = save_pretrained(VlBert(VlBertConfig(**sizes)), tmp_path / "model")
    spec = json.loads((folder / "config.json").read_text())
    for call in evil(marker):
        spec["encoder"]["parts"] = {"features": call}
        (folder / "config.json").write_text(json.dumps(spec))
        with pytest.raises(CheckpointError, match="where a Module belongs|other packages|cannot be imported"):
            from_pretrained(folder)
    assert not marker.exists()


@pytest.fixture
def module(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that writes the marker when it is imported."""
    (tmp_path / "module_of_somebody.py").write_text(
        f"open({str(marker)!r}, 'w')\nfrom kplm.nn.pooling import First\nclass Own(First): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "module_of_somebody"
    sys.modules.pop("module_of_somebody", None)


def test_a_module_is_not_imported_because_a_file_names_it(module: str, marker: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"import {module} before you load it, or set KPLM_TRUST={module}"):
        from_spec({"class_path": f"{module}.Own", "init_args": {}}, Pooling)
    assert not marker.exists()
    assert module not in sys.modules


def test_it_is_where_the_user_trusts_it_or_has_imported_it(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUST, f"other,{module}")
    assert isinstance(from_spec({"class_path": f"{module}.Own", "init_args": {}}, Pooling), First)
    monkeypatch.delenv(TRUST)
    assert class_named(f"{module}.Own", Pooling).__name__ == "Own"
    with pytest.raises(CheckpointError, match="where a Head belongs"):
        class_named(f"{module}.Own", Head)


@pytest.mark.parametrize(
    "path", ["kplm.__main__.main", "kplm.demo.__main__.main", "antigravity.x", "..x", ".", "x", None, 3, ["os.system"]]
)
def test_what_would_run_when_it_is_imported_is_not(path: Any) -> None:
    with pytest.raises(CheckpointError):
        class_named(path, Head)
    assert "antigravity" not in sys.modules


SLOTS = (
    *(
        "model",
        "model.init_args.encoder",
        "model.init_args.head",
        "model.init_args.head.init_args.pool",
        "data",
        "data.init_args.source",
    ),
    *(
        "data.init_args.annotators.0",
        "data.init_args.annotators.1.init_args.looks",
        "data.init_args.annotators.2.init_args.source",
    ),
    *(
        "trainer.callbacks.0",
        "trainer.logger",
        "trainer.strategy",
        "trainer.plugins.0",
        "trainer.profiler",
        "model.init_args.optimization",
    ),
)


@pytest.fixture(scope="module")
def content(tiny_bert: Path, class_files: dict[str, str], tiny_table: Path) -> dict[str, Any]:
    """A config with a class in every place that takes one."""
    roles = {"class_path": "kplm.data.annotate.Roles", "init_args": {"source": {"class_path": "kplm.data.roles.Rules"}}}
    looks = {"class_path": "kplm.data.looks.FeatureFiles", "init_args": {"folder": "features", "width": 4}}
    entities = {"class_path": "kplm.data.annotate.Entities", "init_args": {"table": str(tiny_table)}}
    regions = {"class_path": "kplm.data.annotate.Regions", "init_args": {"looks": looks}}
    head = {"class_path": "kplm.heads.Classify", "init_args": {"pool": {"class_path": "kplm.nn.pooling.First"}}}
    encoder = {"class_path": "kplm.hub.bert", "init_args": {"pretrained": str(tiny_bert)}}
    return {
        "trainer": {"accelerator": "cpu", "logger": False},
        "model": {"class_path": "kplm.training.Finetune", "init_args": {"encoder": encoder, "head": head}},
        "data": {
            "class_path": "kplm.data.module.TextData",
            "init_args": {
                "tokenizer": str(tiny_bert),
                "annotators": [entities, regions, roles],
                "source": {"class_path": "kplm.data.sources.JsonLines"},
                **class_files,
            },
        },
    }


@pytest.fixture(scope="module")
def command_line(content: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line, whose parser reads config files."""
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    own = json.loads(json.dumps(content))
    own["data"]["init_args"]["annotators"] = own["data"]["init_args"]["annotators"][:1]
    path.write_text(yaml.safe_dump(own))
    return lightning(["-c", str(path)], run=False)


def with_slot(content: dict[str, Any], slot: str, value: Any) -> dict[str, Any]:
    """The config with another value in one place; lists that are not there yet get it as their only item."""
    copy = json.loads(json.dumps(content))
    inside, (*way, last) = copy, [int(key) if key.isdecimal() else key for key in slot.split(".")]
    for key, following in zip(way, [*way[1:], last]):
        if isinstance(inside, dict):
            inside.setdefault(key, [None] if isinstance(following, int) else {})
        inside = inside[key]
    inside[last] = value
    return copy


@pytest.mark.parametrize("slot", SLOTS)
def test_no_place_of_a_config_file_calls_what_it_names(
    slot: str,
    content: dict[str, Any],
    command_line: CommandLine,
    marker: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "config.yaml"
    for call in evil(marker):
        path.write_text(yaml.safe_dump(with_slot(content, slot, call)))
        with pytest.raises(SystemExit) as end:
            command_line.parser.parse_path(path)
        assert end.value.code == 2
        assert call["class_path"] in capsys.readouterr().err
        assert not marker.exists()


def test_tags_of_yaml_that_name_python_are_refused(
    command_line: CommandLine, tmp_path: Path, marker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for tag in (
        f"!!python/object/apply:os.system ['touch {marker}']",
        f"!!python/object/new:subprocess.Popen [[touch, {marker}]]",
    ):
        (tmp_path / "config.yaml").write_text(f"trainer:\n  max_steps: {tag}\n")
        with pytest.raises(SystemExit):
            command_line.parser.parse_path(tmp_path / "config.yaml")
        assert "could not determine a constructor" in capsys.readouterr().err
    assert not marker.exists()


def test_a_fine_tuned_model_without_its_labels_is_refused(saved: Path, tmp_path: Path) -> None:
    spec = json.loads((saved / "config.json").read_text())
    del spec["labels"]
    with pytest.raises(KplmError, match="has no classes"):
        load_finetuned(changed(saved, spec, tmp_path / "m"))
