"""Stored features: the layouts of bottom-up attention and arrays of numpy, written here by hand."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision import VisionError
from vision.stored import open_stored, read_stored

BOXES = np.array([[0, 0, 50, 100], [50, 25, 150, 100]], np.float32)
PARTS = [[0, 0, 0.5, 1], [0.5, 0.25, 1, 1]]
FEATURES = np.arange(6, dtype=np.float32).reshape(2, 3)


def encoded(array: np.ndarray) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def record(**changes: Any) -> dict[str, Any]:
    sizes = {"image_w": 100, "image_h": 100, "num_boxes": 2}
    return {**sizes, "boxes": encoded(BOXES), "features": encoded(FEATURES), **changes}


def line(name: str, **changes: Any) -> str:
    return "\t".join([name, *(str(value) for value in record(**changes).values())]) + "\n"


@pytest.mark.parametrize("header", ["", "image_id\timage_w\timage_h\tnum_boxes\tboxes\tfeatures\n"])
def test_the_table_of_bottom_up_attention(tmp_path: Path, header: str) -> None:
    path = tmp_path / "trainval.tsv"
    path.write_text(header + line("42") + line("43", num_boxes=2))
    found = dict(open_stored(path))
    assert list(found) == ["42", "43"]
    assert found["42"].size == (100, 100)
    assert found["42"].classes is None
    assert found["42"].boxes.tolist() == PARTS  # the second one was cut at the edge
    assert np.array_equal(found["42"].features, FEATURES)


def test_the_table_with_ten_columns_swaps_height_and_width(tmp_path: Path) -> None:
    path = tmp_path / "lxmert.tsv"
    path.write_text("\t".join(["a", "100", "200", "x", "x", "x", "x", "2", encoded(BOXES), encoded(FEATURES)]) + "\n")
    assert next(open_stored(path))[1].size == (200, 100)


def test_json_files_in_a_folder_or_an_archive_with_classes_and_the_whole_picture(tmp_path: Path) -> None:
    classes = np.array([[0.25, 0.75], [1, 0]], np.float32)
    content = json.dumps(record(classes=encoded(classes), image_box_feature=encoded(np.ones(3))))
    (tmp_path / "train_frcnn" / "sub").mkdir(parents=True)
    (tmp_path / "train_frcnn" / "sub" / "0001.json").write_text(content)
    with zipfile.ZipFile(tmp_path / "val_frcnn.zip", "w") as archive:
        archive.writestr("sub/0001.json", content)
    for place in ("train_frcnn", "val_frcnn.zip"):
        [(name, found)] = open_stored(tmp_path / place)
        assert name == "sub/0001"
        assert found.classes is not None
        assert np.array_equal(found.classes, classes)
        assert found.whole is not None
        assert found.whole.tolist() == [1, 1, 1]
    one = read_stored(f"{tmp_path}/val_frcnn.zip@/sub/0001.json", width=3)
    other = read_stored(f"{tmp_path}/train_frcnn.zip@/sub/0001.json", width=3)  # unpacked beside where it was
    assert np.array_equal(one.features, other.features)


def test_the_whole_picture_is_put_first_with_its_own_feature_or_the_mean(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(record(classes=encoded(np.ones((2, 2))))))
    (tmp_path / "b.json").write_text(json.dumps(record(image_box_feature=encoded(np.full(3, 7.0)))))
    mean, own = (one.with_whole() for _, one in open_stored(tmp_path))
    assert mean.features.tolist() == [[1.5, 2.5, 3.5], [0, 1, 2], [3, 4, 5]]
    assert mean.boxes[0].tolist() == pytest.approx([0, 0, 0.99, 0.99])
    assert mean.classes is not None
    assert mean.classes.tolist() == [[0, 0], [1, 1], [1, 1]]
    assert own.features[0].tolist() == [7, 7, 7]


def test_arrays_of_numpy_with_either_set_of_names_and_grids(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", boxes=BOXES, features=FEATURES, image_w=100, image_h=100)
    np.savez(tmp_path / "b.npz", bbox=BOXES, x=FEATURES, image_w=100, image_h=100, num_bbox=2)
    np.save(tmp_path / "c.npy", np.arange(12, dtype=np.float16).reshape(2, 2, 3))
    found = dict(open_stored(tmp_path))
    assert list(found) == ["a", "b", "c"]
    assert found["a"].boxes.tolist() == found["b"].boxes.tolist() == PARTS
    assert found["c"].boxes.tolist()[1] == [0.5, 0, 1, 0.5]
    assert found["c"].features.tolist()[1] == [3, 4, 5]
    assert found["c"].with_whole().boxes[0].tolist() == [0, 0, 1, 1]


def test_a_picture_without_boxes_has_the_whole_picture_alone(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(record()))
    (tmp_path / "b.json").write_text(json.dumps(record(num_boxes=0, boxes="", features="")))
    _, (_, empty) = open_stored(tmp_path)
    assert empty.features.shape == (0, 3)
    assert empty.with_whole().features.tolist() == [[0, 0, 0]]


def test_another_width_is_an_error_that_names_both(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(line("1") + line("2", features=encoded(np.ones((2, 4)))))
    with pytest.raises(VisionError, match=r"a.tsv \(2\): features of width 4, but 3 is expected"):
        list(open_stored(path))
    with pytest.raises(VisionError, match=r"a.tsv \(1\): features of width 3, but 2048 is expected"):
        list(open_stored(path, width=2048))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": encoded(FEATURES)[:-6]}, "a.json: features"),
        ({"features": encoded(np.ones(5))}, "features has 5 numbers, which 2 boxes cannot share"),
        ({"features": "?"}, "features is no base64"),
        ({"boxes": encoded(BOXES[:, ::-1])}, "box 0 is"),
        ({"image_w": "wide"}, "must be whole numbers"),
        ({"image_h": 0}, "100 x 0 pixels"),
        ({"num_boxes": 3}, "which 3 boxes cannot share"),
    ],
)
def test_damaged_records_are_told_with_their_file(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(record(**changes)))
    with pytest.raises(VisionError, match=told):
        list(open_stored(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b"{", "a.json: no JSON"),
        ("a.json", b"[]", "a JSON object is expected"),
        ("a.json", b"{}", "image_w, image_h, num_boxes, boxes, features missing"),
        ("a.npy", b"nothing", "no arrays of numpy"),
        ("a.tsv", b"1\t2\n", "a.tsv:1: 2 columns; expected 6"),
        ("a.tsv", b"\xff", "Cannot read"),
        ("a.txt", b"", "neither a folder nor a zip"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VisionError, match=told):
        list(open_stored(tmp_path if name.endswith(("json", "npy")) else tmp_path / name))


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "info.npy", np.array({"bbox": 1}, dtype=object), allow_pickle=True)
    with pytest.raises(VisionError, match="pickled ones, which are not read"):
        read_stored(tmp_path / "info.npy")
    np.save(tmp_path / "flat.npy", FEATURES)
    with pytest.raises(VisionError, match=r"expected a grid .* got shape \[2, 3\]"):
        read_stored(tmp_path / "flat.npy")
    np.savez(tmp_path / "a.npz", x=FEATURES)
    with pytest.raises(VisionError, match=r"has x; expected boxes"):
        read_stored(tmp_path / "a.npz")


def test_places_without_features_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VisionError, match="holds no files that end in .json, .npz, .npy"):
        list(open_stored(tmp_path))
    with pytest.raises(VisionError, match="no file or folder"):
        list(open_stored(tmp_path / "none"))
    with pytest.raises(VisionError, match="end in .json"):
        read_stored(tmp_path / "a.h5")
