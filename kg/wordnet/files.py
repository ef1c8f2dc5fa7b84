"""WordNet's files as arrays and dictionaries (``man wndb``), with damage named by file, line and byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kg.errors import KgError
from kg.wordnet.supersenses import SUPERSENSES

NEWLINE, BLANK, ZERO = b"\n 0"
DIGITS, BLANKS = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10], [8, 11]
HEAD = 12
"""A line of a data file begins with these bytes: 8 digits are the synset's offset, 2 its lexicographer file, a blank behind each."""
AGAIN = "Install or copy WordNet again."


def whole(path: Path) -> bytes:
    """The bytes of a file whose last line is complete.

    Raises:
        KgError: it cannot be read, is empty, or ends in the middle of a line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KgError(f"Cannot read {path}: {error}. {AGAIN}") from error
    if not content.endswith(b"\n"):
        line = content.count(b"\n") + 1
        raise KgError(f"{path}:{line}: truncated: the file ends within the line, at byte {len(content):,}. {AGAIN}")
    return content


def numbered(path: Path, content: bytes) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines; those of the licence, which begin with a blank, are left out.

    Raises:
        KgError: a line is not UTF-8.
    """
    for number, line in enumerate(content.splitlines(), 1):
        if not line.startswith(b" "):
            try:
                yield number, line.decode()
            except UnicodeDecodeError as error:
                raise KgError(f"{path}:{number}: not UTF-8 ({error.reason}). {AGAIN}") from error


def read_licence(path: Path) -> str:
    """The licence at the beginning of an index or data file, without its line numbers."""
    lines = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.startswith(" "):
                break
            lines.append(line.strip().partition(" ")[2].rstrip())
    return "\n".join(lines) + "\n"


def read_supersenses(path: Path) -> dict[str, int]:
    """The number of the lexicographer file of each synset of a data file, by the synset's offset (8 digits).

    Raises:
        KgError: the file is truncated, or a line does not begin as a synset does.
    """
    content = whole(path)
    raw = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(raw == NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1])
    kept = np.flatnonzero(raw[starts] != BLANK)
    starts = starts[kept]
    heads = raw[np.minimum(starts[:, None] + np.arange(HEAD), len(raw) - 1)]  # [S, 12]
    digits, blanks = heads[:, DIGITS], heads[:, BLANKS]
    good = ((digits >= ZERO) & (digits < ZERO + 10)).all(1) & (blanks == BLANK).all(1)
    files = (digits[:, 8].astype(np.int64) - ZERO) * 10 + digits[:, 9] - ZERO  # [S]
    bad = np.flatnonzero(~good | (files >= len(SUPERSENSES)))
    if len(bad):
        line, start = int(kept[bad[0]]) + 1, int(starts[bad[0]])
        got, expected = content[start : start + HEAD], "8 digits, and a lexicographer file from 00 to 44"
        raise KgError(f"{path}:{line} (byte {start:,}): got {got!r}, expected a synset: {expected}. {AGAIN}")
    offsets = heads[:, :8].tobytes().decode()
    return {offsets[8 * row : 8 * row + 8]: file for row, file in enumerate(files.tolist())}


def read_index(path: Path, supersenses: dict[str, int], data: Path) -> dict[str, tuple[int, ...]]:
    """The distinct supersenses of each lemma of an index file, by number, most frequent sense first.

    Args:
        path: the index file.
        supersenses: what `read_supersenses` found in the data file.
        data: that file, for messages.

    Raises:
        KgError: the file is truncated, a line is no entry, or one of the two files lacks a synset of the other.
    """
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    entries, seen = {}, set[str]()
    for number, line in numbered(path, whole(path)):
        fields = line.split()
        try:
            offsets = fields[-int(fields[2]) :]
            numbers = tuple(dict.fromkeys([supersenses[offset] for offset in offsets]))
        except (ValueError, IndexError, KeyError) as error:
            raise KgError(f"{path}:{number}: {_wrong(line, error, data)}. {AGAIN}") from error
        seen.update(offsets)
        entries[fields[0]] = shared.setdefault(numbers, numbers)
    if len(seen) < len(supersenses):
        lost = f"no word for {len(supersenses) - len(seen):,} of the {len(supersenses):,} synsets of {data}"
        raise KgError(f"{path}: {lost}; the file is truncated or of another WordNet. {AGAIN}")
    return entries


def _wrong(line: str, error: Exception, data: Path) -> str:
    """What is wrong with an entry: it is none, or its synset is missing."""
    missing = str(error.args[0])
    if isinstance(error, KeyError) and len(missing) == 8 and missing.isdigit():
        where = f"{data} lacks; that file is truncated or of another WordNet ({data.stat().st_size:,} bytes)"
        return f"'{line.split()[0]}' has the synset {missing}, which {where}"
    return f"got {line[:80]!r}, expected lemma pos count ... with as many synset offsets at the end as counted"


def read_irregular(path: Path) -> dict[str, tuple[str, ...]]:
    """The base forms of irregular forms, from an exceptions list ``*.exc``.

    Raises:
        KgError: the file cannot be read, or a line has no base form.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KgError(f"Cannot read {path}: {error}. {AGAIN}") from error
    forms: dict[str, tuple[str, ...]] = {}
    for number, line in numbered(path, content):
        form, *bases = line.split() or ("", "")
        if not bases:
            raise KgError(f"{path}:{number}: got {line[:80]!r}, expected an inflected form and its base forms. {AGAIN}")
        forms[form] = forms.get(form, ()) + tuple(bases)
    return forms
