"""Folders are written whole or not at all."""

import errno
from pathlib import Path

import pytest

from kg import KgError
from kg.places import whole_folder


def test_a_full_disk_is_named_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KgError, match="No space left on device.*Make room"), whole_folder(tmp_path / "out", "kg.test"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_other_failures_keep_their_kind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "out", "kg.test"):
        (tmp_path / "absent").read_text()
    assert list(tmp_path.iterdir()) == []
