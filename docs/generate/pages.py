"""A hook of MkDocs: files of the repository and the help of every command become part of the pages that ask for them."""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

INCLUDE = re.compile(r"<!-- include (\S+) -->")
COMMANDS = "<!-- commands -->"
MOVED = {"docs/": "", "benchmarks/README.md": "measured.md", "README.md": "index.md"}
"""Where links of the repository's pages lead in the site."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page with all that it asks for."""
    text = INCLUDE.sub(lambda match: included(match[1]), markdown)
    return text.replace(COMMANDS, commands()) if COMMANDS in text else text


def included(name: str) -> str:
    """A page of the repository, its links set right."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for old, new in MOVED.items():
        text = text.replace(f"]({old}", f"]({new}")
    return text


def commands() -> str:
    """A section for every command: what it does and all that it takes, as its parser says."""
    from jsonargparse import auto_parser

    from kplm.commands import GROUPS, SINGLE, predict
    from kplm.compare import compare

    found = [("predict", predict, True), ("compare", compare, False)]
    found += [(name, load(), True) for name, load in SINGLE.items()]
    found += [(f"{group} {name}", call, True) for group, load in GROUPS.items() for name, call in load().items()]
    return "\n\n".join(_section(name, auto_parser(call, as_positional=by_place)) for name, call, by_place in found)


def _section(name: str, parser: Any) -> str:
    taken = [action for action in parser._actions if not _aside(action)]
    places = [action.dest for action in taken if not action.option_strings]
    usage = " ".join(["kplm", name, *map(str.upper, places), *(["[options]"] if len(places) < len(taken) else [])])
    told = re.sub(r"\s*\n\s*(?=\S)", " ", parser.description or "").strip()
    return f"## kplm {name}\n\n```text\n{usage}\n```\n\n{told}\n\n{_table(taken)}"


def _aside(action: Any) -> bool:
    """Options that every command has, and those that open a class's own."""
    return action.dest in ("help", "config", "print_config", "print_shtab") or action.dest.endswith(".help")


def _table(actions: list[Any]) -> str:
    rows = [f"| {_name(one)} | {_cell(one.help)} | {_default(one)} |" for one in actions]
    return "\n".join(["| option | meaning | default |", "|---|---|---|", *rows])


def _name(action: Any) -> str:
    option = next((name for name in action.option_strings if name.startswith("--")), "")
    return f"`{option}`" if option else f"`{action.dest.upper()}`"


def _default(action: Any) -> str:
    if not action.option_strings or action.default is None:
        return ""
    return f"`{action.default}`".replace("|", "\\|") if str(action.default) else "''"


def _cell(text: Any) -> str:
    """One cell of a table; the help's own note of type and default is left out, double backticks become code."""
    plain = " ".join(str(text or "").split()).partition(" (type: ")[0]
    return escape(plain, quote=False).replace("``", "`").replace("|", "\\|")
