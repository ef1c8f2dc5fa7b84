"""Predicted roles counted against right ones: predicates, exact spans by group, and over the predicates that are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kplm.data.sources.srl_scores import Counts, role_scores
from kplm.errors import DataError
from kplm.score import srl
from tests.conftest import write_rows

WORDS = ["she", "did", "not", "give", "him", "it", "today"]
RIGHT = [
    {"index": 1, "tags": ["O", "B-V", "O", "O", "O", "O", "O"]},
    {"index": 3, "tags": ["B-ARG0", "O", "B-ARGM-NEG", "B-V", "B-ARG2", "B-ARG1", "B-ARGM-TMP"]},
]
SAID = [
    {"verb": "give", "index": 3, "tags": ["B-ARG0", "O", "B-ARGM-NEG", "B-V", "B-ARG1", "I-ARG1", "O"]},
    {"verb": "it", "index": 5, "tags": ["B-ARG0", "O", "O", "O", "O", "B-V", "O"]},
]
SECOND = {"words": ["go"], "predicates": [{"index": 0, "tags": ["B-V"]}]}


def files(folder: Path, said: list[dict[str, Any]], *more: dict[str, Any]) -> tuple[str, str]:
    found = write_rows(folder / "found.jsonl", [{"id": "a", "words": WORDS, "verbs": said}, *more])
    gold = write_rows(folder / "gold.jsonl", [{"sent_id": "x", "words": WORDS, "predicates": RIGHT}, *more])
    return str(found), str(gold)


def counts(lines: list[Counts]) -> dict[str, tuple[int, int, int]]:
    return {line.part: (line.hits, line.found, line.gold) for line in lines}


def test_predicates_and_arguments_are_counted_end_to_end_and_given_the_predicate(tmp_path: Path) -> None:
    scores = role_scores(*files(tmp_path, SAID, SECOND))
    assert scores.sentences == 2
    assert counts([scores.predicates]) == {"predicates": (2, 3, 3)}
    whole = {"arguments": (2, 4, 5), "ARG0": (1, 2, 1), "ARG1": (0, 1, 1), "ARG2": (0, 0, 1), "ARGM": (1, 1, 2)}
    assert counts(scores.arguments) == whole
    assert counts(scores.given) == {**whole, "arguments": (2, 3, 5), "ARG0": (1, 1, 1)}
    assert scores.arguments[0].f1 == pytest.approx(2 * 2 / 9)
    assert scores.arguments[0].precision == 2 / 4
    assert scores.arguments[0].recall == 2 / 5


def test_a_file_against_itself_is_right_and_none_at_all_is_zero(tmp_path: Path) -> None:
    gold = files(tmp_path, SAID)[1]
    assert {line.f1 for line in role_scores(gold, gold).arguments} == {1.0}
    none = role_scores(files(tmp_path, [])[0], gold)
    assert (none.predicates.f1, none.arguments[0].precision, none.arguments[0].f1) == (0, 0, 0)


def test_continued_and_referring_arguments_count_but_are_in_no_group(tmp_path: Path) -> None:
    one = {"index": 3, "tags": ["B-R-ARG0", "O", "B-C-ARG1", "B-V", "B-C-V", "O", "O"]}
    file = str(write_rows(tmp_path / "x.jsonl", [{"words": WORDS, "predicates": [one]}]))
    found = counts(role_scores(file, file).arguments)
    assert found["arguments"] == (3, 3, 3)
    assert all(found[group] == (0, 0, 0) for group in ("ARG0", "ARG1", "ARG2", "ARGM"))


def test_the_command_prints_percent(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    srl(*files(tmp_path, SAID, SECOND))
    first, head, *lines = capsys.readouterr().out.splitlines()
    assert first == "2 sentences"
    assert head.split() == ["gold", "found", "P", "R", "F1", "F1", "given", "predicate"]
    assert lines[0].split() == ["predicates", "3", "3", "66.67", "66.67", "66.67"]
    assert lines[1].split() == ["arguments", "5", "4", "50.00", "40.00", "44.44", "50.00"]
    assert [line.split()[0] for line in lines[2:]] == ["ARG0", "ARG1", "ARG2", "ARGM"]


def test_other_sentences_are_named_with_the_command_that_helps(tmp_path: Path) -> None:
    gold = files(tmp_path, SAID)[1]
    other = write_rows(tmp_path / "other.jsonl", [{"words": ["go"], "verbs": []}])
    with pytest.raises(
        DataError, match=r"other.jsonl:1: the words 'go' are not those of gold.jsonl:1, .*--reader.rows"
    ):
        role_scores(other, gold)
    more = write_rows(tmp_path / "more.jsonl", [{"words": WORDS, "verbs": SAID}, SECOND])
    with pytest.raises(DataError, match="more.jsonl has 2 sentences, but .*gold.jsonl has 1. Predict the whole file"):
        role_scores(more, gold)
