"""The numbers in a TensorFlow SavedModel: its variables, and the constants of its graph."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kplm.errors import CheckpointError, KplmError

Arrays = dict[str, np.ndarray]
INDEX, GRAPH = "variables/variables.index", "saved_model.pb"


def read_variables(folder: Path) -> Arrays:
    """All variables that hold numbers, by name.

    Raises:
        CheckpointError: the folder is no SavedModel, or its variables are damaged.
        KplmError: TensorFlow is not installed.
    """
    if not (folder / INDEX).is_file():
        there = ", ".join(sorted(path.name for path in folder.glob("*"))[:10]) or "nothing"
        raise CheckpointError(
            f"{folder} has no {INDEX}, so it is no SavedModel with variables; found {there}. "
            f"Give the folder of the released model, with {GRAPH}, variables/, vocab.txt and supersense_vocab.txt."
        )
    train = _tensorflow().train
    prefix = str((folder / INDEX).with_suffix(""))
    try:
        reader = train.load_checkpoint(prefix)
        found = {name: np.asarray(reader.get_tensor(name)) for name, _ in train.list_variables(prefix)}
    except Exception as error:  # TensorFlow raises kinds of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{prefix}.* cannot be read: {reason}. Download the folder again.") from error
    return {name: array for name, array in found.items() if array.dtype.kind in "fiub"}


def read_constants(folder: Path, shapes: Collection[tuple[int, ...]]) -> Arrays:
    """The constants of the graph that have one of some shapes, by the names of their nodes; none where there is no graph.

    Raises:
        CheckpointError: the file of the graph is damaged.
        KplmError: TensorFlow is not installed.
    """
    path = folder / GRAPH
    if not path.is_file():
        return {}
    tensorflow = _tensorflow()
    saved = import_module("tensorflow.core.protobuf.saved_model_pb2").SavedModel()
    try:
        saved.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's own kind
        raise CheckpointError(f"{path} cannot be read: {error}. Download the folder again.") from error
    nodes = (node for graph in saved.meta_graphs for node in graph.graph_def.node if node.op == "Const")
    tensors = ((node.name, node.attr["value"].tensor) for node in nodes)
    return {
        name: np.asarray(tensorflow.make_ndarray(tensor))
        for name, tensor in tensors
        if tuple(side.size for side in tensor.tensor_shape.dim) in shapes
    }


def _tensorflow() -> Any:
    try:
        return import_module("tensorflow")
    except ImportError as error:
        raise KplmError(
            f"reading the variables of a SavedModel needs TensorFlow, which cannot be imported ({error}). "
            f"Install it for this one conversion: pip install tensorflow-cpu"
        ) from error
