"""The cache of roles: each sentence is labelled once, by any number of processes, and nothing that goes wrong with it matters."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from kplm.data.roles import Kept, Predicate, RoleSource, Words
from kplm.data.roles.kept import CHUNK, cache_folder
from kplm.errors import KplmError
from kplm.spec import from_spec, to_spec


class First(RoleSource):
    """Takes the first word of a sentence for its predicate, and notes what it was asked."""

    def __init__(self, role: str = "ARG1", revision: str = "1") -> None:
        self.init_args = {"role": role}
        self.role, self.revision = role, revision
        self.asked: list[Words] = []

    @property
    def edition(self) -> str:
        return self.revision

    def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        self.asked += sentences
        return [
            (Predicate(0, ("B-V", *[f"B-{self.role}"] * (len(words) - 1))),) if words else () for words in sentences
        ]

    def words(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[(0, len(text))] for text in texts]


class Dies(First):
    """Is killed at its second call."""

    def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        if self.asked:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(sentences)


def some(number: int) -> list[list[str]]:
    return [["see", str(i)] for i in range(number)]


def test_each_sentence_is_labelled_once(tmp_path: Path) -> None:
    source = First()
    kept = Kept(source, str(tmp_path))
    texts: list[list[str]] = [["go", "home"], [], ["stop"], ["go", "home"]]
    assert kept(texts) == First()(texts)
    assert source.asked == [["go", "home"], [], ["stop"]]
    again = Kept(First(), str(tmp_path))
    assert again([("stop",), ["go", "on"]]) == First()([["stop"], ["go", "on"]])
    assert again.source.asked == [["go", "on"]]  # type: ignore[attr-defined]
    assert kept.words(["go home"]) == [[(0, 7)]]


def test_words_are_told_apart_however_they_are_joined(tmp_path: Path) -> None:
    kept = Kept(First(), str(tmp_path))
    assert [len(one.tags) for [one] in kept([["a", "b"], ["a b"], ["a\nb"], ["a", "", "b"]])] == [2, 1, 1, 3]


def test_it_lies_in_the_users_cache_folder() -> None:
    kept = Kept(First())
    kept(some(1))
    assert kept.path.parent == cache_folder()
    assert cache_folder().parts[-2:] == ("kplm", "roles")
    assert kept.path.is_file()


def test_another_description_or_edition_of_the_source_is_kept_apart(tmp_path: Path) -> None:
    paths = {Kept(source, str(tmp_path)).path for source in (First(), First("ARG0"), First(revision="2"), Dies())}
    assert len(paths) == 4
    Kept(First(), str(tmp_path))(some(1))
    assert Kept(First("ARG0"), str(tmp_path))(some(1))[0][0].tags == ("B-V", "B-ARG0")


def test_a_checkpoint_can_name_it(tmp_path: Path) -> None:
    again = from_spec(json.loads(json.dumps(to_spec(Kept(First("ARG2"), str(tmp_path))))), RoleSource)
    assert again(some(1))[0][0].tags == ("B-V", "B-ARG2")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_is_killed_loses_nothing_that_was_written(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        Kept(Dies(), str(tmp_path))(some(2 * CHUNK))
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    after = Kept(Dies(), str(tmp_path))
    assert after(some(2 * CHUNK)) == First()(some(2 * CHUNK))
    assert after.source.asked == some(2 * CHUNK)[CHUNK:]  # type: ignore[attr-defined]


def test_several_may_read_and_write_at_the_same_time(tmp_path: Path) -> None:
    expected = First()(some(4 * CHUNK))
    results: list[object] = []

    def work(start: int) -> None:
        order = some(4 * CHUNK)[start:] + some(start)
        found = Kept(First(), str(tmp_path))(order)
        results.append(found[len(order) - start :] + found[: len(order) - start])

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, CHUNK, 2 * CHUNK, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4
    last = Kept(First(), str(tmp_path))
    assert last(some(4 * CHUNK)) == expected
    assert not last.source.asked  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 100, b""])
def test_a_damaged_cache_is_begun_anew(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(First(), str(tmp_path))
    kept.path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert kept(some(3)) == First()(some(3))
    assert ("is damaged" in caplog.text) == bool(content)
    fresh = Kept(First(), str(tmp_path))
    assert fresh(some(3)) == First()(some(3))
    assert not fresh.source.asked  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["{", '[[0,null,"V",0,9]]', "[[0]]", "7", '[["x",null]]', '[[9,null,"V",0,1]]', '[[-1,null]]', '[[0,null,"V",0,1,"A",0,2]]',
                                  '[[0,null,"V",1,0]]', '[[0,null,"",0,1]]', '[[0,null,7,0,1]]', '[[0,null,"V",0]]'])  # fmt: skip
def test_a_damaged_row_is_found_again(tmp_path: Path, text: str) -> None:
    kept = Kept(First(), str(tmp_path))
    kept(some(1))
    with sqlite3.connect(kept.path) as cache:
        cache.execute("UPDATE roles SET found = ?", (text,))
    assert Kept(First(), str(tmp_path))(some(1)) == First()(some(1))


def test_where_nothing_can_be_written_the_source_is_asked_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    kept = Kept(First(), str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert kept(some(2)) == kept(some(2)) == First()(some(2))
    assert "Roles cannot be kept in" in caplog.text
    assert len(kept.source.asked) == 4  # type: ignore[attr-defined]
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        kept(some(3 * CHUNK))
    assert caplog.text.count("Roles cannot be kept in") == 1, "told once, not for every chunk"


def test_a_folder_that_may_not_be_looked_into_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(self))

    kept = Kept(First(), str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refused)
        assert kept(some(2)) == First()(some(2))


def test_a_source_that_leaves_sentences_out_is_named(tmp_path: Path) -> None:
    class Short(First):
        def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
            return super().__call__(sentences)[1:]

    with pytest.raises(KplmError, match="Short gave 1 answers for 2 sentences. A source of roles gives each sentence"):
        Kept(Short(), str(tmp_path))(some(2))


def test_a_relative_folder_is_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = Kept(First(), "cache")
    monkeypatch.chdir("/")
    assert kept.path.parent == tmp_path / "cache" == Path(str(kept.init_args["folder"]))
