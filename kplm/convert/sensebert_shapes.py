"""What SenseBERT has beside BERT, told by shape, since nobody has listed the names of its variables."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kplm.config import SenseBertConfig
from kplm.convert.sensebert_variables import Arrays
from kplm.errors import CheckpointError

log = logging.getLogger(__name__)
SENSE_VOCAB = "supersense_vocab.txt"


@dataclass(frozen=True)
class Shaped:
    """What was told by its shape."""

    table: Tensor
    """``[C, D]``."""
    allowed: Tensor | None
    """``[V, C]`` bool."""
    taken: frozenset[str]


def by_shape(free: Arrays, config: SenseBertConfig, constants: Mapping[str, np.ndarray]) -> Shaped:
    """Find SenseBERT's own variables.

    Args:
        free: all variables that are not BERT's.
        config: sizes, and the names of the supersenses.
        constants: of the graph, in which the matrix is looked for where no variable is it.

    Raises:
        CheckpointError: there is no sense table, or several variables could be it or the matrix.
    """
    tables = _oriented(free, len(config.senses), config.hidden)
    if len(tables) != 1:
        fix = "Leave all but the sense table out, with --leave." if tables else f"Use the {SENSE_VOCAB} of this model."
        raise CheckpointError(
            f"the sense table must be the one variable of the shape {[len(config.senses), config.hidden]} or its transpose, for "
            f"the {len(config.senses)} names in {SENSE_VOCAB}; found are {len(tables)}. What is not BERT's:\n{told(free)}\n{fix}"
        )
    matrices = _binary(free, config) or _binary(constants, config)
    if len({array.tobytes() for array in matrices.values()}) > 1:
        raise CheckpointError(
            f"several matrices could be that of the allowed supersenses:\n{told(matrices)}\n"
            f"Leave the wrong ones out, with --leave."
        )
    biases = {name for name, array in free.items() if array.shape == (len(config.senses),)}
    for name in sorted(biases):
        log.warning(
            f"{name} must be a bias of the supersenses' scores, up to {np.abs(free[name].astype(np.float32)).max():.3g}; it is left behind, for "
            f"here the sense table alone scores them, as the paper writes"
        )
    [table] = tables.values()
    allowed = next((torch.from_numpy(array) for array in matrices.values()), None)
    return Shaped(torch.from_numpy(np.array(table, np.float32)), allowed, frozenset({*tables, *matrices, *biases}))


def _binary(arrays: Mapping[str, np.ndarray], config: SenseBertConfig) -> Arrays:
    """Matrices ``[V, C]`` of zeros and ones, as bool."""
    found = _oriented(arrays, config.vocab_size, len(config.senses))
    return {name: np.ascontiguousarray(array, bool) for name, array in found.items() if np.isin(array, (0, 1)).all()}


def _oriented(arrays: Mapping[str, np.ndarray], rows: int, columns: int) -> Arrays:
    """Those of ``[rows, columns]``, and those of its transpose turned."""
    found = {name: array for name, array in arrays.items() if array.shape in ((rows, columns), (columns, rows))}
    return {name: array if array.shape == (rows, columns) else array.T for name, array in found.items()}


def told(arrays: Mapping[str, Any]) -> str:
    """Names and shapes, one a line."""
    return "\n".join(f"  {name} {list(array.shape)}" for name, array in sorted(arrays.items()))
