"""Mirrored pictures in training: pixels, boxes, words and answers move together, and only they."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kplm.data.annotate import Regions
from kplm.data.captions import CaptionData
from kplm.data.encode import TextEncoder
from kplm.data.example import Example, Link, Mark, Picture, Reference
from kplm.data.looks import Pixels
from kplm.data.mirror import Mirror, mirrored
from kplm.data.module import TextData
from kplm.data.sources import JsonLines
from kplm.data.targets import AnswerTargets, ClassTargets
from kplm.errors import KplmError
from kplm.text import Tokenizer
from kplm.text.sides import exchanged
from tests.conftest import write_rows

SMALL: dict[str, Any] = {"short": 4, "long": 8, "colours": "centred"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture, 8 x 4 pixels, that is white on the left and black on the right."""
    values = np.zeros((4, 8, 3), np.uint8)
    values[:, :4] = 255
    Image.fromarray(values).save(tmp_path / "a.png")
    return tmp_path


def data(folder: Path, tokenizer: Path, looks: Pixels, rows: list[dict[str, Any]], **options: Any) -> TextData:
    path = str(write_rows(folder / "train.jsonl", rows))
    found = TextData(
        JsonLines(), str(tokenizer), "answers", train=path, val=path, annotators=[Regions(looks)], **options
    )
    found.setup("fit")
    return found


def asked(boxes: list[list[int]] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "image": "a.png",
        "question": "is it left?",
        "answers": {"left": 1, "on the right": 0.3},
        "boxes": boxes,
    } | more


def test_left_and_right_change_places_as_whole_words() -> None:
    assert exchanged("Left, RIGHTMOST and upright; brightly right-handed.").text == (
        "Right, LEFTMOST and upright; brightly left-handed."
    )


@given(st.lists(st.sampled_from(["left", "Right", "cat", "bright", "leftmost"]), max_size=8))
def test_exchanging_twice_is_nothing_and_offsets_follow_their_words(words: list[str]) -> None:
    text = " ".join(words)
    once = exchanged(text)
    assert exchanged(once.text).text == text
    start, new = 0, once.text.split()
    for word, other in zip(words, new):
        assert once.text[once.at(start) : once.at(start + len(word))] == other
        start += len(word) + 1


def test_spans_follow_and_only_answers_are_words(tokenizer: Tokenizer) -> None:
    example = Example(
        "left of the river",
        "right here",
        marks=(Mark(12, 17, "head"),),
        links=(Link(12, 17, "Q1"), Link(6, 10, "Q2", part=1)),
        references=(Reference(0, 4, 0), Reference(0, 5, 1, 1)),
        label="right",
        scores=(("left", 1.0), ("yes", 0.3)),
    )
    text = TextEncoder(tokenizer, targets=ClassTargets(["right", "wrong"]))
    found = mirrored(example, text)
    assert (found.text, found.pair, found.label) == ("right of the river", "left here", "right")
    assert [found.text[one.start : one.end] for one in found.marks] == ["river"]
    assert [(one.start, one.end) for one in found.links or ()] == [(13, 18), (5, 9)]
    assert [(one.start, one.end) for one in found.references] == [(0, 5), (0, 4)]
    text.targets = AnswerTargets(["left", "right", "yes"])
    found = mirrored(example, text)
    assert (found.label, found.scores) == ("left", (("right", 1.0), ("yes", 0.3)))


def test_picture_boxes_meant_regions_question_and_answers_are_mirrored(folder: Path, tiny_bert: Path) -> None:
    rows = [asked([[0, 0, 3, 3], [6, 1, 7, 2]], meant=[[0, 0, 3, 3]])]
    labels = ["left", "right", "on right", "on left"]
    plain, turned = (data(folder, tiny_bert, Pixels(flip=flip, **SMALL), rows, labels=labels) for flip in (0.0, 1.0))
    one, other = plain._rows["train"][(0, 0)], turned._rows["train"][(0, 0)]
    np.testing.assert_array_equal(other["picture"], one["picture"][:, :, ::-1])
    np.testing.assert_allclose(other["region_boxes"][0], one["region_boxes"][0], atol=1e-6)
    np.testing.assert_allclose(
        other["region_boxes"] * [8, 4, 8, 4], [[0, 0, 7, 3], [4, 0, 7, 3], [0, 1, 1, 2]], atol=1e-5
    )
    assert other["region_targets"].tolist() == one["region_targets"].tolist() == [0, 1, 0]
    text = plain.text.tokenizer.rust
    assert "r i g h t" in " ".join(text.decode([i]) for i in other["input_ids"]).replace("##", "")
    assert one["labels"].tolist() == pytest.approx([1, 0, 0.3, 0])
    assert other["labels"].tolist() == pytest.approx([0, 1, 0, 0.3])


