"""What files that nobody vouches for may look like: changed bytes, changed JSON; and what a reader may make of them."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kg.errors import KgError
from kplm.errors import KplmError
from vision.errors import VisionError

OURS = (KgError, KplmError, VisionError)
LONGEST = 20
"""Seconds after which a reader counts as hanging; all answer in milliseconds."""
JUNK = (
    *(
        b"",
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\r",
        b"\n",
        b"\n\n",
        b"\t",
        b" ",
        b"\\",
        b'"',
        b"'",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(
        b"-1",
        b"0",
        b"1e999",
        b"NaN",
        b"9" * 30,
        b"9" * 5000,
        b"null",
        b"true",
        b'"\\ud800"',
        b"[" * 3000,
        b"<",
        b">",
        b"&x;",
        b"(",
    ),
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        -1,
        0,
        1.5,
        10**18,
        10**30,
        10**400,
        "",
        " ",
        "x",
        "\u2028",
        "\ud800",
        "-1",
        "%s{}{0}",
        [],
        [[]],
        {},
        [None],
    ),
    *(["x"], [1], [-1, -1], [1, "x", None], [[1, 2, 3, 4]], [[10**400] * 4], {"x": 1}, {"text": None}),
)
QUICK = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@dataclass(frozen=True)
class Case:
    """A reader, and files that it reads.

    Attributes:
        name: of the case.
        files: the content of each file, by its path in a folder.
        read: reads all of them, given the folder.
    """

    name: str
    files: Mapping[str, bytes]
    read: Callable[[Path], object]

    def __str__(self) -> str:
        return self.name


def answers(case: Case, changed: Mapping[str, bytes]) -> bool:
    """Whether the reader reads the files with some of them changed; errors of ours say no, any other one fails the test."""
    with tempfile.TemporaryDirectory() as name, watched():
        for path, content in {**case.files, **changed}.items():
            place = Path(name, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        try:
            case.read(Path(name))
        except OURS:
            return False
    return True


@contextmanager
def watched(seconds: float = LONGEST) -> Iterator[None]:
    """Fail what does not come back."""

    def hangs(*_: object) -> None:
        raise TimeoutError(f"no answer after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@st.composite
def contents(draw: st.DrawFn, valid: bytes) -> bytes:
    """Any bytes, or a valid file with some stretches replaced, repeated or cut off."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=200))
    content = valid
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        size = draw(st.sampled_from((0, 1, 1, 2, 8, len(content))))
        new = draw(st.one_of(st.sampled_from(JUNK), st.binary(max_size=8), st.just(content[at : at + 40] * 2)))
        content = content[:at] + new + content[at + size :]
    return content


def changed_json(valid: bytes) -> Iterator[bytes]:
    """The document with each of its values in turn replaced by each of ``VALUES``, and with each field left out."""
    document = json.loads(valid)
    for way in ways(document):
        for value in VALUES:
            yield _dumped(with_value(document, way, value))
        if way and isinstance(way[-1], str):
            yield _dumped(without(document, way))


def changed_lines(valid: bytes) -> Iterator[bytes]:
    """JSON lines with one value of the first line changed."""
    first, *others = valid.splitlines()
    yield from (b"\n".join([line, *others]) for line in changed_json(first))


def _dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


def ways(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys and numbers that lead to each value of a document; of long lists and objects to the first twelve."""
    yield way
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in list(inside)[:12]:
        yield from ways(value, (*way, key))


def with_value(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    """A copy in which another value stands there."""
    if not way:
        return value
    copy = deepcopy(document)
    inside = copy
    for key in way[:-1]:
        inside = inside[key]
    inside[way[-1]] = value
    return copy


def without(document: Any, way: tuple[Any, ...]) -> Any:
    """A copy without what stands there."""
    copy = deepcopy(document)
    inside = copy
    for key in way[:-1]:
        inside = inside[key]
    del inside[way[-1]]
    return copy
