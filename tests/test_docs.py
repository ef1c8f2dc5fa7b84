"""What the documentation names exists: files, modules, classes, commands and their options.

`test_readme` looks at the commands of code blocks and at links, `test_configs` at the commands that configs begin with.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from inspect import signature
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse import auto_parser
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from kplm import cli
from kplm.commands import GROUPS, SINGLE, predict
from kplm.compare import compare

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "lightning_configs"
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CURRENT = "CHANGELOG.md"
PLACES = (ROOT, ROOT / "kplm", ROOT / "kplm" / "data", CONFIGS)
"""What a path in the text may be relative to."""
ROOTS = ("kplm", "kg", "vision", "docs", "tests", "benchmarks", "lightning_configs")
DOTTED = re.compile(r"(?<![\w./-])(?:kplm|kg|vision|tests)(?:\.[A-Za-z_]\w*)+(?![\w/-])")
ENDINGS = ("md", "yaml", "sh", "yml", "toml", "cfg")
COMMAND = re.compile(rf"(?:.* )?kplm ((?:{'|'.join([*cli.LIGHTNING, 'compare', *GROUPS, *SINGLE])})\b.*)")
OF_READERS = {"nodes.yaml", "config.yaml"}
"""Configs that a reader writes."""
FOREIGN = {"HeteroData", "ModelCheckpoint", "RGCNConv", "WordNet", "WordPiece", "StatefulDataLoader"}
"""Names between backticks that are not ours."""
OF_OTHERS = {"--signal", "--graphs"}
"""Options of Slurm and of the golden tests."""
OF_FIT = {"-c", "--config", "--ckpt_path", "--out", "--seed_everything", "--print_config", "--help", "--debug"}
PARTS = {"trainer": Trainer, "checkpoint": ModelCheckpoint, "best": ModelCheckpoint}


def head(path: Path) -> str:
    """The comment that a config begins with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.removeprefix("#") for line in lines if line.startswith("#"))


def current_changes() -> str:
    """The newest section of the changelog."""
    return (ROOT / CURRENT).read_text(encoding="utf-8").split("\n## ")[1]


TEXTS = {
    **{str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PAGES},
    CURRENT: current_changes(),
    **{str(path.relative_to(ROOT)): head(path) for path in sorted(CONFIGS.rglob("*.yaml"))},
}
each_text = pytest.mark.parametrize("name", TEXTS)


def quoted(text: str) -> list[str]:
    """What stands between single backticks."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose)


def alternatives(path: str) -> Iterator[str]:
    """``a/{b,c}.py`` to ``a/b.py`` and ``a/c.py``."""
    parts = re.split(r"\{([^}]*)\}", path)
    yield from map("".join, product(*(part.split(",") if i % 2 else [part] for i, part in enumerate(parts))))


def there(path: str) -> bool:
    """Whether some file has this path, in one of the places a text may mean."""
    tries = (path, f"{path}.py", f"{path}.yaml")
    return any(any(place.glob(one.rstrip("/"))) for place in PLACES for one in tries)


@cache
def defined() -> frozenset[str]:
    """Names of all classes and functions of the project."""
    sources = (path.read_text(encoding="utf-8") for name in ROOTS for path in (ROOT / name).rglob("*.py"))
    return frozenset(
        name for text in sources for name in re.findall(r"^ *(?:class |def )?(\w+)(?:\(| =|:)", text, re.M)
    )


def resolved(name: str) -> Any:
    """The module, class or attribute of a dotted name; LookupError where there is none."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
                raise LookupError(name)
            found = getattr(found, part, None)
        return found
    raise LookupError(name)


def commands(name: str) -> Iterator[list[str]]:
    """The words of each command of ours: of a page in its code and between backticks, of a config in its comment."""
    text = TEXTS[name]
    page = [*re.findall(r"```(?:bash|text)\n(.*?)```", text, flags=re.DOTALL), *quoted(text)]
    for line in "\n".join(page if name.endswith(".md") else [text]).replace("\\\n", " ").splitlines():
        found = COMMAND.fullmatch(line.strip())
        if found and "…" not in line:
            try:
                words = shlex.split(found[1], comments=True)
            except ValueError:  # an apostrophe of the prose
                continue
            yield [*(word.rstrip(".,;:") for word in words[:2]), *words[2:]]


@cache
def parser_options() -> Mapping[str, frozenset[str]]:
    """The options of every command but Lightning's."""
    calls: dict[str, Any] = {"predict": predict, "compare": compare}
    calls |= {name: load() for name, load in SINGLE.items()}
    calls |= {f"{group} {name}": call for group, load in GROUPS.items() for name, call in load().items()}
    by_place = {name: name != "compare" for name in calls}
    return {name: options(auto_parser(call, as_positional=by_place[name])) for name, call in calls.items()}


def options(parser: argparse.ArgumentParser) -> frozenset[str]:
    """What may be given by name; arguments by place may be, too."""
    names = (name for action in parser._actions for name in (*action.option_strings, f"--{action.dest}"))
    return frozenset(names) | {"-c", "--debug"}


