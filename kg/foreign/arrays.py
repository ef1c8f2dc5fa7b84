"""Vectors in array files: ``.npy`` and safetensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from kg.errors import KgError, did_you_mean
from kg.foreign.ids import Ids
from kg.foreign.opened import Block, Foreign, slices


def open_npy(path: Path, ids: Ids) -> Foreign:
    """A matrix ``[N, W]`` of floating-point numbers that NumPy saved.

    Raises:
        KgError: it is something else, or truncated.
    """
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header may raise anything
        fix = "Save a matrix of numbers with numpy.save; objects and pickles are not read"
        raise KgError(f"{path} is truncated, or holds no array of numbers: {error}. {fix}.") from error
    if not isinstance(matrix, np.ndarray):
        raise KgError(f"{path} is an archive of arrays (.npz). Save the matrix alone with numpy.save.")
    if matrix.ndim != 2 or matrix.dtype.kind != "f":
        raise KgError(f"{path} holds {matrix.dtype} of shape {list(matrix.shape)}; needed: [N, W] of floating point.")
    if not matrix.size:
        raise KgError(f"{path} holds no numbers: its shape is {list(matrix.shape)}. Write it again.")
    return Foreign(_npy(path, *matrix.shape), ids, lambda row: f"{path}, row {row}")


def open_safetensors(path: Path, ids: Ids, tensor: str | None) -> Foreign:
    """The tensor ``[N, W]`` of that name, or the only one that the file holds.

    Raises:
        KgError: the file is truncated or something else, or it is unclear which tensor is meant.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise KgError(f"{path} is truncated or no safetensors file: {error}. Copy or write it again.") from error
    name = pick(path, shapes, tensor)
    return Foreign(_safetensors(path, name, *shapes[name]), ids, lambda row: f"{path}, row {row}")


def pick(path: Path, shapes: dict[str, list[int]], tensor: str | None) -> str:
    """The name of the matrix that is meant, of those that there are.

    Raises:
        KgError: it is not there or no matrix, or none is named and there are several.
    """
    matrices = [name for name, shape in shapes.items() if len(shape) == 2]
    if tensor is None and len(matrices) == 1:
        return matrices[0]
    if tensor in matrices:
        return tensor
    if tensor is None:
        raise KgError(f"{path} holds {len(matrices)} matrices ({', '.join(matrices) or 'none'}). Name one as tensor.")
    raise KgError(f"{path} holds no matrix '{tensor}'. {did_you_mean(tensor, matrices)}")


def _npy(path: Path, rows: int, width: int) -> Iterator[Block]:
    """Each block is mapped anew, so that not all pages of the file stay mapped."""
    for some in tqdm(list(slices(rows, width)), desc="Importing"):
        yield Block(_float32(np.load(path, mmap_mode="r", allow_pickle=False)[some]), [])


def _safetensors(path: Path, name: str, rows: int, width: int) -> Iterator[Block]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        matrix = file.get_slice(name)
        for some in tqdm(list(slices(rows, width)), desc="Importing"):
            yield Block(matrix[some].float().numpy(), [])


def _float32(numbers: np.ndarray) -> np.ndarray:
    """Numbers too large for float32 become infinite, which is refused later, with the id."""
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)
