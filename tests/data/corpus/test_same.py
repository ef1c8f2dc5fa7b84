"""The same corpus, byte for byte, however it is made: shards, processes, files, parts, kills."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kg.errors import KgError
from kplm.data.corpus.prepare import prepare
from kplm.data.corpus.worker import Worker
from tests.data.corpus.made_up import Corpus, corpus, linked_file, read, split_file
from tests.processes import Job

BLOCK = 3000


def bytes_of(out: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(out.glob("data-*.arrow"))]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return linked_file(tmp_path_factory.mktemp("texts"), 80)


@pytest.fixture(scope="module")
def made(source: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Corpus]:
    """One process, one shard."""
    out = tmp_path_factory.mktemp("made") / "out"
    return out, corpus(source, out, tiny_bert, block_bytes=BLOCK)


def test_one_and_eight_shards_hold_the_same_rows(
    made: tuple[Path, Corpus], source: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    eight = corpus(source, tmp_path / "out", tiny_bert, block_bytes=BLOCK, shards=8)
    assert len(bytes_of(tmp_path / "out")) == 8
    assert eight.rows == made[1].rows
    assert eight.fingerprint == made[1].fingerprint


def test_equal_runs_write_equal_bytes(made: tuple[Path, Corpus], source: Path, tiny_bert: Path, tmp_path: Path) -> None:
    corpus(source, tmp_path / "out", tiny_bert, block_bytes=BLOCK)
    assert bytes_of(tmp_path / "out") == bytes_of(made[0])


def test_one_and_three_processes_write_equal_bytes(
    made: tuple[Path, Corpus], source: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    corpus(source, tmp_path / "out", tiny_bert, block_bytes=BLOCK, processes=3)
    assert bytes_of(tmp_path / "out") == bytes_of(made[0])


def test_one_file_and_eight_hold_the_same_rows(
    made: tuple[Path, Corpus], source: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    eight = corpus(split_file(source, tmp_path / "in", 8), tmp_path / "out", tiny_bert, block_bytes=BLOCK)
    assert eight.fingerprint == made[1].fingerprint


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_plain_text_may_be_split_between_documents_with_or_without_blank_lines(
    tiny_bert: Path, tmp_path: Path, end: str
) -> None:
    texts = [f"good river {n % 7} lives.\nthe rome was fine {n % 3}." for n in range(40)]
    whole = tmp_path / "whole.txt"
    whole.write_text("\n\n".join(texts))
    (tmp_path / "in").mkdir()
    for part in range(4):
        (tmp_path / "in" / f"{part}.txt").write_text("\n\n".join(texts[10 * part : 10 * part + 10]) + end)
    made = [corpus(one, tmp_path / f"{one.stem}-out", tiny_bert, block_bytes=200) for one in (whole, tmp_path / "in")]
    assert made[0].counts["documents"] == 40
    assert made[0].fingerprint == made[1].fingerprint


def test_another_seed_or_another_block_size_gives_other_rows(
    made: tuple[Path, Corpus], source: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    other = corpus(source, tmp_path / "seed", tiny_bert, block_bytes=BLOCK, seed=1)
    larger = corpus(source, tmp_path / "block", tiny_bert, block_bytes=2 * BLOCK)
    assert len({made[1].fingerprint, other.fingerprint, larger.fingerprint}) == 3


@pytest.mark.parametrize("joining", ["join/8", None])
def test_parts_make_their_blocks_and_joining_makes_none(
    made: tuple[Path, Corpus],
    source: Path,
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    joining: str | None,
) -> None:
    out = tmp_path / "out"
    for part in (f"{turn}/8" for turn in (2, 1, 8, 4, 3, 5, 7, 6)):
        corpus_part(source, out, tiny_bert, part)
        assert not out.exists()
    monkeypatch.setattr(Worker, "__call__", forbidden)
    corpus_part(source, out, tiny_bert, joining)
    assert bytes_of(out) == bytes_of(made[0])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_joining_names_the_blocks_that_are_missing_and_who_makes_them(
    source: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for part in ("1/3", "3/3"):
        corpus_part(source, out, tiny_bert, part)
    with pytest.raises(KgError, match=r"blocks are not finished in .*: 1, 4, 7.* Run --part 2/3 with the same"):
        corpus_part(source, out, tiny_bert, "join/3")
    assert not out.exists()


def corpus_part(source: Path, out: Path, tokenizer: Path, part: str | None, **options: Any) -> None:
    settings = {"max_length": 48, "block_bytes": BLOCK, "processes": 1, **options}
    prepare(str(source), str(out), tokenizer=str(tokenizer), part=part, **settings)


def forbidden(*_: object) -> None:
    raise AssertionError("this block is finished")


def started(source: Path, out: Path, tokenizer: Path, **options: Any) -> Job:
    """A preparation, once some blocks are finished."""
    job = Job(prepare, str(source), str(out), tokenizer=str(tokenizer), max_length=48, **options)
    deadline = time.monotonic() + 120
    while job.code is None and len(blocks(out)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return job


def blocks(out: Path) -> list[Path]:
    return sorted(out.parent.glob(f".{out.name}.blocks/*/*.arrow"))


def alive(group: int) -> Iterator[int]:
    """Processes of a group that run, not counting those that only wait to be reaped."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            yield int(path.parent.name)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_a_run_that_was_killed_goes_on_to_the_same_bytes_and_leaves_no_process_behind(
    made: tuple[Path, Corpus], source: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    job = started(source, out, tiny_bert, block_bytes=BLOCK, processes=2)
    job.send(signal.SIGKILL)
    job.wait()
    deadline = time.monotonic() + 20
    while list(alive(job.pid)):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.01)
    finished = blocks(out)
    assert not out.exists()
    calls: list[str] = []
    make = Worker.__call__
    monkeypatch.setattr(Worker, "__call__", lambda self, block: (calls.append(block.stamp), make(self, block))[1])
    corpus(source, out, tiny_bert, block_bytes=BLOCK)
    assert len(finished) >= 3
    assert calls
    assert not set(calls) & {path.stem[7:] for path in finished}
    assert bytes_of(out) == bytes_of(made[0])
    assert not list(tmp_path.glob(".out*"))


