"""What a benchmark tells: numbers, some with a target, as a table for people and as JSON for programs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

VERSIONS = ("torch", "transformers", "numpy")
CORES = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Row:
    """One number."""

    what: str
    value: float
    unit: str = ""
    quartiles: tuple[float, float] | None = None
    """Of the values whose median ``value`` is."""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def target(self) -> str:
        """The target as people write it."""
        signs = (("≤", self.at_most), ("≥", self.at_least))
        return " ".join(f"{sign} {short(bound)}" for sign, bound in signs if bound is not None)

    def cells(self) -> dict[str, str]:
        """The row of a table."""
        spread = "" if self.quartiles is None else " to ".join(map(short, self.quartiles))
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        told = {"value": short(self.value), "unit": self.unit, "quartiles": spread, "target": self.target}
        return {"what": self.what, **told, "": verdict}


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of all benchmarks."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there, besides the table")
    return found


def tell(name: str, rows: Sequence[Row], arguments: argparse.Namespace, **details: Any) -> None:
    """Print the table, and write JSON where it was asked for.

    Args:
        name: of the benchmark.
        rows: what was measured.
        arguments: what it was asked to do.
        details: what else is worth keeping.
    """
    print(table(row.cells() for row in rows))
    if arguments.json is None:
        return
    given = {key: value for key, value in vars(arguments).items() if key != "json"}
    told = [{**asdict(row), "met": row.met} for row in rows]
    found = {"benchmark": name, "arguments": given, "machine": machine(), "rows": told, "details": details}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(found, indent=1, default=str) + "\n", encoding="utf-8")


def read(path: Path) -> list[Row]:
    """The rows of a file that :func:`tell` wrote."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [Row(**{key: value for key, value in row.items() if key != "met"}) for row in rows]


def machine() -> dict[str, Any]:
    """Where it was measured; ``load`` tells whether others worked there too."""
    text = CORES.read_text() if CORES.exists() else ""
    name = re.search(r"model name\s*: (.+)", text)
    return {
        "processor": name[1] if name else platform.processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{package: version(package) for package in VERSIONS},
    }


def table(records: Iterable[Mapping[str, Any]]) -> str:
    """Records as columns, under the keys of the first; numbers are shortened, columns that stay empty left out."""
    lines = [{key: value if isinstance(value, str) else short(value) for key, value in one.items()} for one in records]
    names = [name for name in lines[0] if any(line[name] for line in lines)] if lines else []
    widths = {name: max(len(name), *(len(line[name]) for line in lines)) for name in names}
    written = [dict(zip(names, names)), *lines]
    return "\n".join("  ".join(line[name].ljust(widths[name]) for name in names).rstrip() for line in written)


def short(value: float) -> str:
    """Four digits that count, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
