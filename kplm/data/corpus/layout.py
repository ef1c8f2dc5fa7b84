"""Planned rows laid out as an Arrow table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kplm.data.corpus.cut import Cut
from kplm.data.corpus.plan import Plan
from kplm.text.tokens import Ints

SCHEMA = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("lengths", pa.list_(pa.int32())),
        ("entity_positions", pa.list_(pa.int32())),
        ("entities", pa.list_(pa.string())),
        ("next_sentence", pa.int8()),
        ("source", pa.string()),
    ]
)
"""One row: tokens with their special ones; the length of each text with its own special tokens, which sum up to the row's;
the tokens that carry an entity, ascending; its ids; 0 for a real next, 1 for a random one, -100 for none; where from."""


def entity_counts(cut: Cut, plan: Plan) -> Ints:
    """How many entities each planned row holds: ``[R]``."""
    first, last = _bounds(cut.positions, plan.texts)
    return np.diff(_before(last - first)[plan.rows])


def table(cut: Cut, plan: Plan, cls: int, sep: int) -> pa.Table:
    """The rows in ``SCHEMA``.

    Args:
        cut: the tokens and entities.
        plan: the rows.
        cls: id of the token before a text.
        sep: id of the token after a text.
    """
    lengths = np.diff(plan.texts)[:, 0] + 1 + plan.opens
    begins = _before(lengths)  # [N + 1]
    row_begins = begins[plan.rows]  # [R + 1]
    first, last = _bounds(cut.positions, plan.texts)
    row_entities = _before(last - first)[plan.rows]
    held = _ranges(first, last - first)
    shift = begins[:-1] + plan.opens - plan.texts[:, 0] - np.repeat(row_begins[:-1], np.diff(plan.rows))
    positions = cut.positions[held] + np.repeat(shift, last - first)
    columns = [
        _lists(row_begins, pa.array(_input_ids(cut, plan, begins, cls, sep))),
        _lists(plan.rows, pa.array(lengths.astype(np.int32))),
        _lists(row_entities, pa.array(positions.astype(np.int32))),
        _lists(row_entities, pa.array(cut.entities, pa.string()).take(pa.array(held))),
        pa.array(plan.next_sentence),
        pa.array(_sources(cut, plan), pa.string()),
    ]
    return pa.table(columns, schema=SCHEMA)


def _input_ids(cut: Cut, plan: Plan, begins: Ints, cls: int, sep: int) -> NDArray[np.int32]:
    """All rows one after another; text n, with its special tokens, stands from ``begins[n]`` to ``begins[n + 1]``."""
    sizes = np.diff(plan.texts)[:, 0]
    ids = np.empty(begins[-1], np.int32)
    ids[begins[:-1][plan.opens]] = cls
    ids[begins[1:] - 1] = sep
    ids[_ranges(begins[:-1] + plan.opens, sizes)] = cut.ids[_ranges(plan.texts[:, 0], sizes)]
    return ids


def _sources(cut: Cut, plan: Plan) -> list[str]:
    firsts = plan.texts[plan.rows[:-1], 0]
    return [cut.sources[number] for number in np.searchsorted(cut.document_tokens, firsts, side="right") - 1]


def _bounds(positions: Ints, texts: Ints) -> tuple[Ints, Ints]:
    """The first of the ascending positions that lies in each text, and the first after it."""
    return np.searchsorted(positions, texts[:, 0]), np.searchsorted(positions, texts[:, 1])


def _before(sizes: Ints) -> Ints:
    """Running sums from 0 on: one more than there are sizes."""
    return np.append(0, np.cumsum(sizes))


def _ranges(begins: Ints, counts: Ints) -> Ints:
    """``counts[n]`` numbers from ``begins[n]`` on, for each n."""
    return np.repeat(begins - _before(counts)[:-1], counts) + np.arange(counts.sum())


def _lists(bounds: Ints, values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(bounds.astype(np.int32)), values)
