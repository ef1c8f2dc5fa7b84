"""The data of all cases, written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.rows import Places, made


@pytest.fixture(scope="session")
def places(
    tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, tiny_table: Path, corpora: dict[str, str]
) -> Places:
    """Where it lies."""
    return made(tmp_path_factory.mktemp("cases"), tiny_bert, tiny_table, corpora)