def test_only_training_rows_are_mirrored(folder: Path, tiny_bert: Path) -> None:
    found = data(folder, tiny_bert, Pixels(flip=1.0, **SMALL), [asked()])
    train, val = found._rows["train"][(0, 0)], found._rows["val"][0]
    np.testing.assert_array_equal(train["picture"], val["picture"][:, :, ::-1])


def test_the_share_is_drawn_anew_in_every_epoch_and_alike_in_every_run(folder: Path, tiny_bert: Path) -> None:
    def drawn(seed: int) -> list[list[bool]]:
        rows = data(folder, tiny_bert, Pixels(flip=0.5, **SMALL), [asked(), asked(question="good?")] * 40, seed=seed)
        found = rows._rows["train"]
        return [[bool(found[(i, epoch)]["picture"][0, 0, 0] < 0) for i in range(80)] for epoch in range(2)]

    first, again, other = drawn(0), drawn(0), drawn(1)
    assert first == again
    assert first[0] != first[1]
    assert first != other
    assert 0.35 < np.mean(first) < 0.65


def test_the_choices_of_a_question_are_mirrored_together(tokenizer: Tokenizer) -> None:
    text = TextEncoder(tokenizer, [Regions(Pixels(flip=0.5, **SMALL))])
    examples = [Example("left", picture=Picture("a.png"), group=f"q{i // 4}") for i in range(40)]
    rows, mirror = text(examples), Mirror.of(examples, text, 0)
    assert mirror is not None
    turned = [mirror(row, i, 0)["about"][0].mirrored for i, row in enumerate(rows)]
    assert all(len(set(turned[at : at + 4])) == 1 for at in range(0, 40, 4))
    assert len(set(turned)) == 2


def test_shuffled_pictures_and_rows_without_one_stay_what_they_are(folder: Path, tiny_bert: Path) -> None:
    rows = [asked(), asked(image="b.png"), {"question": "left?", "answers": {"left": 1}}]
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes())
    found = data(folder, tiny_bert, Pixels(flip=1.0, **SMALL), rows, knowledge="shuffled")._rows["train"]
    assert [row["about"][0] and row["about"][0].name for row in found.rows] == ["b.png", "a.png", None]
    assert found[(0, 0)]["picture"][0, 0, 0] < 0
    assert found[(2, 0)]["regions"].tolist() == []
    assert found[(2, 0)]["input_ids"].tolist() == found.rows[2]["input_ids"].tolist()


def test_captions_are_mirrored_too(folder: Path, tiny_bert: Path) -> None:
    path = str(
        write_rows(folder / "c.jsonl", [{"image": "a.png", "caption": "left"}, {"image": "a.png", "caption": "good"}])
    )
    regions = Regions(Pixels(flip=1.0, **SMALL))
    found = CaptionData(str(tiny_bert), regions, train=path, val=path, mismatched=0.5)
    found.setup("fit")
    train, val = (found._rows[name] for name in ("train", "val"))
    np.testing.assert_array_equal(train[(1, 0)]["picture"], val[1]["picture"][:, :, ::-1])
    assert len(train[(0, 0)]["input_ids"]) == len(val[0]["input_ids"]) + 1
    assert train[(1, 0)]["input_ids"].tolist() == val[1]["input_ids"].tolist()


def test_a_share_is_no_more_than_the_whole() -> None:
    with pytest.raises(KplmError, match="flip=1.5"):
        Pixels(flip=1.5)
