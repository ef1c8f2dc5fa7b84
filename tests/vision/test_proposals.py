"""Boxes from a file, a grid, a detector, and selective search."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import write_rows
from vision import VisionError
from vision.proposals import BoxFile, Detected, Grid, SelectiveSearch
from vision.sources import box_source

PICTURE = Image.new("RGB", (20, 10))


def test_a_grid_covers_the_picture_row_after_row() -> None:
    corners = Grid(2, 4)("a", PICTURE).corners
    assert corners.shape == (8, 4)
    assert corners[1].tolist() == [0.25, 0, 0.5, 0.5]
    assert corners[4].tolist() == [0, 0.5, 0.25, 1]
    assert np.prod(corners[:, 2:] - corners[:, :2], axis=1).sum() == pytest.approx(1)


def test_a_file_gives_boxes_as_parts_with_labels_and_classes(tmp_path: Path) -> None:
    rows = [
        {"image": "a.png", "boxes": [[0, 0, 10, 10], [5, 5, 30, 8]], "labels": ["cat", "dog"]},
        {"image": "b.png", "boxes": []},
        {"image": "c.png", "boxes": [[0, 0, 1, 1]], "classes": [[0.25, 0.75]]},
    ]
    found = BoxFile(write_rows(tmp_path / "boxes.jsonl", rows), ["dog", "cat"])
    first = found("a.png", PICTURE)
    assert found.images() == ["a.png", "b.png", "c.png"]
    assert first.corners.tolist() == [[0, 0, 0.5, 1], [0.25, 0.5, 1, pytest.approx(0.8)]]
    assert first.labels == ("cat", "dog")
    assert first.classes is not None
    assert first.classes.tolist() == [[0, 1], [1, 0]]
    empty = found("b.png", PICTURE)
    assert (len(empty), empty.corners.shape) == (0, (0, 4))
    soft = found("c.png", PICTURE).classes
    assert soft is not None
    assert soft.tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"image": "a.png", "boxes": [[9, 0, 1, 1]]}', r"boxes.jsonl:1 \(a.png\): box 0 is \(9, 0, 1, 1\)"),
        ('{"image": "b.png", "boxes": []}', "no boxes for 'a.png'. Did you mean 'b.png'"),
        ('{"image": "a.png", "boxes": [[0, 0, 1, 1]], "labels": ["fox"]}', "no class 'fox'"),
        ('{"image": "a.png", "boxes": [[0, 0, 1, 1]], "labels": ["dog", "dog"]}', "1 boxes but 2 labels"),
        ('{"image": "a.png"}', "boxes.jsonl:1: got .* expected"),
        ("[1", "boxes.jsonl:1: no JSON"),
        (
            '{"image": "a.png", "boxes": []}\n{"image": "a.png", "boxes": []}',
            "boxes.jsonl:2: 'a.png' has boxes in line 1",
        ),
    ],
)
def test_wrong_lines_are_told_with_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "boxes.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(VisionError, match=told):
        BoxFile(path, ["dog"])("a.png", PICTURE)


@pytest.mark.parametrize("text", ["grid", "grid:3", "grid:0x3", "grid:axb", "nothing"])
def test_an_unknown_box_source_is_refused(text: str) -> None:
    with pytest.raises(VisionError, match="grid"):
        box_source(text)


def test_a_detector_keeps_the_surest_and_at_least_a_few() -> None:
    torch.manual_seed(0)
    source = Detected("fasterrcnn_mobilenet_v3_large_320_fpn", None, most=3, least=2, sure=0.5)
    corners = torch.tensor([[0.0, 0, 5, 5], [1.0, 1, 6, 6], [2.0, 2, 7, 7], [0.0, 0, 99, 99]])
    scores = torch.tensor([0.1, 0.4, 0.45, 0.3])

    class Made(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, _: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
            return [{"boxes": corners, "scores": scores, "labels": torch.tensor([1, 2, 3, 4])}]

    assert source.random
    source.model = Made()
    found = source("a.png", PICTURE)
    assert found.corners.tolist() == pytest.approx(np.array([[2, 2, 7, 7], [1, 1, 6, 6]]) / [20, 10, 20, 10])
    assert found.labels == ("car", "bicycle")


def test_a_real_detector_runs_on_a_picture_of_one_pixel() -> None:
    torch.manual_seed(0)
    found = Detected("fasterrcnn_mobilenet_v3_large_320_fpn", None)("a.png", Image.new("RGB", (1, 1)))
    assert found.corners.shape[1] == 4


def test_selective_search_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(VisionError, match="pip install opencv-contrib-python-headless"):
        SelectiveSearch()


def test_selective_search_finds_a_square() -> None:
    pytest.importorskip("cv2.ximgproc")
    picture = Image.new("RGB", (80, 60), "white")
    picture.paste("red", (20, 10, 50, 40))
    source = SelectiveSearch()
    corners = source("a.png", picture).corners * [80, 60, 80, 60]
    assert np.abs(corners - [20, 10, 50, 40]).max(axis=1).min() <= 2
    assert np.array_equal(source("a.png", picture).corners * [80, 60, 80, 60], corners)
    assert len(source("a.png", Image.new("RGB", (1, 1)))) == 0
