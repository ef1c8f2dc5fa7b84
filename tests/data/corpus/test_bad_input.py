"""Bad input and bad luck: what is said, what is counted, what is kept."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kg.blocks import pool
from kg.errors import KgError
from kplm.data.corpus import shards
from kplm.errors import DataError, KplmError
from tests.conftest import write_rows
from tests.data.corpus.made_up import corpus, linked_file, read

GOOD = {"text": "the river lives.", "links": []}


def test_links_outside_the_text_make_a_bad_line_with_file_and_number(tmp_path: Path, tiny_bert: Path) -> None:
    source = write_rows(tmp_path / "a.jsonl", [GOOD, {"text": "rome.", "links": [[0, 40, "Q1"]]}])
    assert corpus(source, tmp_path / "out", tiny_bert).counts["bad_lines"] == 1
    with pytest.raises(KgError, match=r"a\.jsonl:2: got '.*span 0\.\.40, but the text has 5 characters"):
        corpus(source, tmp_path / "out", tiny_bert, max_bad=0)


def test_links_that_overlap_nest_or_cross_a_paragraph_are_left_out_and_counted(tmp_path: Path, tiny_bert: Path) -> None:
    links = [[0, 4, "A"], [0, 9, "B"], [5, 15, "C"], [10, 21, "D"]]
    source = write_rows(tmp_path / "a.jsonl", [{"text": "rome good river\nparis.", "links": links}])
    made = corpus(source, tmp_path / "out", tiny_bert)
    assert made.rows[0]["entities"] == ["B"]
    assert made.counts["mentions_overlapping"] == 2
    assert made.counts["mentions_across_paragraphs"] == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "cut in the mid',
        "[1, 2]",
        '{"links": []}',
        '{"text": 5}',
        '{"text": "a", "links": [[0, 1]]}',
        r'{"text": "\ud800", "links": []}',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_document_is_reported_with_file_and_number(
    tmp_path: Path, tiny_bert: Path, line: str
) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(f"{json.dumps(GOOD)}\n\n{json.dumps(GOOD)}\n{line}", encoding="utf-8")
    assert corpus(source, tmp_path / "out", tiny_bert).counts["documents"] == 2
    with pytest.raises(KgError, match=r"a\.jsonl:4: got"):
        corpus(source, tmp_path / "out", tiny_bert, max_bad=0)


def test_bad_lines_of_all_blocks_count_together_and_raising_the_limit_goes_on(tmp_path: Path, tiny_bert: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(f"{json.dumps(GOOD)}\n{{\n" * 12, encoding="utf-8")
    with pytest.raises(KgError, match="11 bad lines, max_bad=10 tolerated"):
        corpus(source, tmp_path / "out", tiny_bert, block_bytes=50)
    finished = len(list(tmp_path.glob(".out.blocks/*/*.arrow")))
    assert finished >= 5
    with pytest.raises(KgError, match="11 bad lines"):
        corpus(source, tmp_path / "out", tiny_bert, block_bytes=50)
    made = corpus(source, tmp_path / "out", tiny_bert, block_bytes=50, max_bad=12)
    assert made.counts["bad_lines"] == 12


def test_text_that_is_not_utf_8_is_a_bad_line(tmp_path: Path, tiny_bert: Path) -> None:
    for name, text in (("a.txt", b"good\nr\xe9union\n\nriver\n"), ("a.jsonl", b'{"text": "good"}\n{"text": "\xff"}\n')):
        (tmp_path / name).write_bytes(text)
        assert corpus(tmp_path / name, tmp_path / "out", tiny_bert).counts["bad_lines"] == 1
        with pytest.raises(KgError, match=rf"{name}:2: .*UTF-8; byte \d+ of the line \(0x(e9|ff)\) is not"):
            corpus(tmp_path / name, tmp_path / "out", tiny_bert, max_bad=0)


def test_a_page_that_is_cut_off_and_text_outside_of_pages_are_reported(tmp_path: Path, tiny_bert: Path) -> None:
    page = '<doc id="1" url="u" title="A">\nA\n\ngood river.\n\n</doc>\n'
    (tmp_path / "wiki").write_text(
        f'{page}lost\n<doc id="2" url="u" title="B">\n{page}{page.removesuffix("</doc>" + chr(10))}'
    )
    made = corpus(tmp_path / "wiki", tmp_path / "out", tiny_bert)
    assert (made.counts["documents"], made.counts["bad_lines"]) == (2, 3)
    with pytest.raises(KgError, match="wiki:7: got 'lost', expected <doc"):
        corpus(tmp_path / "wiki", tmp_path / "out", tiny_bert, max_bad=0)


def test_an_empty_file_among_others_is_nothing_and_alone_is_an_error(tmp_path: Path, tiny_bert: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("")
    with pytest.raises(DataError, match="no row: 0 documents"):
        corpus(tmp_path / "in", tmp_path / "out", tiny_bert)
    write_rows(tmp_path / "in" / "b.jsonl", [GOOD, {"text": " \n", "links": []}])
    made = corpus(tmp_path / "in", tmp_path / "out", tiny_bert)
    assert (made.counts["documents"], made.counts["documents_empty"], len(made.rows)) == (2, 1, 1)


def test_a_corpus_whose_rows_are_all_dropped_is_an_error(tmp_path: Path, tiny_bert: Path) -> None:
    source = write_rows(tmp_path / "a.jsonl", [GOOD, GOOD])
    with pytest.raises(DataError, match="min_entities=5 drops all 2 of them. Lower it"):
        corpus(source, tmp_path / "out", tiny_bert, min_entities=5)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_source_that_is_not_there_is_named_with_what_is_near(tmp_path: Path, tiny_bert: Path) -> None:
    linked_file(tmp_path, 1, "train.jsonl")
    with pytest.raises(DataError, match=r"no file, folder or glob .*trian\.jsonl\. Did you mean 'train\.jsonl'"):
        corpus(tmp_path / "trian.jsonl", tmp_path / "out", tiny_bert)
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="holds no files"):
        corpus(tmp_path / "in", tmp_path / "out", tiny_bert)


def test_compressed_files_are_declined(tmp_path: Path, tiny_bert: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.jsonl\.gz is compressed.*Unpack it first"):
        corpus(tmp_path / "a.jsonl.gz", tmp_path / "out", tiny_bert)


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path: Path, tiny_bert: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(KplmError, match="holds no corpus, so it is not replaced"):
        corpus(linked_file(tmp_path, 3), tmp_path / "out", tiny_bert)
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_a_corpus_inside_of_its_own_source_is_refused(tmp_path: Path, tiny_bert: Path) -> None:
    linked_file(tmp_path, 3)
    with pytest.raises(KplmError, match="lies inside of"):
        corpus(tmp_path, tmp_path / "out", tiny_bert)


def test_an_error_in_a_worker_process_arrives_as_it_is(tmp_path: Path, tiny_bert: Path) -> None:
    with pytest.raises(KgError, match="spaCy cannot split sentences in the language 'qq'"):
        corpus(linked_file(tmp_path, 9), tmp_path / "out", tiny_bert, language="qq", processes=2, block_bytes=100)


def test_a_worker_process_that_dies_is_told_and_finished_blocks_are_kept(
    tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_begin", die)
    with pytest.raises(KgError, match="A worker process died.*with fewer processes: finished blocks are kept"):
        corpus(linked_file(tmp_path, 9), tmp_path / "out", tiny_bert, processes=2, block_bytes=100)


def die(*_: object) -> None:
    """What the system does to a process for which there is no memory."""
    os._exit(137)


def test_text_that_spells_a_special_token_stays_text(tmp_path: Path, tiny_bert: Path) -> None:
    rows = [{"text": "good [SEP] river [MASK] lives [CLS].", "links": []}]
    row = corpus(write_rows(tmp_path / "a.jsonl", rows), tmp_path / "out", tiny_bert, shape="packed").rows[0]
    assert not {2, 3, 4} & set(row["input_ids"][1:-1])


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_while_blocks_are_written_keeps_those_that_are_finished(
    tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = linked_file(tmp_path), tmp_path / "out"
    calls: list[int] = []
    fsync = os.fsync

    def fills(handle: int) -> None:
        calls.append(handle)
        full() if len(calls) == 3 else fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fills)
        with pytest.raises(KgError, match="No space left on device. Make room, then give the same command again"):
            corpus(source, out, tiny_bert, block_bytes=3000)
    assert [path.name[:7] for path in sorted(tmp_path.glob(".out.blocks/*/*"))] == ["000000-", "000001-"]
    goes_on(source, out, tiny_bert, tmp_path)


def test_a_disk_that_fills_while_shards_are_written_keeps_all_blocks(
    tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = linked_file(tmp_path), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(shards, "_write_state", full)
        with pytest.raises(KplmError, match="No space left on device.*finished blocks are kept"):
            corpus(source, out, tiny_bert, block_bytes=3000)
    assert not out.exists()
    assert len(list(tmp_path.glob(".out.blocks/*/*.arrow"))) > 3
    goes_on(source, out, tiny_bert, tmp_path)


def goes_on(source: Path, out: Path, tokenizer: Path, folder: Path) -> None:
    again = corpus(source, out, tokenizer, block_bytes=3000)
    fresh = corpus(source, folder / "fresh", tokenizer, block_bytes=3000)
    assert again == fresh == read(out)
    assert not list(folder.glob(".out*"))


def test_what_a_killed_run_left_while_it_joined_blocks_is_swept_away(tmp_path: Path, tiny_bert: Path) -> None:
    for name in (".out.abcd_123.tmp", ".out.b.abcd_123.tmp"):
        (tmp_path / name).mkdir()
    corpus(linked_file(tmp_path, 3), tmp_path / "out", tiny_bert)
    assert [path.name for path in tmp_path.glob(".out*")] == [".out.b.abcd_123.tmp"]


def test_a_titles_file_with_bad_lines_is_reported(tmp_path: Path, tiny_bert: Path) -> None:
    (tmp_path / "wiki").write_text('<doc id="1" url="u" title="A">\nA\n\ngood.\n</doc>\n')
    (tmp_path / "titles.txt").write_text("Rome Q220\n")
    with pytest.raises(KgError, match=r"titles\.txt:1: got 'Rome Q220', expected title TAB id"):
        corpus(tmp_path / "wiki", tmp_path / "out", tiny_bert, titles=str(tmp_path / "titles.txt"), max_bad=0)
