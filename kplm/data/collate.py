"""Rows to batches, by the field table alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kplm.errors import KplmError, did_you_mean
from kplm.fields import FIELDS


class Collator:
    """Pad each field to the longest row of the batch with the value ``kplm/fields.py`` gives it.

    Args:
        complete: called with the padded batch, in order; this is where annotators add vectors.
    """

    def __init__(self, complete: Sequence[Callable[[dict[str, Tensor]], dict[str, Tensor]]] = ()) -> None:
        self.complete = list(complete)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """``B`` rows to a batch of ``[B, ...]`` tensors.

        Raises:
            KplmError: a row holds a field that the table does not know.
        """
        batch = {name: _pad(name, [row[name] for row in rows]) for name in rows[0]}
        for step in self.complete:
            batch = step(batch)
        return batch


def _pad(name: str, values: Sequence[Any]) -> Tensor:
    if name not in FIELDS:
        raise KplmError(
            f"field '{name}' is not in kplm/fields.py, so nobody knows how to pad it; known are {', '.join(FIELDS)}."
            f"{did_you_mean(name, FIELDS)} Add a row for it."
        )
    field = FIELDS[name]
    if not field.shape:
        return torch.tensor(values, dtype=field.dtype)
    arrays = [np.asarray(value) for value in values]
    sizes = [max(array.shape[axis] for array in arrays) for axis in range(len(field.shape))]
    out = torch.full((len(arrays), *sizes), field.pad, dtype=field.dtype)
    flat = out.numpy()
    for row, array in zip(flat, arrays):
        row[tuple(slice(size) for size in array.shape)] = array
    return out