def test_ctrl_c_says_how_to_go_on_and_keeps_finished_blocks(tiny_bert: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = started(linked_file(tmp_path, 200), out, tiny_bert, block_bytes=300, processes=1)
    job.send(signal.SIGINT)
    code, printed = job.wait()
    assert code == 130
    assert "the same command goes on" in printed
    assert len(blocks(out)) >= 3
    assert not out.exists()


def test_another_setting_starts_anew_and_what_it_was_before_is_not_lost(
    source: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    corpus_part(source, out, tiny_bert, "1/2")
    before = blocks(out)
    corpus_part(source, out, tiny_bert, "1/2", seed=1)
    assert len(blocks(out)) == 2 * len(before) > 0
    corpus_part(source, out, tiny_bert, "2/2", seed=1)
    corpus_part(source, out, tiny_bert, "join/2", seed=1)
    assert read(out) == corpus(source, tmp_path / "other", tiny_bert, block_bytes=BLOCK, seed=1)
    assert not blocks(out)


def test_only_blocks_of_other_text_are_made_again(
    source: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer, out = tmp_path / "longer.jsonl", tmp_path / "out"
    longer.write_bytes(source.read_bytes())
    corpus_part(longer, out, tiny_bert, "1/1")
    before = len(blocks(out))
    with longer.open("ab") as file:
        file.write(b'{"text": "good river.", "links": []}\n')
    made: list[int] = []
    make = Worker.__call__
    monkeypatch.setattr(Worker, "__call__", lambda self, block: (made.append(block.number), make(self, block))[1])
    corpus(longer, out, tiny_bert, block_bytes=BLOCK)
    assert made == [before - 1]


def test_a_run_on_top_of_an_older_corpus_replaces_it(source: Path, tiny_bert: Path, tmp_path: Path) -> None:
    first = corpus(source, tmp_path / "out", tiny_bert)
    second = corpus(source, tmp_path / "out", tiny_bert, shape="packed")
    assert first.meta["shape"] == "pairs"
    assert read(tmp_path / "out") == second


def test_more_shards_than_rows_leave_some_empty(tiny_bert: Path, tmp_path: Path) -> None:
    made = corpus(linked_file(tmp_path, 2), tmp_path / "out", tiny_bert, shape="packed", shards=50)
    assert len(bytes_of(tmp_path / "out")) == 50
    assert 0 < len(made.rows) < 50
