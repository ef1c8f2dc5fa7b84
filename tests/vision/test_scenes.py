"""Generated scenes: reproducible, and every text checked against the shapes by code of its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vision import VisionError
from vision.scenes import CLASSES, COLOURS, Scene, scene, write_scenes
from vision.scenes.texts import expression, questions, statement

SCENES = st.integers(0, 10_000).map(lambda seed: (scene(Random(seed)), Random(seed)))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_more_scenes_leave_the_first(tmp_path: Path) -> None:
    first = write_scenes(tmp_path / "a", 20, seed=3)
    write_scenes(tmp_path / "b", 20, seed=3)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    write_scenes(tmp_path / "c", 25, seed=3)
    write_scenes(tmp_path / "d", 20, seed=4)
    pictures = {name: one for name, one in content(tmp_path / "a").items() if name.endswith("png")}
    assert pictures.items() <= content(tmp_path / "c").items()
    assert not pictures.items() & content(tmp_path / "d").items()
    assert first["questions"] == len(read(tmp_path / "a" / "questions.jsonl")) > 60


def test_every_line_names_a_picture_that_is_there(tmp_path: Path) -> None:
    write_scenes(tmp_path / "a", 5)
    for name in ("boxes", "captions", "statements", "questions", "expressions"):
        assert all((tmp_path / "a" / row["image"]).is_file() for row in read(tmp_path / "a" / f"{name}.jsonl"))
    assert (tmp_path / "a" / "classes.txt").read_text().split("\n")[:-1] == list(CLASSES)


@given(SCENES)
def test_boxes_are_exactly_where_the_shapes_are(made: tuple[Scene, Random]) -> None:
    one = made[0]
    values = np.asarray(one.picture()).astype(int)
    drawn = (values != one.background).any(axis=2)
    for shape in one.shapes:
        left, top, right, bottom = shape.box
        inside = (values[top:bottom, left:right] == COLOURS[shape.colour]).all(axis=2)
        assert inside.any(axis=0).all()
        assert inside.any(axis=1).all()
        drawn[top:bottom, left:right] = False
    assert not drawn.any()
    assert len({shape.name for shape in one.shapes}) == len(one.shapes) >= 1


def holds(one: Scene, text: str) -> bool:
    """Whether a statement is true, found out from the boxes."""
    middles = {shape.name: shape.centre for shape in one.shapes}
    if found := re.fullmatch(r"there is a (\w+ \w+)", text):
        return found[1] in middles
    first, where, second = re.fullmatch(r"the (\w+ \w+) is (left of|right of|above|below) the (\w+ \w+)", text).groups()  # type: ignore[union-attr]
    (x, y), (other_x, other_y) = middles[first], middles[second]
    return {"left of": x < other_x, "right of": x > other_x, "above": y < other_y, "below": y > other_y}[where]


@given(SCENES)
def test_statements_are_true_or_false_as_they_say(made: tuple[Scene, Random]) -> None:
    text, true = statement(*made)
    assert holds(made[0], text) is true


@given(SCENES)
def test_every_answer_follows_from_the_shapes(made: tuple[Scene, Random]) -> None:
    one = made[0]
    for asked in questions(*made):
        words = asked.question.rstrip("?").split()
        if asked.kind == "count":
            assert asked.answer == str(sum(f"{shape.kind}s" == words[2] for shape in one.shapes))
        elif asked.kind == "exists":
            assert holds(one, f"there is a {words[3]} {words[4]}") is (asked.answer == "yes")
        elif asked.kind == "color":
            assert [shape.colour for shape in one.shapes if shape.kind == words[-1]] == [asked.answer]
        elif asked.kind == "shape":
            assert [shape.kind for shape in one.shapes if shape.colour == words[-2]] == [asked.answer]
        elif asked.kind == "side":
            said = f"{' '.join(words[1:4])} is {asked.answer} of {' '.join(words[-3:])}"
            assert holds(one, said)
        else:
            said = f"{' '.join(words[1:4])} is {' '.join(words[4:])}"
            assert holds(one, said) is (asked.answer == "yes")


@given(SCENES)
def test_an_expression_means_one_shape_only(made: tuple[Scene, Random]) -> None:
    text, number = expression(*made)
    words = text.removeprefix("the ").removesuffix(" object").split()
    meant = [
        place
        for place, shape in enumerate(made[0].shapes)
        if all(word in (shape.kind, shape.colour, shape.size) for word in words)
    ]
    assert meant == [number]


def test_yes_and_no_are_balanced_and_all_answers_occur(tmp_path: Path) -> None:
    write_scenes(tmp_path / "a", 400)
    rows = read(tmp_path / "a" / "questions.jsonl")
    answers = Counter(row["answer"] for row in rows)
    assert 0.45 < answers["yes"] / (answers["yes"] + answers["no"]) < 0.55
    assert set(COLOURS) | {"circle", "square", "triangle", "left", "right", "0", "1", "2"} <= set(answers)
    true = [row["label"] for row in read(tmp_path / "a" / "statements.jsonl")]
    assert 0.4 < sum(true) / len(true) < 0.6


def test_too_few_or_too_small_is_refused_and_a_foreign_folder_stays(tmp_path: Path) -> None:
    for count, side in ((0, 64), (1, 8)):
        with pytest.raises(VisionError, match="at least 1 picture and 32 pixels"):
            write_scenes(tmp_path / "a", count, side)
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(VisionError, match="holds no vision.scenes"):
        write_scenes(tmp_path, 1)


def test_pictures_are_rgb_of_the_side_asked_for(tmp_path: Path) -> None:
    write_scenes(tmp_path / "a", 1, side=100)
    image = Image.open(tmp_path / "a" / "images" / "000000.png")
    assert (image.mode, image.size) == ("RGB", (100, 100))
