"""A pickle that acts when somebody unpickles it, in all the files that such things come in."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

WAYS = ("zip", "legacy", "bare")
"""How `torch.save` writes today, how it did before version 1.6, and a pickle without anything around it."""


class Payload:
    """Writes a file when it is unpickled, as a real one would do worse."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.marker, "w")


def checkpoint(marker: Path, way: str = "zip", **beside: Any) -> bytes:
    """A checkpoint with a payload among its tensors."""
    content = {"state_dict": {"weight": torch.zeros(2)}, "kplm": {"encoder": {}}, "x": Payload(marker), **beside}
    if way == "bare":
        return pickle.dumps(content)
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=way == "zip")
    return file.getvalue()


def array(marker: Path) -> bytes:
    """An array of objects, one of them a payload, as NumPy saves it."""
    file = io.BytesIO()
    np.save(file, np.array([Payload(marker), 1], object), allow_pickle=True)
    return file.getvalue()


def archive(marker: Path, *names: str) -> bytes:
    """An ``.npz`` whose arrays are such."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        for name in names:
            members.writestr(f"{name}.npy", array(marker))
    return file.getvalue()
