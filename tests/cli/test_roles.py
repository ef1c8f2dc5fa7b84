"""``kplm roles``: a file of sentences in, their roles out, in a form that is read wherever roles are."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from kg.blocks.folder import TextBlocks
from kg.errors import KgError
from kplm.cli import main
from kplm.data.roles import Files
from kplm.roles.command import roles
from tests.conftest import write_rows
from tests.processes import Job

TEXTS = ["Dan cooked a  bass on the grill.", "", "A pity!", "She told him that he should go."]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("roles")
    (folder / "in.txt").write_text("\n".join(TEXTS) + "\n")
    assert main(["roles", str(folder / "in.txt"), str(folder / "out.jsonl")]) == 0
    return folder / "out.jsonl"


def test_rules_label_raw_text_in_its_order(labelled: Path) -> None:
    found = rows(labelled)
    assert [row["text"] for row in found] == TEXTS
    assert [[verb["verb"] for verb in row["verbs"]] for row in found] == [["cooked"], [], [], ["told", "go"]]
    assert found[0]["words"] == ["Dan", "cooked", "a", "bass", "on", "the", "grill", "."]
    assert found[0]["verbs"][0]["tags"][:4] == ["B-ARG0", "B-V", "B-ARG1", "I-ARG1"]


def test_what_was_written_is_read_where_roles_are(labelled: Path, capsys: pytest.CaptureFixture) -> None:
    assert (
        main(
            ["roles", str(labelled.with_name("in.txt")), str(labelled.with_name("again.jsonl")), "--by", str(labelled)]
        )
        == 0
    )
    assert rows(labelled.with_name("again.jsonl")) == rows(labelled)
    [[found]] = Files(str(labelled))([rows(labelled)[0]["words"]])
    assert (found.index, found.tags[1]) == (1, "B-V")
    capsys.readouterr()
    assert main(["inspect", "roles", TEXTS[0], "--by", str(labelled)]) == 0
    assert "8 words, 1 predicate with 3 arguments" in capsys.readouterr().out


def test_rolesets_and_the_words_of_a_corpus_are_kept(tmp_path: Path) -> None:
    words = ["Do", "n't", "go"]
    predicate = {"index": 2, "roleset": "go.02", "tags": ["O", "B-ARGM-NEG", "B-V"]}
    gold = write_rows(tmp_path / "gold.jsonl", [{"sent_id": "a", "words": words, "predicates": [predicate]}])
    reader = ["--reader", "kplm.data.sources.Srl", "--reader.rows", "sentences"]
    assert main(["roles", str(gold), str(tmp_path / "out.jsonl"), "--by", str(gold), *reader]) == 0
    verb = {"verb": "go", "index": 2, "tags": predicate["tags"], "roleset": "go.02"}
    assert rows(tmp_path / "out.jsonl") == [{"id": "a", "text": "Do n't go", "words": words, "verbs": [verb]}]


def test_a_sentence_that_the_file_lacks_leaves_nothing_behind(
    labelled: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    (tmp_path / "in.txt").write_text("Somebody else.\n")
    assert main(["roles", str(tmp_path / "in.txt"), str(tmp_path / "out.jsonl"), "--by", str(labelled)]) == 1
    assert "out.jsonl is 'Somebody else .'" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Forty sentences, and a file that has their roles."""
    folder = tmp_path_factory.mktemp("many")
    words = [[f"He{number}", "sleeps"] for number in range(40)]
    gold = [{"words": one, "predicates": [{"index": 1, "tags": ["B-ARG0", "B-V"]}]} for one in words]
    return write_rows(folder / "in.jsonl", [{"tokens": one} for one in words]), write_rows(folder / "gold.jsonl", gold)


@pytest.fixture(scope="module")
def whole(many: tuple[Path, Path]) -> bytes:
    out = many[0].with_name("whole.jsonl")
    roles(str(many[0]), str(out), by=str(many[1]))
    assert [row["verbs"][0]["verb"] for row in rows(out)] == ["sleeps"] * 40
    return out.read_bytes()


def test_three_processes_label_the_same_bytes(many: tuple[Path, Path], whole: bytes, tmp_path: Path) -> None:
    roles(str(many[0]), str(tmp_path / "out"), by=str(many[1]), processes=3, block=4)
    assert (tmp_path / "out").read_bytes() == whole


def test_eight_parts_label_the_same_bytes_and_joining_asks_for_what_is_missing(
    many: tuple[Path, Path], whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"source": str(many[0]), "target": str(tmp_path / "out"), "by": str(many[1]), "processes": 1, "block": 4}
    for turn in (8, 1, 5, 3, 2, 6, 7):
        roles(**settings, part=f"{turn}/8")
    told = json.loads(capsys.readouterr().out.splitlines()[1])
    assert (told["part"], told["blocks"], told["texts"], told["predicates"]) == ("1/8", "2 of 10", 8, 8)
    with pytest.raises(KgError, match="1 of 10 blocks are not finished in .*: 3. Run --part 4/8 with the same"):
        roles(**settings, part="join/8")
    roles(**settings, part="4/8")
    with pytest.raises(KgError, match="10 of 10 blocks are not finished"):
        roles(**settings, threads=2, part="join/8")
    roles(**settings, part="join/8")
    assert (tmp_path / "out").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def killed_behind_block_2(source: str, target: str, by: str) -> None:
    """A run that dies once it has written its third block."""
    write = TextBlocks.write

    def dies(self: TextBlocks, block: Any, *made: Any) -> None:
        write(self, block, *made)
        if block.number == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    TextBlocks.write = dies  # type: ignore[method-assign]
    roles(source, target, by=by, block=4, processes=1)


def test_a_killed_run_goes_on_to_the_same_bytes(many: tuple[Path, Path], whole: bytes, tmp_path: Path) -> None:
    code, printed = Job(killed_behind_block_2, str(many[0]), str(tmp_path / "out"), str(many[1])).wait()
    assert code == -signal.SIGKILL, printed
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob(".out.blocks/*/*.jsonl")}
    assert len(finished) == 3
    settings = {"source": str(many[0]), "target": str(tmp_path / "out"), "by": str(many[1]), "processes": 1, "block": 4}
    roles(**settings, part="1/1")
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    roles(**settings)
    assert (tmp_path / "out").read_bytes() == whole
