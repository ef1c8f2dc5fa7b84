"""The recipes of docs/scale.md, as they stand there, where their engines are installed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kg import Linker, TripleStore
from kg.linking_commands import link

ROOT = Path(__file__).parents[1]
ENGINES = {"ray": "Ray Data", "pyspark": "Spark"}


def recipe(title: str) -> str:
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    return page.split(f"## {title}\n")[1].split("```python\n")[1].split("```")[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_links_the_same_bytes_as_one_process(engine: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed")
    if engine == "pyspark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not installed")
    Linker.from_store(TripleStore.open("package:kg/world")).save(tmp_path / "linker")
    texts = [{"text": f"Boston and Paris, {number}"} for number in range(5000)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    code = recipe(ENGINES[engine]).replace("/shared", str(tmp_path))
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}", "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    link(str(tmp_path / "texts.jsonl"), str(tmp_path / "whole"), graph=str(tmp_path / "linker"))
    assert (tmp_path / "linked.jsonl").read_bytes() == (tmp_path / "whole").read_bytes()
    assert not list(tmp_path.glob(".linked*"))


@pytest.mark.parametrize("title", ENGINES.values())
def test_a_recipe_gives_every_part_and_joins(title: str) -> None:
    """What can be said of it without its engine."""
    code = recipe(title)
    compile(code, title, "exec")
    assert re.findall(r'part=f"([^"]+)"', code)[-1] == "join/{PARTS}"
