"""Compare this code with recorded outputs: ``python -m tests.golden.check ernie_thu PATH... [--atol 1e-4]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open

from kplm.errors import KplmError
from tests.golden.row import Row
from tests.golden.systems import ernie_thu

SYSTEMS = {"ernie_thu": ernie_thu}
OUTPUTS = "outputs.safetensors"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each case; 0 when every recorded tensor was compared and is close enough, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden.check", description=__doc__)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("path", nargs="+", type=Path, help="a case, or a folder of cases")
    parser.add_argument(
        "--atol", type=float, default=1e-4, help="largest absolute difference allowed (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found = [case for path in options.path for case in cases(path)]
    failed = [case for case in found if not check(options.system, case, options.atol)]
    print(f"{len(found)} cases, {len(failed)} failed" + "".join(f"\n  {case}" for case in failed))
    return 1 if failed else 0


def cases(path: Path) -> list[Path]:
    """The case folders at or directly below a path; ends the program when there are none."""
    found = [path] if (path / OUTPUTS).is_file() else sorted(file.parent for file in path.glob(f"*/{OUTPUTS}"))
    if not found:
        sys.exit(f"{path} is neither a case nor a folder of cases: there is no {OUTPUTS}.")
    return found


def check(system: str, case: Path, atol: float) -> bool:
    """Compare one case and print its table."""
    print(case)
    try:
        rows = SYSTEMS[system].compare(case)
    except KplmError as error:
        print(f"  FAIL  {error}\n")
        return False
    with safe_open(case / OUTPUTS, "pt") as file:
        left_out = sorted(set(file.keys()) - {row.name for row in rows})
    rows += [Row(name, float("inf"), "recorded, but not compared") for name in left_out]
    for row in rows:
        verdict = "ok" if row.passes(atol) else "FAIL"
        print(f"  {verdict:4}  {row.difference:9.2e}{' exact' if row.exact else '':6}  {row.name}  {row.note}")
    worst = max((row.difference for row in rows), default=float("inf"))
    print(f"  largest difference {worst:.2e}, allowed {atol:.0e}\n")
    return all(row.passes(atol) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
