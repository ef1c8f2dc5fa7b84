"""The region store: what goes in comes out, from any process, and nothing half written is opened."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from vision import Regions, RegionStore, VisionError
from vision.blocks import INDEX, write_block


def made(count: int, width: int = 8, classes: int | None = 3, seed: int = 0) -> list[tuple[str, Regions]]:
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        boxes = np.sort(draw.random((draw.integers(0, 5), 2, 2)), axis=1).reshape(-1, 4).astype(np.float32)
        features = draw.normal(size=(len(boxes), width)).astype(np.float32)
        soft = None if classes is None else draw.random((len(boxes), classes)).astype(np.float32)
        found.append((f"sub/{number}.png", Regions(boxes, features, soft, (10 + number, 20))))
    return found


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_is_written_is_fetched(tmp_path: Path, dtype: str) -> None:
    pictures = made(10)
    store = RegionStore.write(tmp_path / "store", pictures, {"source": "here"}, dtype, block=4)
    assert (len(store), store.width, store.classes) == (10, 8, 3)
    assert store.meta["blocks"] == 3
    assert store.meta["source"] == "here"
    for name, regions in pictures:
        expected, found = regions.with_whole(), store[name]
        assert found.size == expected.size
        assert np.array_equal(found.boxes, expected.boxes)
        assert np.array_equal(found.features, expected.features.astype(dtype))
        assert found.classes is not None
        assert expected.classes is not None
        assert np.array_equal(found.classes, expected.classes.astype(dtype))
    assert list(store.ids()) == [name for name, _ in pictures]
    assert ("sub/3.png" in store, "sub/33.png" in store) == (True, False)


def test_a_batch_is_filled_up_with_zeros_and_can_be_cut(tmp_path: Path) -> None:
    pictures = dict(made(12))
    store = RegionStore.write(tmp_path / "store", pictures.items(), block=5)
    names = ["sub/11.png", "sub/0.png", "sub/7.png", "sub/0.png"]
    batch = store.batch(names)
    assert batch.counts.tolist() == [len(pictures[name]) + 1 for name in names]
    assert batch.features.shape == (4, batch.counts.max(), 8)
    assert batch.features.dtype == batch.boxes.dtype == np.float32
    assert batch.sizes.tolist()[0] == [21, 20]
    for row, (name, count) in enumerate(zip(names, batch.counts)):
        assert np.array_equal(batch.features[row, :count], store[name].features)
        assert not batch.features[row, count:].any()
        assert not batch.boxes[row, count:].any()
    short = store.batch(names, most=2)
    assert short.counts.max() == 2
    assert np.array_equal(short.features, batch.features[:, :2])
    assert store.batch([]).features.shape == (0, 0, 8)


def test_another_process_opens_the_same_files(tmp_path: Path) -> None:
    store = RegionStore.write(tmp_path / "store", made(3), block=2)
    copy = pickle.loads(pickle.dumps(store))
    assert np.array_equal(copy["sub/2.png"].features, store["sub/2.png"].features)


def test_the_files_are_plain_safetensors(tmp_path: Path) -> None:
    RegionStore.write(tmp_path / "store", made(3))
    arrays = load_file(tmp_path / "store" / "blocks" / "000000.safetensors")
    assert arrays["features"].dtype == np.float16


def test_pictures_without_classes_and_without_boxes(tmp_path: Path) -> None:
    nothing = Regions(np.zeros((0, 4), np.float32), np.zeros((0, 8), np.float32), None, (5, 5))
    store = RegionStore.write(tmp_path / "with", [*made(2), ("empty", nothing)])
    soft = store["empty"].classes
    assert soft is not None
    assert soft.tolist() == [[0, 0, 0]]
    without = RegionStore.write(tmp_path / "without", made(2, classes=None))
    assert without["sub/1.png"].classes is None
    assert without.batch(["sub/1.png"]).classes is None


@pytest.mark.parametrize(
    ("second", "block", "told"),
    [
        (made(4, width=9, seed=1), 8, "widths 8, 9"),
        (made(4, width=9, seed=1), 4, "000000.* width 8 and 3 classes, 000001.* width 9"),
        (made(4, classes=None, seed=1), 8, "have classes and some do not"),
        (made(4, classes=None, seed=1), 4, "Blocks differ"),
        (made(1), 4, "'sub/0.png' occurs twice"),
        ([], 4, "at least one picture"),
    ],
)
def test_pictures_that_do_not_fit_together_leave_nothing(
    tmp_path: Path, second: list[tuple[str, Regions]], block: int, told: str
) -> None:
    renamed = [(name if len(second) == 1 else f"other/{name}", one) for name, one in second]
    first = made(4) if second else []
    with pytest.raises(VisionError, match=told):
        RegionStore.write(tmp_path / "store", [*first, *renamed], block=block)
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_not_replaced_and_an_older_store_is(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(VisionError, match="holds no vision.regions"):
        RegionStore.write(tmp_path / "mine", made(2))
    RegionStore.write(tmp_path / "store", made(2))
    assert len(RegionStore.write(tmp_path / "store", made(3))) == 3


def test_what_is_no_store_or_has_another_width_is_refused(tmp_path: Path) -> None:
    store = RegionStore.write(tmp_path / "store", made(2))
    with pytest.raises(VisionError, match="features of width 8, but 2048 is expected"):
        RegionStore.open(tmp_path / "store", width=2048)
    with pytest.raises(VisionError, match=r"no picture '9.png'. Its ids look like 'sub/0.png'"):
        store["9.png"]
    with pytest.raises(VisionError, match="no file or folder"):
        RegionStore.open(tmp_path / "none")
    with pytest.raises(VisionError, match="holds no region store. Make one with"):
        RegionStore.open(tmp_path)
    (tmp_path / "store" / INDEX).write_bytes(b"cut")
    with pytest.raises(VisionError, match="truncated or no safetensors"):
        RegionStore.open(tmp_path / "store")


def test_a_full_disk_is_one_sentence_and_leaves_no_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vision.blocks.write_arrays", full)
    with pytest.raises(VisionError, match=r"000000.safetensors: .*No space left.* Make room"):
        write_block(tmp_path, 0, [(name, one.with_whole()) for name, one in made(2)])
    assert [path.name for path in (tmp_path / "blocks").iterdir()] == ["000000.json"]


def test_a_mean_is_remembered_a_picture_and_older_stores_know_of_none(tmp_path: Path) -> None:
    plain, own = made(2)
    whole = own[0], Regions(own[1].boxes, own[1].features, own[1].classes, own[1].size, np.ones(8, np.float32))
    store = RegionStore.write(tmp_path / "store", [plain, whole])
    assert [store[name].mean for name, _ in (plain, whole)] == [True, False]
    arrays = {name: values for name, values in load_file(tmp_path / "store" / INDEX).items() if name != "means"}
    save_file(arrays, tmp_path / "store" / INDEX)
    assert not RegionStore.open(tmp_path / "store")[plain[0]].mean