def unknown_options(words: list[str]) -> list[str]:
    """The options of a command that it does not have; all of it where there is no such command."""
    given = [word.partition("=")[0].rstrip("+") for word in words if re.match(r"--?[a-z]", word)]
    if words[0] in cli.LIGHTNING and (words[0] != "predict" or "-c" in words or len(words) == 1):
        return unknown_of_fit(words, given)
    name = " ".join(words[:2]) if words[0] in GROUPS else words[0]
    if words[0] in GROUPS and (len(words) == 1 or words[1].startswith("-") or not words[1].islower()):
        return []  # the group as a whole
    if name not in parser_options():
        return [name]
    if name == "compare":
        forwarded = [word for word in given if word.startswith(cli.FORWARDED)]
        return [*unknown_of_fit(words, forwarded), *(set(given) - {*forwarded, "--variant"} - parser_options()[name])]
    graph = {"--data.graph"} if name == "predict" else set()
    return [word for word in given if word not in parser_options()[name] | graph and not _of_class(word, name)]


def _of_class(word: str, name: str) -> bool:
    """Whether it is an option of the class that an option names, such as ``--reader.rows``."""
    return word.partition(".")[0] in parser_options()[name] and "." in word


def unknown_of_fit(words: list[str], given: list[str]) -> list[str]:
    """The options that the classes in the configs of a run do not have."""
    paths = [ROOT / after for word, after in pairwise(words) if word in ("-c", "--config", "--control")]
    config: dict[str, Any] = {}
    for path in paths:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        config |= {name: value for name, value in found.items() if name not in config}
    return [word for word in given if word not in OF_FIT and not known(word.removeprefix("--").split("."), config)]


def known(path: list[str], config: Mapping[str, Any]) -> bool:
    """Whether the classes that a config names take this option; so if it names none."""
    part, *rest = path
    if part in PARTS:
        return rest[0] in signature(PARTS[part]).parameters
    return part in ("model", "data") and (part not in config or takes(config[part], rest))


def takes(node: Any, path: list[str]) -> bool:
    """Follow an option through classes and their arguments."""
    path = [name for name in path if name != "init_args"]
    node = node[-1] if isinstance(node, list) and node else node
    if not path or node is None:
        return True
    if isinstance(node, str):
        node = {"class_path": node}
    if not isinstance(node, dict) or "class_path" not in node:
        return True
    places, name = signature(resolved(node["class_path"])).parameters, path[0]
    if name not in places:
        return name == "help"
    default, inner = places[name].default, node.get("init_args", {}).get(name)
    if hasattr(default, "__dataclass_fields__"):
        return all(one in default.__dataclass_fields__ for one in path[1:2])
    return takes(inner, path[1:])


@each_text
def test_files_that_are_named_exist(name: str) -> None:
    text = TEXTS[name]
    tokens = quoted(text) if name.endswith(".md") else re.findall(r"[\w./]+\w", text)
    paths = [one for one in tokens if re.fullmatch(r"[\w{},*./-]+", one) and one.split("/")[0] in ROOTS and "/" in one]
    paths += [one for one in tokens if re.fullmatch(r"[\w/{},*-]+\.py", one)]
    missing = [one for path in paths for one in alternatives(path) if not there(one) and not _anywhere(one)]
    assert missing == []


def _anywhere(path: str) -> bool:
    """A file's name alone stands for the file beside the one named before."""
    return "/" not in path and any(any((ROOT / name).rglob(path)) for name in ROOTS)


@each_text
def test_configs_that_are_named_exist(name: str) -> None:
    found = set(re.findall(r"[\w/]*\w\.yaml", TEXTS[name])) - OF_READERS
    files = [path.as_posix() for path in CONFIGS.rglob("*.yaml")]
    assert [one for one in found if not any(path.endswith(f"/{one}") for path in files)] == []


@each_text
def test_dotted_names_can_be_imported(name: str) -> None:
    found = {one for one in DOTTED.findall(TEXTS[name]) if one.rpartition(".")[2] not in ENDINGS}
    missing = []
    for one in sorted(found):
        try:
            resolved(one)
        except LookupError:
            missing.append(one)
    assert missing == []


@each_text
def test_classes_that_are_named_exist(name: str) -> None:
    found = {one for one in quoted(TEXTS[name]) if re.fullmatch(r"[A-Z]\w*[a-z]\w*[A-Z]\w*", one)}
    assert found - FOREIGN - defined() == set()


@each_text
def test_options_of_shown_commands_are_known(name: str) -> None:
    unknown = [(" ".join(words), bad) for words in commands(name) if (bad := unknown_options(words))]
    assert unknown == []


@pytest.mark.parametrize("name", [name for name in TEXTS if not name.startswith("benchmarks/")])
def test_options_in_the_prose_are_known_to_some_command(name: str) -> None:
    every = frozenset().union(*parser_options().values()) | OF_FIT | OF_OTHERS | {"--variant"}
    found = {one.split()[0].partition("=")[0] for one in quoted(TEXTS[name]) if one.startswith("--")}
    plain = {one for one in found if "." not in one and "…" not in one}
    dotted = {one.removeprefix("--").split(".")[0] for one in found - plain}
    assert plain - every == set()
    assert dotted <= {"model", "data", *PARTS}


def test_every_page_is_in_the_site() -> None:
    nav = str(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f"'{page}'" not in nav] == []


def test_the_map_shows_every_room() -> None:
    rooms = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## Rooms")[1].split("```")[1]
    own = sorted(path.parent.name for path in (ROOT / "kplm").glob("*/__init__.py"))
    assert [name for name in own if f"{name}/" not in rooms] == []
