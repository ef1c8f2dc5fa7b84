"""Gold labels become fields, and a label that has no class is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kplm.data.encode import TextEncoder
from kplm.data.example import Example
from kplm.data.module import TextData
from kplm.data.sources import JsonLines
from kplm.data.targets import ClassTargets, SetTargets, TagTargets
from kplm.errors import DataError, KplmError, LabelError
from kplm.fields import IGNORE
from kplm.text import Tokenizer
from tests.conftest import class_rows, write_rows


def test_a_class(tokenizer: Tokenizer) -> None:
    encode = TextEncoder(tokenizer, targets=ClassTargets(["a", "b"]))
    assert [row["label"] for row in encode([Example("rome", label="b"), Example("rome")])] == [1, IGNORE]
    assert "label" in encode.writes


def test_a_set(tokenizer: Tokenizer) -> None:
    encode = TextEncoder(tokenizer, targets=SetTargets(["a", "b", "c"]))
    rows = encode([Example("rome", labels=("c", "a")), Example("rome", labels=()), Example("rome")])
    assert [row["labels"].tolist() for row in rows] == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_tags_sit_on_the_first_token_of_each_word_and_cut_words_have_none(tokenizer: Tokenizer) -> None:
    encode = TextEncoder(tokenizer, targets=TagTargets(["B", "O"]), max_length=6)
    example = Example("xyz rome abc", words=((0, 3), (4, 8), (9, 12)), tags=("O", "B", "O"))
    row = encode([example])[0]  # [CLS] x ##y ##z rome [SEP]
    assert row["word_positions"].tolist() == [1, 4, -1]
    assert row["tags"] == [1, 0, 1]
    assert encode([Example("rome", words=((0, 4),))])[0]["tags"] == [IGNORE]


@pytest.mark.parametrize(
    ("targets", "example"),
    [
        (ClassTargets(["city", "river"]), Example("x", label="citty", where="train.jsonl:7")),
        (SetTargets(["city", "river"]), Example("x", labels=("river", "citty"), where="train.jsonl:7")),
        (TagTargets(["city", "river"]), Example("x", words=((0, 1),), tags=("citty",), where="train.jsonl:7")),
    ],
)
def test_a_label_without_a_class_is_named_with_file_line_and_hint(
    targets: ClassTargets, example: Example, tokenizer: Tokenizer
) -> None:
    with pytest.raises(
        LabelError, match=r"^train.jsonl:7: label 'citty'.*classes are: city, river. Did you mean 'city'\?"
    ):
        TextEncoder(tokenizer, targets=targets)([example])


def test_a_label_that_only_the_validation_file_has_stops_before_training(tiny_bert: Path, tmp_path: Path) -> None:
    train = write_rows(tmp_path / "train.jsonl", class_rows(4))
    val = write_rows(tmp_path / "val.jsonl", [*class_rows(2), {"text": "x", "label": "new"}])
    data = TextData(JsonLines(), str(tiny_bert), train=str(train), val=str(val))
    with pytest.raises(LabelError, match=r"val.jsonl:3: label 'new' does not occur"):
        data.setup("fit")


def test_class_names_come_from_the_training_file_a_list_or_a_file(tiny_bert: Path, tmp_path: Path) -> None:
    train = str(write_rows(tmp_path / "train.jsonl", class_rows(8)))
    names = tmp_path / "labels.txt"
    names.write_text("z\ny\n\n")
    assert TextData(JsonLines(), str(tiny_bert), train=train).label_names == ("fr", "it")
    assert TextData(JsonLines(), str(tiny_bert), labels=["b", "a"]).label_names == ("b", "a")
    assert TextData(JsonLines(), str(tiny_bert), labels=str(names)).label_names == ("z", "y")


def test_files_that_are_not_given_or_empty_are_named(tiny_bert: Path, tmp_path: Path) -> None:
    empty = write_rows(tmp_path / "empty.jsonl", [])
    data = TextData(JsonLines(), str(tiny_bert), train=str(empty))
    with pytest.raises(DataError, match="empty.jsonl holds no example"):
        data.examples("train")
    with pytest.raises(DataError, match="data.test names no file"):
        data.examples("test")


def test_texts_that_are_no_strings_are_refused(tokenizer: Tokenizer) -> None:
    encode = TextEncoder(tokenizer)
    with pytest.raises(KplmError, match="text is int, it must be a string"):
        encode([_broken()])


def _broken() -> Example:
    example = Example("x", where="f:1")
    object.__setattr__(example, "text", 3)
    return example


def test_marks_point_at_their_opening_markers(tokenizer: Tokenizer) -> None:
    from kplm.data.example import Mark

    example = Example("was rome in paris", marks=(Mark(4, 8, "head"), Mark(12, 17, "tail")))
    row = TextEncoder(tokenizer, markers={"head": "#", "tail": "$"})([example])[0]
    signs = [tokenizer.rust.id_to_token(int(row["input_ids"][at])) for at in row["mark_positions"]]
    assert signs == ["#", "$"]
    bare = TextEncoder(tokenizer)([example])[0]
    assert [tokenizer.rust.id_to_token(int(bare["input_ids"][at])) for at in bare["mark_positions"]] == [
        "rome",
        "paris",
    ]


def test_marks_that_truncation_lost_are_told_and_point_at_the_sentence(
    tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    from kplm.data.example import Mark

    text = "rome " + "was " * 40 + "paris"
    example = Example(text, marks=(Mark(0, 4, "head"), Mark(len(text) - 5, len(text), "tail")), where="f.jsonl:9")
    row = TextEncoder(tokenizer, max_length=12)([example])[0]
    assert row["mark_positions"].tolist() == [1, 0]
    assert len(row["input_ids"]) == 12
    assert "1 of 1 texts were cut" in caplog.text
    assert "f.jsonl:9" in caplog.text
