"""``kplm roles``: a file of sentences in, their roles out, in a form that is read wherever roles are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kplm.cli import main
from kplm.data.roles import Files
from tests.conftest import write_rows

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
    assert main(["inspect", "roles", TEXTS[0], "--source", str(labelled)]) == 0
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
