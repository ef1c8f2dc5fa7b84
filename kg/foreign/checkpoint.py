"""Vectors in what PyKEEN saves with `torch.save`, read without running anything that the file names.

PyKEEN pickles whole objects, in a protocol that ``torch.load(weights_only=True)`` refuses. Loading such a file in the
usual way runs whatever code its author put in. Here, an unpickler knows tensors and dictionaries; every other class and
function becomes an inert `Thing` that only keeps what it is given. So PyKEEN need not be installed either.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile, is_zipfile

from tqdm import tqdm

from kg.archives import refuse_bomb
from kg.errors import KgError
from kg.foreign.arrays import pick
from kg.foreign.ids import Ids, ids_from_pairs
from kg.foreign.opened import Block, Foreign, slices

if TYPE_CHECKING:
    from torch import Tensor

ENTITIES = "entity_representations.0._embeddings.weight"
BEST = "best_epoch_model_checkpoint"
MODULE = ("_parameters", "_buffers", "_modules")


class Thing:
    """Stands for an object or function of any class: takes all arguments and keeps its state, does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.state: Any = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *_: Any, **__: Any) -> Thing:
        return Thing()

    def append(self, _: Any) -> None:
        """Take an item, as subclasses of list do when they are unpickled."""

    def __setitem__(self, _: Any, __: Any) -> None:
        """Take an item, as subclasses of dict do when they are unpickled."""

    def add(self, _: Any) -> None:
        """Take an item, as subclasses of set do when they are unpickled."""


class InertPickle:
    """What `torch.load` takes as ``pickle_module``."""

    class Unpickler(pickle.Unpickler):
        """Finds nothing but tensors and dictionaries."""

        def find_class(self, module: str, name: str) -> Any:
            """The counterpart of a global name in the file."""
            return {
                "collections.OrderedDict": OrderedDict,
                "torch._utils._rebuild_tensor_v2": _tensor,
                "torch._utils._rebuild_parameter": _parameter,
            }.get(f"{module}.{name}", Thing)


def _tensor(storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    from torch._utils import _rebuild_tensor_v2

    return _rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())


def _parameter(data: Tensor, *_: Any) -> Tensor:
    return data


def open_pykeen(path: Path, ids: Ids | None, tensor: str | None) -> Foreign:
    """The entity vectors of a trained model, a training checkpoint, or the state of a model that PyKEEN saved.

    Complex numbers are stored as pairs, so a vector is twice as long as PyKEEN's dimension. A training checkpoint that
    holds the best epoch besides the last gives the best. Vectors come as they are stored: a normalizer that a model was
    made with, which PyKEEN applies on each look-up, is not applied.

    Args:
        path: the file.
        ids: left out, they come from the training checkpoint itself.
        tensor: the name of another matrix than the first entity representation.

    Raises:
        KgError: the file is no such thing, or has no ids.
    """
    content = _load(path)
    try:
        tensors = list(_tensors(content))
    except RecursionError:
        raise KgError(f"{path} holds itself, or is nested too deeply. Save the state of the model again.") from None
    matrices = {name: value for name, value in tensors if value.ndim == 2 and value.is_floating_point()}
    found = [name for name in matrices if f".{name}".endswith(f".{ENTITIES}")]
    name = tensor or min(found, key=lambda one: BEST not in one, default=None)
    name = pick(path, {one: list(value.shape) for one, value in matrices.items()}, name)
    matrix = matrices[name]
    if matrix.numel() * matrix.element_size() > path.stat().st_size:
        raise KgError(f"{path} tells of {list(matrix.shape)} numbers as '{name}', more than it holds. Save it again.")
    return Foreign(_blocks(matrix), ids or _own_ids(path, content), lambda row: f"{path}, row {row}")


def _load(path: Path) -> Any:
    import torch

    try:
        if not is_zipfile(path) or _is_script(path):
            raise ValueError("it is no archive of torch 1.6 or later")
        return torch.load(path, map_location="cpu", mmap=True, weights_only=False, pickle_module=InertPickle)
    except Exception as error:  # a damaged pickle may raise anything, says the documentation of pickle
        why = f"truncated, or was not written by torch.save as PyKEEN does ({error})"
        raise KgError(f"{path} cannot be read: it is {why}. Copy or save it again.") from error


def _is_script(path: Path) -> bool:
    """Whether it is a program of TorchScript, which `torch.load` would hand to `torch.jit.load`.

    Raises:
        ValueError: it unpacks to far more than its size; `torch.save` packs nothing.
    """
    with ZipFile(path) as archive:
        refuse_bomb(archive.infolist(), path.stat().st_size)
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _own_ids(path: Path, content: Any) -> Ids:
    pairs = content.get("entity_to_id_dict") if isinstance(content, Mapping) else None
    told = isinstance(pairs, Mapping) and all(
        isinstance(name, str) and type(row) is int and abs(row) < 1 << 62 for name, row in pairs.items()
    )
    if not told or not pairs:
        raise KgError(f"{path} tells no ids. Give a file of ids, such as training_triples/entity_to_id.tsv.gz.")
    return ids_from_pairs(path, pairs.items())


def _tensors(content: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """All tensors within dictionaries and modules, with their dotted names."""
    from torch import Tensor

    if isinstance(content, Tensor):
        yield name, content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _tensors(value, f"{name}.{key}" if name else str(key))
    elif isinstance(content, Thing) and isinstance(content.state, Mapping):
        for part in MODULE:
            yield from _tensors(content.state.get(part), name)


def _blocks(matrix: Tensor) -> Iterator[Block]:
    for some in tqdm(list(slices(*matrix.shape)), desc="Importing"):
        yield Block(matrix[some].float().numpy(), [])
