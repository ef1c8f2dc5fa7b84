"""What every reader shares: the ``Source`` interface, and lines and JSON rows that know where they came from."""

from __future__ import annotations

import gzip
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kplm.data.example import Example
from kplm.errors import DataError, did_you_mean

DIGITS = 19
"""Whole numbers with more of them may not fit 64 bits."""
UNPACKED = 1 << 30
"""Bytes that a line or a document of a packed file may have: one of a few megabytes can hold one that fills the memory."""


class Source(ABC):
    """Reads one file format. To add a format, subclass this in a new file and name the class in the YAML."""

    @abstractmethod
    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield the examples of one file, in file order, each with ``id`` and ``where`` set.

        Raises:
            DataError: the file is missing, is a folder, is not UTF-8, or holds a row that cannot be used.
        """


def lines(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield ``("train.txt:1", "text of the line")`` without line ends; only newlines end a line, never U+2028.

    A file whose name ends in ``.gz`` is unpacked on the way.

    Raises:
        DataError: the file is missing, is a folder, cannot be unpacked, or is not UTF-8.
    """
    path = _existing(Path(path))
    for number, raw in enumerate(_unpacked(path) if path.suffix == ".gz" else _raw(path), start=1):
        where = f"{path.name}:{number}"
        yield where, _decode(raw, where, "utf-8-sig" if number == 1 else "utf-8")


def json_lines(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``("train.jsonl:1", row)`` for every line of a JSON Lines file; blank lines are skipped.

    Raises:
        DataError: as ``lines`` does; or a line is not JSON, or is not an object.
    """
    for where, line in lines(path):
        if line.strip():
            row = json_value(line, where, "Write one JSON object a line.")
            yield where, as_object(row, where, "Write one JSON object a line.")


def json_list(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``("train.json:row 0", row)`` for every object of a file that is one JSON list.

    Raises:
        DataError: as ``lines`` does; or the file is not JSON, is not a list, or an element is not an object.
    """
    path, rows = Path(path), json_file(path)
    if not isinstance(rows, list):
        raise DataError(f"{path.name}: expected one JSON list of objects, got {describe(rows)}.")
    for index, row in enumerate(rows):
        where = f"{path.name}:row {index}"
        yield where, as_object(row, where, "Every element of the list must be an object.")


def json_file(path: str | Path) -> Any:
    """Return the value of a file that is one JSON document.

    Raises:
        DataError: as ``lines`` does; or the file is not JSON.
    """
    text = "\n".join(_bounded(Path(path)))
    return json_value(text, Path(path).name, "The file must be one JSON document; JSON Lines belong in a .jsonl file.")


def position(where: str) -> str:
    """The number at the end of a place, which is the id of rows that bring none.

    >>> position("train.jsonl:12"), position("train.json:row 3")
    ('12', '3')
    """
    return where.rpartition(":")[2].removeprefix("row ")


def describe(value: object) -> str:
    """A JSON value for an error message: its type in JSON's words, and its beginning.

    >>> describe([1, 2]), describe(None)
    ('the list [1, 2]', 'null')
    """
    if value is None:
        return "null"
    names = {dict: "object", list: "list", str: "string", bool: "truth value", int: "number", float: "number"}
    try:
        shown = _shorten(json.dumps(value, ensure_ascii=False))
    except (RecursionError, TypeError, ValueError):  # nested very deeply, or of a file that is no JSON
        shown = "that cannot be shown"
    return f"the {names.get(type(value), type(value).__name__)} {shown}"


def as_object(value: Any, where: str, fix: str) -> dict[str, Any]:
    """The value, if it is a JSON object.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an object, got {describe(value)}. {fix}")
    return value


def _raw(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from None


def _unpacked(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) as file:
            while line := file.readline(UNPACKED + 1):
                if len(line) > UNPACKED:
                    raise _too_long(path, "line")
                yield line
    except (EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}. Copy it again.") from None


def _bounded(path: Path) -> Iterator[str]:
    """The lines of a document."""
    size = 0
    for _, line in lines(path):
        size += len(line) + 1
        if size > UNPACKED and path.suffix == ".gz":
            raise _too_long(path, "document")
        yield line


def _too_long(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} unpacks to a {what} of more than {UNPACKED:,} bytes. Check its origin, or unpack it first."
    )


def _existing(path: Path) -> Path:
    try:
        return _file(path)
    except OSError as error:  # a name that is too long, or a folder that is closed
        raise DataError(f"{path} cannot be opened: {error.strerror}. Check the path.") from None


def _file(path: Path) -> Path:
    if path.is_dir():
        names = _file_names(path)
        raise DataError(
            f"{path} is a folder, not a file. Give one of its files: {_shorten(', '.join(names)) or 'none'}."
        )
    if not path.exists():
        raise DataError(f"{path} does not exist.{_near_files(path)}")
    return path


def _near_files(path: Path) -> str:
    if not path.parent.is_dir():
        return f" Neither does its folder {path.parent}; paths are relative to {Path.cwd()}."
    names = _file_names(path.parent)
    hint = did_you_mean(path.name, names)
    return f"{hint} Files in {path.parent}: {_shorten(', '.join(names)) or 'none'}."


def _file_names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_file())


def _decode(raw: bytes, where: str, encoding: str) -> str:
    try:
        return raw.removesuffix(b"\n").removesuffix(b"\r").decode(encoding)
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(
            f"{where}: byte {error.start + 1} (0x{byte:02x}) is not UTF-8. Save the file as UTF-8."
        ) from None


def json_value(text: str, where: str, fix: str) -> Any:
    """The value that a JSON text stands for.

    Args:
        text: the JSON.
        where: file and line, for messages.
        fix: what to do where it is none, for messages.

    Raises:
        DataError: it is not JSON, or names what is no number or no character.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_whole)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError:
        raise DataError(
            f"{where}: a \\u escape names half of a surrogate pair, which is no character. Remove it."
        ) from None
    except json.JSONDecodeError as error:
        place = f"{where}:{error.lineno}" if "\n" in text else where
        raise DataError(f"{place}: not JSON ({error.msg} at column {error.colno}): {_shorten(text)} {fix}") from None
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error}): {_shorten(text)} {fix}") from None
    except RecursionError:
        raise DataError(f"{where}: lists or objects are nested too deeply: {_shorten(text)} {fix}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"the number {text[:DIGITS]}... has more than {DIGITS} digits")
    return int(text)


def _shorten(text: str, length: int = 160) -> str:
    return text if len(text) <= length else text[:length] + " ..."
