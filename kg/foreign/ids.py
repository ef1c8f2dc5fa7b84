"""Files that tell which row of a table belongs to which entity."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from kg.errors import KgError
from kg.foreign.pieces import DAMAGE, checked, first_lines, pieces, refuse_hollow, text_lines
from kg.ids import CHUNK, CollectedIds

FORMATS = "one id a line, id TAB row (with or without a first line that tells their number), or PyKEEN's id TAB label"
DIGITS = 18  # more do not fit 64 bits
PYKEEN = b"id\tlabel"


class Ids:
    """The ids of a table, brought into the order of its rows.

    Attributes:
        path: where they were read.
    """

    def __init__(self, path: Path, names: CollectedIds, rows: np.ndarray | None = None, line: int = 1) -> None:
        """Keep the ids.

        Args:
            path: where they were read.
            names: in the order of the file.
            rows: ``[N] int64``, the row of each id; left out, the order of the file.
            line: of the first id.

        Raises:
            KgError: ``rows`` is no permutation of 0 to N - 1.
        """
        self.path, self._names, self._line = path, names, line
        self._order = None if rows is None else self._checked(rows)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, row: int) -> str:
        """The id of a row; slow, for messages."""
        return self._names.name(row if self._order is None else int(self._order[row]))

    def arrays(self) -> dict[str, np.ndarray]:
        """What `kg.ids.IdIndex` needs.

        Raises:
            KgError: an id occurs twice.
        """
        return self._names.arrays(self._order, self._place)

    def _place(self, number: int) -> str:
        return f"{self.path}:{self._line + number}"

    def _checked(self, rows: np.ndarray) -> np.ndarray | None:
        """For each row the number of its id, None where it is the same."""
        numbers = np.arange(len(rows))
        if np.array_equal(rows, numbers):
            return None
        needed = f"{len(rows)} ids need each of the rows 0 to {len(rows) - 1} once"
        outside = np.flatnonzero((rows < 0) | (rows >= len(rows)))
        if len(outside):
            at = int(outside[0])
            raise KgError(f"{self._place(at)}: '{self._names.name(at)}' has row {rows[at]}; {needed}.")
        uses = np.bincount(rows, minlength=len(rows))
        if uses.max() > 1:
            row = int(uses.argmax())
            first, second = (int(at) for at in np.flatnonzero(rows == row)[:2])
            both = f"'{self._names.name(first)}' and '{self._names.name(second)}'"
            missing = f"none has row {uses.argmin()}"
            raise KgError(f"{self._place(second)}: {both} have row {row}, {missing}; {needed}.")
        order = np.empty_like(numbers)
        order[rows] = numbers
        return order


def read_ids(path: Path) -> Ids:
    """Read a file of ids, in any of the `FORMATS`; it may be a ``.gz``.

    Raises:
        KgError: a line cannot be read, the file has not as many ids as it tells, or its rows are no permutation.
    """
    refuse_hollow(path)
    first, second = first_lines(path, 2)
    if first == PYKEEN:
        return ids_from_pairs(path, _pykeen(path), 2)
    counted = first.isdigit() and len(first) <= DIGITS and len(second.split()) > 1 and second.split()[-1].isdigit()
    if counted or b"\t" in first:
        return _with_rows(path, int(first) if counted else None)
    names = CollectedIds()
    for piece in pieces(path, "Reading ids"):
        _add(names, piece.split(b"\n"), path, 1)
    return Ids(path, names)


def ids_from_pairs(path: Path, pairs: Iterable[tuple[str, int]], line: int = 1) -> Ids:
    """Ids from pairs of id and row that were read from ``path``.

    Raises:
        KgError: an id is empty, or the rows are no permutation.
    """
    names, rows, remaining = CollectedIds(), array("q"), iter(pairs)
    while some := list(islice(remaining, CHUNK)):
        names.add([name.encode("utf-8", "surrogatepass") for name, _ in some])
        rows.extend(row for _, row in some)
    return Ids(path, names, np.array(rows, np.int64), line)


def _with_rows(path: Path, told: int | None) -> Ids:
    """Lines of id and row, after a line that tells their number ``told``."""
    names, rows, line = CollectedIds(), [np.zeros(0, np.int64)], 1 if told is None else 2
    for number, piece in enumerate(pieces(path, "Reading ids")):
        lines = piece.split(b"\n")
        lines = lines[1:] if number == 0 and told is not None else lines
        parts = [some.rstrip().replace(b"\t", b" ").rpartition(b" ") for some in lines]
        rows.append(_rows([row for _, _, row in parts], path, line + len(names)))
        _add(names, [name for name, _, _ in parts], path, line)
    if told not in (None, len(names)):
        raise KgError(f"{path} has {len(names)} ids, but its first line says {told}. It may have been cut.")
    return Ids(path, names, np.concatenate(rows), line)


def _rows(texts: list[bytes], path: Path, line: int) -> np.ndarray:
    """The numbers that ``texts`` spell, ``[n] int64``; the first stands in line ``line``."""
    bad = next((at for at, text in enumerate(texts) if not text.isdigit() or len(text) > DIGITS), None)
    if bad is not None:
        got = texts[bad].decode("utf-8", "replace")
        raise KgError(f"{path}:{line + bad}: got '{got}' where the number of a row should be. Possible: {FORMATS}.")
    return np.array(texts, "S").astype(np.int64) if texts else np.zeros(0, np.int64)


def _add(names: CollectedIds, more: list[bytes], path: Path, first: int) -> None:
    """Take ``more`` names; the first of all stands in line ``first``."""
    names.add(checked([name.strip() for name in more], path, first + len(names)))


def _pykeen(path: Path) -> Iterator[tuple[str, int]]:
    """PyKEEN's pairs of row and label, which pandas wrote, quotes and all."""
    try:
        with text_lines(path) as file:
            for row, label in islice(csv.reader(file, delimiter="\t"), 1, None):
                if len(row) > DIGITS:
                    raise ValueError(f"the row {row[:40]} of '{label[:40]}' has more than {DIGITS} digits")
                yield label, int(row)
    except (*DAMAGE, OSError, ValueError, csv.Error) as error:
        raise KgError(f"{path} is damaged or no file of PyKEEN: {error}. Copy it again.") from error
