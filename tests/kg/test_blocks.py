"""Work in blocks: who makes which, what is kept, what is in memory, and what is told."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from kg import KgError
from kg.blocks.folder import TextBlocks
from kg.blocks.lines import Piece, Pieces, line_blocks, lines
from kg.blocks.make import make
from kg.blocks.part import Block, Part
from kg.blocks.pool import run
from kg.blocks.stamps import digest, key
from kg.blocks.summary import Complaint, Found, Summary
from kg.lines import BadLines


@dataclass(frozen=True)
class Doubling:
    """Writes each line twice; tells its process."""

    folder: TextBlocks

    def __call__(self, turn: int) -> Callable[[Block[Pieces]], Summary]:
        def double(block: Block[Pieces]) -> Summary:
            complaints: list[Complaint] = []
            found = [line.text for piece in block.content for line in lines(piece, complaints.append)]  # type: ignore[arg-type]
            summary = Summary(Counter({"lines": len(found), f"process {os.getpid()}": 1}), complaints)
            self.folder.write(block, "".join(f"{text} {text}\n" for text in found), summary)
            return summary

        return double


def numbers(count: int) -> Iterator[Block[Pieces]]:
    for number in range(count):
        raw = b"".join(b"%d\n" % line for line in range(100 * number, 100 * number + 100))
        yield Block(number, (Piece(Path("numbers"), 1 + 100 * number, raw),), len(raw), digest([raw]))


def doubled(out: Path, count: int, part: str | None = None, processes: int = 1) -> Found:
    folder, found, share = TextBlocks.of(out, "key"), Found(BadLines(0)), Part.of(part)
    stamps = make(Doubling(folder), numbers(count), folder, share, processes, found.add, tqdm(disable=True))
    if share.joins:
        folder.join(stamps)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("whole") / "out"
    assert doubled(out, 9).counts["lines"] == 900
    assert out.read_text().splitlines()[899] == "899 899"
    return out.read_bytes()


def test_parts_hold_every_block_once() -> None:
    shares = [Part.of(f"{turn}/3") for turn in (1, 2, 3)]
    assert all(sum(share.has(number) for share in shares) == 1 for number in range(20))
    assert Part.of("3/3").owner(5) == "3/3"
    assert Part.of("3/3").has(5)
    assert not any(Part.of("join/3").has(number) for number in range(20))
    assert all(Part.of(None).has(number) for number in range(20))


def test_a_part_may_be_that_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Part.of("auto") == Part.of("1/1")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert Part.of("auto") == Part.of("2/4")


@pytest.mark.parametrize("text", ["0/2", "3/2", "two", "join", "join/0", "1/2/3", "-1/2", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(KgError, match=r"write K/N with K from 1 to N, such as 1/8, or join/N"):
        Part.of(text)


def test_eight_processes_write_the_same_bytes(whole: bytes, tmp_path: Path) -> None:
    found = doubled(tmp_path / "out", 9, processes=8)
    assert (tmp_path / "out").read_bytes() == whole
    makers = [name for name in found.counts if name.startswith("process")]
    assert 1 <= len(makers) <= 8
    assert f"process {os.getpid()}" not in makers
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_eight_parts_write_the_same_bytes_and_joining_asks_for_what_is_missing(whole: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for turn in (8, 3, 1, 2, 4, 5, 7):
        doubled(out, 9, f"{turn}/8")
    with pytest.raises(KgError, match=r"1 of 9 blocks are not finished in .*key.*: 5. Run --part 6/8 with the same"):
        doubled(out, 9, "join/8")
    assert not out.exists()
    doubled(out, 9, "6/8")
    assert doubled(out, 9, "join/8").counts["lines"] == 900
    assert out.read_bytes() == whole


def test_finished_blocks_are_kept_and_told_again(tmp_path: Path) -> None:
    doubled(tmp_path / "out", 5, "1/2")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob(".out.blocks/key/*")}
    assert len(before) == 3
    assert doubled(tmp_path / "out", 5, "1/1").counts["lines"] == 500
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("processes", [1, 2])
def test_memory_does_not_grow_with_the_length_of_the_input(processes: int) -> None:
    """Blocks of 100 kB: all 300 would be 30 MB."""

    def peak(count: int) -> int:
        blocks = (Block(number, b"%d" % number * 50_000, 1, "") for number in range(count))
        tracemalloc.start()
        assert sum(done.summary for done in run(Size(), blocks, processes)) >= 50_000 * count
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(3)  # what is imported
    assert peak(300) < peak(30) + 500_000


class Size:
    """Tells how long a block is."""

    def __call__(self, turn: int) -> Callable[[Block[bytes]], int]:
        return lambda block: len(block.content)


class Failing:
    """Cannot be opened."""

    def __call__(self, turn: int) -> Any:
        raise KgError("no such graph")


@pytest.mark.parametrize("processes", [1, 2])
def test_what_cannot_be_opened_is_told_as_it_is(processes: int) -> None:
    with pytest.raises(KgError, match="^no such graph$"):
        list(run(Failing(), numbers(3), processes))
    assert list(run(Failing(), numbers(0), processes)) == []


def test_too_many_bad_lines_stop_the_work(tmp_path: Path) -> None:
    found = Found(BadLines(1))
    found.add(Summary(Counter(), [Complaint("a.txt", 7, "x", "y")]))
    with pytest.raises(KgError, match=r"2 bad lines, max_bad=1 tolerated"):
        found.add(Summary(Counter(), [Complaint("a.txt", 9, "x", "y")]))


def test_a_packed_file_is_cut_as_it_would_be_unpacked(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfone\ntwo\r\n\nthree\nfour"
    (tmp_path / "a.txt").write_bytes(text)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text))
    cut = [list(line_blocks([tmp_path / name], 2, lambda _: 1)) for name in ("a.txt", "a.txt.gz")]
    read = [[[*lines(piece, no_complaint)] for block in one for piece in block.content] for one in cut]
    assert [[(line.number, line.text) for line in some] for some in read[0]] == [
        [(1, "one"), (2, "two")],
        [(3, ""), (4, "three"), (5, "four")],
    ]
    assert [line[1:] for some in read[0] for line in some] == [line[1:] for some in read[1] for line in some]


def no_complaint(*_: object) -> None:
    raise AssertionError


def test_stamps_change_with_settings_and_with_the_files_they_name(tmp_path: Path) -> None:
    (tmp_path / "graph").mkdir()
    file = tmp_path / "graph" / "triples.tsv"
    file.write_text("a\tb\tc\n")
    first = key({"seed": 0}, [str(tmp_path / "graph")])
    assert key({"seed": 0}, [str(tmp_path / "graph")]) == first
    assert key({"seed": 1}, [str(tmp_path / "graph")]) != first
    file.write_text("a\tb\tdd\n")
    assert key({"seed": 0}, [str(tmp_path / "graph")]) != first
    assert key({}, ["package:kg/world", None, "pykeen:Nations"]) != key({}, ["package:kg/world"])
    with pytest.raises(KgError, match="no file or folder"):
        key({}, [str(tmp_path / "nothing")])


def test_blocks_are_the_same_wherever_the_file_lies(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "text").write_text("one\ntwo\nthree\n")
    stamps = [[block.stamp for block in line_blocks([tmp_path / name / "text"], 1, len)] for name in "ab"]
    assert stamps[0] == stamps[1]
    assert len(set(stamps[0])) == 3
