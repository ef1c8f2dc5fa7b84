"""Made-up data sets of pictures, in the official layouts."""

from __future__ import annotations

import json
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vision.found import Regions
from vision.store import RegionStore

COUNT = 6
WIDTH = 2048


def png(path: Path, colour: str = "red", size: tuple[int, int] = (48, 32)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def regions(
    count: int, width: int = WIDTH, classes: int = 0, size: tuple[int, int] = (48, 32), seed: int = 0
) -> Regions:
    """Regions of one picture, the whole one left out."""
    draw = np.random.default_rng(seed)
    low, side = draw.uniform(0, 0.5, (count, 2)), draw.uniform(0.1, 0.4, (count, 2))
    soft = draw.dirichlet(np.ones(classes), count).astype(np.float32) if classes else None
    boxes = np.concatenate([low, low + side], axis=1).astype(np.float32)
    return Regions(boxes, draw.normal(size=(count, width)).astype(np.float32), soft, size)


def store(path: Path, names: list[str], width: int = WIDTH, classes: int = 0) -> Path:
    """A region store; the pictures have one region more each."""
    RegionStore.write(path, [(name, regions(1 + i % 3, width, classes, seed=i)) for i, name in enumerate(names)])
    return path


def vqa(folder: Path, stage: str) -> str:
    """The two official files; the name of the questions."""
    folder.mkdir(exist_ok=True)
    questions = [{"question_id": 10 + i, "image_id": i % 4, "question": f"was it good {i}?"} for i in range(COUNT)]
    said = [["two"] * 5 + ["Rome."] * 4 + ["the river"], ["rome"] * 10]
    gold = [
        {
            "question_id": 10 + i,
            "multiple_choice_answer": said[i % 2][0],
            "answers": [{"answer": answer} for answer in said[i % 2]],
        }
        for i in range(COUNT)
    ]
    content = {"data_subtype": f"{stage}2014", "questions": questions}
    path = folder / f"v2_OpenEnded_mscoco_{stage}2014_questions.json"
    path.write_text(json.dumps(content))
    (folder / f"v2_mscoco_{stage}2014_annotations.json").write_text(json.dumps({"annotations": gold}))
    return str(path)


def vcr(folder: Path, stage: str) -> str:
    """Questions, and the pictures with their metadata in ``images``."""
    images = folder / "images"
    png(images / "a.jpg")
    boxes = [[2, 2, 20, 30, 0.9], [10, 4, 40, 28, 0.8], [1, 1, 9, 9, 0.7]]
    segms = [[[[2, 2], [11, 2], [11, 30], [2, 30]]], [], [[[1, 1], [9, 1], [1, 9]]]]
    content = {"boxes": boxes, "segms": segms, "width": 48, "height": 32}
    (images / "a.json").write_text(json.dumps(content))
    choices = [["he", "is", [0]], [[0, 1], "lives"], ["good"], ["bad"]]
    rows = [
        {
            "annot_id": f"{stage}-{i}",
            "objects": ["person", "person", "river"],
            "img_fn": "a.jpg",
            "metadata_fn": "a.json",
            "question": ["was", [1], "in", "the", [2]],
            "answer_choices": choices,
            "rationale_choices": choices,
            "answer_label": i % 4,
            "rationale_label": 1,
        }
        for i in range(3)
    ]
    path = folder / f"{stage}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def refcoco(folder: Path, stage: str) -> str:
    """References and objects; the name of the split."""
    folder.mkdir(exist_ok=True)
    refs = [
        {
            "ref_id": 10 * (split == "val") + i,
            "ann_id": i,
            "image_id": i % 2,
            "split": split,
            "sentences": [{"sent_id": i, "sent": "good river"}],
        }
        for split in ("train", "val")
        for i in range(4)
    ]
    boxes = [[1, 1, 10, 10], [20, 3, 12, 20], [30, 2, 9, 9], [5, 15, 20, 10]]
    objects = [{"id": i, "image_id": i % 2, "bbox": box} for i, box in enumerate(boxes)]
    (folder / "refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))
    (folder / "instances.json").write_text(json.dumps({"annotations": objects}))
    for i in range(2):
        png(folder / f"COCO_train2014_{i:012d}.jpg")
    return str(folder / stage)


def easy_vqa(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package of that name: pictures that are red or blue, twelve questions a split."""
    questions, answers, pictures = ["what color was it?"] * 10, ["red", "red", "blue", "blue"] * 3, [0, 250] * 6
    for part in ("train", "test"):
        for number, colour in ((0, "red"), (250, "blue")):
            png(folder / "data" / part / "images" / f"{number}.png", colour, (16, 16))
    package = types.ModuleType("easy_vqa")
    package.__file__ = str(folder / "__init__.py")
    for part in ("train", "test"):
        setattr(package, f"get_{part}_questions", lambda: (questions, answers, pictures))
    monkeypatch.setitem(sys.modules, "easy_vqa", package)
    return package
