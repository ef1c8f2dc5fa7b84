"""``kplm kg import``: vectors trained elsewhere become an entity table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kg.arrays import ROOM, ArrayFile, blocks
from kg.errors import KgError
from kg.foreign.formats import Format, open_foreign
from kg.foreign.opened import Block, Foreign, slices
from kg.ids import CollectedIds
from kg.places import locate, whole_folder, write_meta
from kg.table import FILE, KIND, EntityTable

Scale = Literal["none", "unit"]


def import_command(
    source: str,
    out: str,
    *,
    format: Format = "auto",
    ids: str | None = None,
    tensor: str | None = None,
    scale: Scale = "none",
) -> None:
    """Turn entity vectors trained elsewhere into an entity table.

    Args:
        source: the vectors. OpenKE: the folder with entity2id.txt and entity2vec.vec, or the .vec file beside
            entity2id.txt. word2vec and GloVe text, also .gz: lines of id and numbers. A matrix of .npy or .safetensors.
            PyKEEN: a results folder, or a file written by a training loop (.pt, .pkl, .pth); nothing in it is run.
        out: the folder for the entity table; written whole or not at all.
        format: auto goes by what is there and by the file's ending.
        ids: a file of one id a line in the order of the vectors, of id TAB row, or PyKEEN's entity_to_id.tsv.gz; not
            for word2vec, which holds its ids, and found by itself for OpenKE and PyKEEN.
        tensor: the name of the matrix, where a .safetensors or PyKEEN file holds several.
        scale: none keeps the vectors as they are; unit divides all by one number, so that their entries have variance 1
            and the geometry stays, as kg train does.
    """
    table = import_table(source, out, format=format, ids=ids, tensor=tensor, scale=scale)
    print(json.dumps({"out": out, "entities": len(table), "width": table.width, **table.meta}))


def import_table(
    source: str | Path,
    out: str | Path,
    *,
    format: Format = "auto",
    ids: str | Path | None = None,
    tensor: str | None = None,
    scale: Scale = "none",
) -> EntityTable:
    """Turn entity vectors trained elsewhere into an entity table, block by block; a big source never lies in memory.

    Args:
        source: the file or folder of vectors; `import_command` tells the formats.
        out: the folder to write, whole or not at all; an older table there is replaced.
        format: ``auto`` goes by what is there and by the file's ending.
        ids: a file of ids in the formats of `kg.foreign.ids.read_ids`.
        tensor: the name of the matrix, where a file holds several.
        scale: ``none``, or ``unit`` as in `kg.recipe.Recipe`.

    Returns: the table, opened.

    Raises:
        KgError: the source is missing, cut, or of no known format; a row has another width or something that is no
            finite number; ids are missing, too many, empty or occur twice; or the folder cannot be written.
    """
    if scale not in ("none", "unit"):
        raise KgError(f"There is no scale '{scale}'. Possible: none, unit.")
    place = locate(source)
    kind, foreign = open_foreign(place, format, None if ids is None else locate(ids), tensor)
    with whole_folder(out, KIND) as folder:
        rows, width = _write(folder / FILE, foreign)
        meta: dict[str, Any] = {"source": str(source), "format": kind, "scale": scale}
        if scale == "unit":
            meta["scale_factor"] = _to_unit(folder / FILE, rows, width)
        write_meta(folder, KIND, {**meta, "entities": rows, "width": width})
    return EntityTable.open(out)


def _write(file: Path, foreign: Foreign) -> tuple[int, ...]:
    """Write all arrays of a table, the vectors as the first; returns their shape."""
    names = CollectedIds()
    with ArrayFile(file) as arrays:
        shape = arrays.add("vectors", _checked(foreign, names))
        index = names.arrays(place=foreign.place) if foreign.ids is None else foreign.ids.arrays()
        for name, array in index.items():
            arrays.add(name, blocks(array))
    return shape


def _checked(foreign: Foreign, names: CollectedIds) -> Iterator[np.ndarray]:
    """The vectors, as many as there are ids; ids that come with them are added to ``names``."""
    rows, ids = 0, foreign.ids
    for block in foreign.blocks:
        _refuse_infinite(foreign, block, rows)
        names.add(block.names)
        rows += len(block.vectors)
        if ids is not None and rows > len(ids):
            break
        yield block.vectors
    if ids is not None and rows != len(ids):
        got = f"{rows} vectors" if rows < len(ids) else "more vectors"
        raise KgError(f"{ids.path} has {len(ids)} ids, but there are {got}. Either may be cut, or of another table.")
    if not rows:
        raise KgError(f"There is no vector at {foreign.place(0)}. Copy or write the file again.")


def _refuse_infinite(foreign: Foreign, block: Block, first: int) -> None:
    """Raise when a number is not finite; the block begins with row ``first``."""
    bad = np.flatnonzero(~np.isfinite(block.vectors).all(axis=1))
    if len(bad):
        at = int(bad[0])
        row = first + at
        if block.names:
            name = block.names[at].decode("utf-8", "replace")
        else:
            name = foreign.ids.name(row) if foreign.ids is not None and row < len(foreign.ids) else "?"
        what = "a number that is NaN, infinite or too large for float32"
        raise KgError(f"{foreign.place(row)}: the vector of '{name}' (row {row}) has {what}. Correct or drop it.")


def _to_unit(file: Path, rows: int, width: int) -> float:
    """Divide all numbers of a table by their standard deviation, in place; returns the factor."""
    total = squares = 0.0
    for part in _mapped(file, rows, width, "r"):
        numbers = part.astype(np.float64)
        total, squares = total + float(numbers.sum()), squares + float(np.vdot(numbers, numbers))
    mean = total / (rows * width)
    factor = 1.0 / max(math.sqrt(max(squares / (rows * width) - mean**2, 0.0)), 1e-12)
    for part in _mapped(file, rows, width, "r+"):
        part *= np.float32(factor)
    return factor


def _mapped(file: Path, rows: int, width: int, mode: Literal["r", "r+"]) -> Iterator[np.ndarray]:
    """The vectors piece by piece, each mapped for itself, so that memory holds one at a time."""
    for some in slices(rows, width):
        begin = ROOM + 4 * width * some.start
        yield np.memmap(file, np.float32, mode, begin, (some.stop - some.start, width))
