"""Compare this code with recorded outputs: ``python -m tests.golden.check SYSTEM PATH... [--atol 1e-4]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import safe_open

from kg import KgError
from kplm.errors import KplmError
from tests.golden.row import Row
from tests.golden.systems import ernie_thu, kbert, sembert, sensebert, vlbert

OUTPUTS = "outputs.safetensors"


@dataclass(frozen=True)
class System:
    """How the cases of one system are compared: folders with recorded tensors, and files of its own."""

    compare: Callable[[Path], list[Row]]
    files: tuple[str, ...] = ()


def systems(graphs: Path | None = None) -> dict[str, System]:
    """All systems by name; ``graphs`` is a folder with the graphs that K-BERT's trees were grown from."""
    return {
        "ernie_thu": System(ernie_thu.compare),
        "kbert": System(partial(kbert.compare, graphs=graphs), kbert.FILES),
        "sembert": System(sembert.compare, sembert.FILES),
        "sensebert": System(sensebert.compare),
        "vlbert": System(vlbert.compare),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each case; 0 when every recorded tensor was compared and is close enough, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden.check", description=__doc__)
    parser.add_argument("system", choices=systems())
    parser.add_argument("path", nargs="+", type=Path, help="a case, or a folder of cases")
    parser.add_argument(
        "--atol", type=float, default=1e-4, help="largest absolute difference allowed (default: %(default)s)"
    )
    parser.add_argument("--graphs", type=Path, help="kbert: a folder with HowNet.spo and Medical.spo")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    system = systems(options.graphs)[options.system]
    found = [case for path in options.path for case in cases(path, system.files)]
    failed = [case for case in found if not check(system, case, options.atol)]
    print(f"{len(found)} cases, {len(failed)} failed" + "".join(f"\n  {case}" for case in failed))
    return 1 if failed else 0


def cases(path: Path, files: Sequence[str] = ()) -> list[Path]:
    """The cases at or directly below a path, folders and files; ends the program when there are none."""
    if (path / OUTPUTS).is_file() or (path.name in files and path.is_file()):
        return [path]
    found = sorted(file.parent for file in path.glob(f"*/{OUTPUTS}"))
    found += [path / name for name in files if (path / name).is_file()]
    if not found:
        missing = " nor ".join([f"there is no {OUTPUTS}", *files])
        sys.exit(f"{path} is neither a case nor a folder of cases: {missing}.")
    return found


def check(system: System, case: Path, atol: float) -> bool:
    """Compare one case and print its table."""
    print(case)
    try:
        rows = system.compare(case)
    except (KplmError, KgError) as error:
        print(f"  FAIL  {error}\n")
        return False
    left_out = sorted(_recorded(case) - {row.name for row in rows})
    rows += [Row(name, float("inf"), "recorded, but not compared") for name in left_out]
    for row in rows:
        verdict = "ok" if row.passes(atol) else "FAIL"
        print(f"  {verdict:4}  {row.difference:9.2e}{' exact' if row.exact else '':6}  {row.name}  {row.note}")
    worst = max((row.difference for row in rows if row.limit is None), default=float("inf"))
    print(f"  largest difference {worst:.2e}, allowed {atol:.0e}\n")
    return all(row.passes(atol) for row in rows)


def _recorded(case: Path) -> set[str]:
    if case.is_file():
        return set()
    with safe_open(case / OUTPUTS, "pt") as file:
        return set(file.keys())


if __name__ == "__main__":
    sys.exit(main())
