"""Vectors in text files: OpenKE's ``.vec`` and word2vec's format."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kg.errors import KgError
from kg.foreign.ids import DIGITS, Ids
from kg.foreign.opened import Block, Foreign
from kg.foreign.pieces import checked, first_lines, pieces

WIDEST = 1 << 16
TO_SPACE = bytes.maketrans(b"\t\r\v\f", b"    ")


class Unreadable(Exception):
    """Lines that are not all rows of the same number of numbers."""


def open_openke(path: Path, ids: Ids) -> Foreign:
    """One vector a line, numbers separated by tabs or blanks (https://github.com/thunlp/OpenKE, as ERNIE ships it)."""
    return Foreign(_openke(path, ids), ids, partial(_place, path, 1))


def open_word2vec(path: Path) -> Foreign:
    """Lines of id and vector, which may follow a line of their number and width (Mikolov et al., 2013; GloVe).

    An id may have blanks: the last W fields are the vector. Without a first line that tells it, W comes from the first
    row, whose id should then have none.
    """
    told = _header(first_lines(path, 1)[0])
    return Foreign(_word2vec(path, told), None, partial(_place, path, 2 if told else 1))


def _openke(path: Path, ids: Ids) -> Iterator[Block]:
    width, row = _positive(len(first_lines(path, 1)[0].split()), path), 0
    for piece in pieces(path, "Importing"):
        try:
            vectors = _numbers(piece, width)
        except Unreadable as error:
            for at, line in enumerate(piece.split(b"\n"), row):
                if wrong := _wrong(line.split(), width):
                    name = ids.name(at) if at < len(ids) else "?"
                    raise KgError(f"{path}:{at + 1}: the vector of '{name}' (row {at}) {wrong}") from error
            raise KgError(f"{path}: {error} in or after line {row + 1}.") from error
        row += len(vectors)
        yield Block(vectors, [])


def _word2vec(path: Path, told: tuple[int, int] | None) -> Iterator[Block]:
    count, width = told or (-1, len(first_lines(path, 1)[0].split()) - 1)
    line, row = 1 if told is None else 2, 0
    _positive(width, path)
    for number, piece in enumerate(pieces(path, "Importing")):
        lines = piece.translate(TO_SPACE).replace(b" \n", b"\n").split(b"\n")
        if lines := lines[1:] if number == 0 and told else lines:
            yield (block := _named(lines, width, path, line + row, row))
            row += len(block.names)
    if count not in (-1, row):
        raise KgError(f"{path} has {row} vectors, but its first line says {count}. It may have been cut.")


def _named(lines: list[bytes], width: int, path: Path, line: int, row: int) -> Block:
    """The block of ``lines``, the first of which is line number ``line`` and row number ``row``."""
    parts = [_split(some, width) for some in lines]
    names = [name for name, _ in parts]
    try:
        return Block(_numbers(b"\n".join(numbers for _, numbers in parts), width), checked(names, path, line))
    except Unreadable as error:
        for at, (name, numbers) in enumerate(parts):
            if wrong := _wrong(numbers.split(), width):
                shown = f"'{name.decode('utf-8', 'replace')}' (row {row + at})"
                raise KgError(f"{path}:{line + at}: the vector of {shown} {wrong}") from error
        raise KgError(f"{path}: {error} in or after line {line}.") from error


def _split(line: bytes, width: int) -> tuple[bytes, bytes]:
    """The id of a line and its numbers, which are the last ``width`` fields where the id has blanks.

    Where such an id would end in a number with a decimal point, the vector more likely has a number too many.
    """
    name, _, numbers = line.partition(b" ")
    if numbers.count(b" ") == width - 1:
        return name, numbers
    name, *fields = line.rsplit(None, width) or [b""]
    *_, last = name.split(b" ")
    if b"." in last and last != name and _is_number(last):
        fields = [last, *fields]
    return name.strip(), b" ".join(fields)


def _wrong(numbers: list[bytes], width: int) -> str:
    """What is wrong with a vector, and the fix; nothing if all is well."""
    if len(numbers) != width:
        fix = "The line may be cut or damaged; every vector must be as long as the first line tells."
        return f"has {len(numbers)} numbers, expected {width}. {fix}"
    bad = next((text for text in numbers if not _is_number(text)), None)
    return (
        "" if bad is None else f"has '{bad[:40].decode('utf-8', 'replace')}', which is not a number. Correct the file."
    )


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return b"_" not in text


def _header(line: bytes) -> tuple[int, int] | None:
    """The number of rows and their width, where the first line tells them."""
    fields = line.split()
    whole = len(fields) == 2 and all(field.isdigit() and len(field) <= DIGITS for field in fields)
    return (int(fields[0]), int(fields[1])) if whole else None


def _positive(width: int, path: Path) -> int:
    if not 1 <= width <= WIDEST:
        got = "a vector without numbers" if width < 1 else f"a vector of {width:,} numbers, and {WIDEST:,} is the most"
        raise KgError(f"{path}:1: there is {got}. The first line must be whole; check the format.")
    return width


def _place(path: Path, first: int, row: int) -> str:
    return f"{path}:{first + row}"


def _numbers(text: bytes, width: int) -> np.ndarray:
    """Lines of ``width`` numbers each, ``[n, W] float32``.

    Arrow's threads can abort the interpreter at its end (https://github.com/apache/arrow/issues/34314), so there are none.

    Raises:
        Unreadable: a line is otherwise.
    """
    import pyarrow
    from pyarrow import csv

    names = [str(number) for number in range(width)]
    text = _single_blanks(text) + b"\n"
    try:
        table = csv.read_csv(
            pyarrow.py_buffer(text),
            csv.ReadOptions(use_threads=False, block_size=len(text), column_names=names),
            csv.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.float32()), null_values=[]),
        )
    except pyarrow.ArrowException as error:
        raise Unreadable(str(error)) from error
    if table.num_rows != text.count(b"\n"):
        raise Unreadable("blank lines")
    return np.column_stack([np.concatenate([_plain(part) for part in column.chunks]) for column in table.columns])


def _plain(column: Any) -> np.ndarray:
    """A piece of a column as it lies in memory; Arrow's own conversion imports pandas."""
    return np.frombuffer(column.buffers()[1], np.float32, len(column), 4 * column.offset)


def _single_blanks(text: bytes) -> bytes:
    """Numbers separated by one blank each, none at the ends of lines."""
    text = text.translate(TO_SPACE)
    while b" \n" in text:
        text = text.replace(b" \n", b"\n")
    if b"  " in text or b"\n " in text or text.startswith(b" "):
        return b"\n".join(b" ".join(line.split()) for line in text.split(b"\n"))
    return text.rstrip(b" ")
