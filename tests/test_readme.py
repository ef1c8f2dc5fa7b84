"""The commands that the documentation shows exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from kplm import cli
from kplm.commands import GROUPS, SINGLE

ROOT = Path(__file__).parents[1]
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()]
KNOWN = {name: set(found()) for name, found in GROUPS.items()}
COMMANDS = {*cli.LIGHTNING, "compare", *SINGLE, *GROUPS}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each line in a ``bash`` block, continued lines joined, comments left out."""
    for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                yield words


SHOWN = [(page.name, words) for page in PAGES for words in commands(page)]


@pytest.mark.parametrize(("page", "words"), [one for one in SHOWN if one[1][0] == "kplm"])
def test_a_shown_kplm_command_exists_and_so_do_its_configs(page: str, words: list[str]) -> None:
    if len(words) > 1 and words[1].startswith("-"):
        return
    assert words[1] in COMMANDS
    if words[1] in KNOWN and not words[2].startswith("-"):
        assert words[2] in KNOWN[words[1]]
    configs = [after for word, after in pairwise(words) if word in ("-c", "--config", "--control")]
    own = [name for name in configs if name.startswith("lightning_configs/")]
    assert [name for name in own if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(("page", "words"), [one for one in SHOWN if one[1][0] == "make"])
def test_a_shown_make_target_exists(page: str, words: list[str]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {word for word in words[1:] if "=" not in word} <= targets


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_makefile_has_the_two_targets_everyone_tries(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_every_command_that_help_lists_is_known() -> None:
    listed = re.findall(r"^  ([a-z]+) {2,}", cli.USAGE, flags=re.MULTILINE)
    assert set(listed) == COMMANDS


def test_local_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
