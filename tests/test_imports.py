"""Imports go one way, and the package is light until it is used."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BASE = {"config", "errors", "fields", "knowledge", "spec", "locate", "folder", "role_tags"}
MODEL_SIDE = BASE | {"nn", "models", "objectives", "heads"}
DATA_SIDE = BASE | {"text", "masking"}
EVERYTHING = MODEL_SIDE | DATA_SIDE | {"convert", "data", "training", "hub", "authors", "predict", "vocab", "roles"}
EVERYTHING |= {"command_line", "compare", "inspect", "score", "commands", "cli", "demo"}
MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(BASE, BASE),
    "nn": BASE,
    "models": BASE | {"nn"},
    "objectives": BASE | {"nn", "models"},
    "heads": BASE | {"nn", "models"},
    "convert": MODEL_SIDE,
    "text": BASE,
    "masking": BASE | {"text"},
    "data": DATA_SIDE,
    "training": MODEL_SIDE,
    "hub": MODEL_SIDE | DATA_SIDE | {"convert", "training", "data"},
    "vocab": MODEL_SIDE | DATA_SIDE | {"convert", "data"},
    "authors": MODEL_SIDE | DATA_SIDE | {"convert", "training", "data", "hub", "vocab"},
    "predict": MODEL_SIDE | DATA_SIDE | {"convert", "training", "hub", "data", "roles"},
    "roles": MODEL_SIDE | DATA_SIDE | {"data", "training", "hub"},
    "command_line": MODEL_SIDE | {"training"},
    "inspect": MODEL_SIDE | DATA_SIDE | {"data", "hub", "predict", "roles"},
    "score": DATA_SIDE | {"data"},
    "compare": EVERYTHING - {"demo"},
    "commands": EVERYTHING - {"cli", "demo"},
    "cli": EVERYTHING - {"demo"},
    "demo": EVERYTHING,
    "__main__": {"cli"},
    "__init__": set(),
}
KNOWLEDGE = {"kg", "vision"}
SEES_KNOWLEDGE = {
    "data",
    "roles",
    "vocab",
    "predict",
    "hub",
    "authors",
    "inspect",
    "commands",
    "cli",
    "compare",
    "demo",
}
HEAVY = ("pykeen", "spacy", "torch_geometric", "torchvision", "transformers", "datasets")
OWN_CHOICE = ("pykeen", "spacy", "torch_geometric", "datasets")
"""torchmetrics, which Lightning imports, brings torchvision, transformers and matplotlib along where they are installed."""
FILES = sorted(path for name in ("kplm", "kg", "vision") for path in (ROOT / name).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, inside functions too, as full dotted names."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            if module in ("kplm", ""):  # "from kplm import hub" names a module
                yield from (f"kplm.{alias.name}" for alias in node.names if alias.name != "__version__")


def part(path: Path) -> str:
    """The part of kplm a file belongs to: its folder, or its own name at the top."""
    inside = path.relative_to(ROOT / "kplm").parts
    return inside[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_imports_go_one_way(path: Path) -> None:
    names = {name for name in imported(path) if name.split(".")[0] in {"kplm", *KNOWLEDGE}}
    if path.relative_to(ROOT).parts[0] in KNOWLEDGE:
        assert not {name for name in names if name.split(".")[0] == "kplm"}, "kg and vision never import kplm"
        return
    own = part(path)
    assert own in MAY_IMPORT, f"{own} has no place in the layers yet"
    parts = {name.split(".")[1] for name in names if name.startswith("kplm.")}
    assert parts <= MAY_IMPORT[own] | {own}
    if own not in SEES_KNOWLEDGE:
        assert not {name for name in names if name.split(".")[0] in KNOWLEDGE}, "knowledge comes in through the data"


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_knowledge_libraries_stay_behind_kg_and_vision(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] == "kplm":
        allowed = {"data": {"datasets"}, "roles": {"spacy"}}.get(part(path), set())
        assert not {name.split(".")[0] for name in imported(path)} & set(HEAVY) - allowed


LIGHT = f"""
import sys, time
start = time.perf_counter(); import torch; torch_took = time.perf_counter() - start
start = time.perf_counter(); import kplm, kplm.models, kplm.text, kplm.data.annotate, kg; ours = time.perf_counter() - start
print(sorted(name for name in {HEAVY!r} if name in sys.modules), ours)
"""
BARE = f"""
import sys, time
import kplm
print(sorted(name for name in (*{HEAVY!r}, 'pytorch_lightning', 'torch') if name in sys.modules), 0)
"""
WHOLE = f"""
import sys
import kplm.cli, kplm.hub, kplm.predict, kplm.compare, kplm.data.module, kplm.training.callbacks, kg, kg.commands
print(sorted(name for name in {OWN_CHOICE!r} if name in sys.modules), 0)
"""


def run(code: str) -> tuple[str, float]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    found, seconds = done.stdout.rsplit(" ", 1)
    return found.strip(), float(seconds)


def test_importing_the_package_itself_costs_next_to_nothing() -> None:
    assert run(BARE)[0] == "[]"


def test_even_the_command_line_and_the_trainers_leave_the_graph_libraries_out() -> None:
    assert run(WHOLE)[0] == "[]"


def test_importing_models_and_knowledge_adds_at_most_two_seconds_to_torch() -> None:
    """Two runs at most: the machine may be busy once."""
    took = []
    for _ in range(2):
        found, seconds = run(LIGHT)
        assert found == "[]"
        took.append(seconds)
        if seconds <= 2:
            break
    assert min(took) <= 2


@pytest.mark.parametrize("name", ["kplm", "kg", "vision"])
def test_the_three_packages_are_ours_and_no_namesakes_from_the_index(name: str) -> None:
    spec = importlib.util.find_spec(name)
    home = importlib.util.find_spec("kplm")
    assert spec is not None
    assert home is not None
    assert Path(str(spec.origin)).parents[1] == Path(str(home.origin)).parents[1]


def test_a_name_that_is_not_offered_is_refused_with_what_is() -> None:
    import kplm

    with pytest.raises(AttributeError, match="no attribute 'nothing'; it offers load, from_pretrained"):
        kplm.nothing  # noqa: B018
    assert all(hasattr(kplm, name) for name in kplm.__all__)
