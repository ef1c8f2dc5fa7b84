"""Pictures beside texts: what a row carries, what a batch gets, and what is refused."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kplm.data.annotate import Regions
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder, unlabelled
from kplm.data.example import Example, Picture, Reference
from kplm.data.looks import FeatureFiles, Pixels, StoredRegions
from kplm.data.module import TextData
from kplm.data.sources import JsonLines, Scenes
from kplm.errors import DataError, KplmError
from kplm.fields import IGNORE
from kplm.spec import from_spec, to_spec
from kplm.text import Tokenizer
from tests.conftest import write_rows
from tests.data import pictures
from vision.commands import extract
from vision.errors import VisionError
from vision.scenes import write_scenes

SMALL = {"short": 32, "long": 32, "colours": "centred"}


def shown(folder: Path, name: str = "a.png", **more: object) -> Example:
    return Example("was it good", "[MASK]", picture=Picture(name, folder=str(folder), **more), where="x.jsonl:3")  # type: ignore[arg-type]


def row(text: TextEncoder, example: Example) -> dict:
    [found] = text([example])
    return text.fetch(found)


@pytest.fixture
def encoder(tokenizer: Tokenizer) -> TextEncoder:
    return TextEncoder(tokenizer, [Regions(Pixels(**SMALL))])


def test_a_question_is_followed_by_a_mask_as_a_second_text(
    encoder: TextEncoder, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    pictures.png(tmp_path / "a.png")
    found = row(encoder, shown(tmp_path))
    assert found["input_ids"][-2:].tolist() == [tokenizer.mask, tokenizer.sep]
    assert found["segment_ids"].tolist() == [0] * (len(found["input_ids"]) - 2) + [1, 1]


def test_pixels_come_with_boxes_in_parts_and_the_whole_picture_first(encoder: TextEncoder, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png", size=(48, 24))
    found = row(encoder, shown(tmp_path, boxes=((0, 0, 24, 24), (12, 6, 60, 12))))
    assert found["picture"].shape == (3, 16, 32)
    assert found["picture_size"].tolist() == [32, 16]
    np.testing.assert_allclose(
        found["region_boxes"], [[0, 0, 47 / 48, 23 / 24], [0, 0, 0.5, 1], [0.25, 0.25, 1, 0.5]], rtol=1e-6
    )
    assert found["regions"].tolist() == [1, 1, 1]
    assert (found["region_targets"] == IGNORE).all()


@pytest.mark.parametrize(
    ("mode", "size"), [("L", (9, 5)), ("RGBA", (9, 5)), ("RGB", (1, 1))], ids=["greyscale", "transparent", "one pixel"]
)
def test_any_picture_can_be_read(encoder: TextEncoder, tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
    Image.new(mode, size).save(tmp_path / "a.png")
    found = row(encoder, shown(tmp_path))
    assert found["picture"].shape[0] == 3
    assert np.isfinite(found["picture"]).all()


def test_a_turned_picture_is_read_upright(encoder: TextEncoder, tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 16))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert row(encoder, shown(tmp_path, "a.jpg"))["picture"].shape == (3, 32, 16)


@pytest.mark.parametrize("content", [b"", b"no picture", None], ids=["empty", "text", "missing"])
def test_a_picture_that_cannot_be_read_is_told_with_file_and_line(
    encoder: TextEncoder, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"x.jsonl:3: .*a.png"):
        row(encoder, shown(tmp_path))


def test_a_box_that_ends_before_it_begins_is_refused(encoder: TextEncoder, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"x.jsonl:3: .*box 0 is \(20, 0, 10, 5\)"):
        row(encoder, shown(tmp_path, boxes=((20, 0, 10, 5),)))


def test_no_boxes_at_all_leave_the_whole_picture(encoder: TextEncoder, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    assert row(encoder, shown(tmp_path, boxes=()))["regions"].tolist() == [1]


def test_tiles_cover_a_picture_without_boxes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    text = TextEncoder(tokenizer, [Regions(Pixels(grid=2, **SMALL))])
    [plain] = text([shown(tmp_path)])
    assert text.length(plain) == len(plain["input_ids"]) + 5
    assert len(text.fetch(plain)["regions"]) == 5


def test_a_file_gives_boxes_and_their_classes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=2, side=32)
    looks = Pixels(boxes=str(tmp_path / "scenes/boxes.jsonl"), classes=str(tmp_path / "scenes/classes.txt"), **SMALL)
    examples = list(Scenes().read(tmp_path / "scenes/captions.jsonl"))
    text = TextEncoder(tokenizer, [Regions(looks)])
    given, filed = examples[0], replace(examples[0], picture=replace(examples[0].picture, boxes=None, labels=None))
    first, second = row(text, given), row(text, filed)
    assert first["region_labels"].sum(1).tolist() == [0] + [1] * (len(first["regions"]) - 1)
    np.testing.assert_array_equal(first["region_labels"], second["region_labels"])
    np.testing.assert_array_equal(first["region_boxes"], second["region_boxes"])
    assert looks.sizes == {"region_classes": 18}


def test_a_label_outside_the_classes_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    (tmp_path / "classes.txt").write_text("cat\n")
    text = TextEncoder(tokenizer, [Regions(Pixels(classes=str(tmp_path / "classes.txt"), **SMALL))])
    with pytest.raises(DataError, match="labelled 'dog'"):
        row(text, shown(tmp_path, boxes=((0, 0, 5, 5),), labels=("dog",)))


def test_a_store_gives_features_under_the_name_with_or_without_ending(tokenizer: Tokenizer, tmp_path: Path) -> None:
    place = pictures.store(tmp_path / "store", ["a.png", "b"], width=8)
    text = TextEncoder(tokenizer, [Regions(StoredRegions(str(place)))])
    assert row(text, shown(tmp_path))["region_features"].shape == (2, 8)
    assert row(text, shown(tmp_path, "images/b.jpg"))["region_features"].shape == (3, 8)
    assert text.annotators[0].sizes == {"feature_width": 8}


def test_a_picture_that_is_nowhere_is_told_with_what_the_store_has(tokenizer: Tokenizer, tmp_path: Path) -> None:
    place = pictures.store(tmp_path / "store", ["a.png"], width=8)
    text = TextEncoder(tokenizer, [Regions(StoredRegions(str(place)))])
    with pytest.raises(DataError, match=r"x.jsonl:3: .*no picture 'z.png'.*look like 'a.png'"):
        row(text, shown(tmp_path, "z.png"))
    pictures.png(tmp_path / "z.png")
    with pytest.raises(DataError, match="does not say how its features were made"):
        row(text, shown(tmp_path, "z.png"))


def test_a_new_picture_is_looked_at_as_the_store_was_made_and_random_weights_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pictures.png(tmp_path / "images/a.png")
    pictures.png(tmp_path / "new.png")
    extract(
        str(tmp_path / "images"),
        str(tmp_path / "store"),
        regions="small",
        boxes="grid:2x2",
        weights="random",
        device="cpu",
    )
    looks = StoredRegions(str(tmp_path / "store"))
    known, new = looks.read(Picture("a.png")), looks.read(Picture("new.png", folder=str(tmp_path)))
    np.testing.assert_allclose(new.boxes, known.boxes)
    np.testing.assert_allclose(new.by_region["region_features"], known.by_region["region_features"], atol=1e-2)
    assert "weights that look at pictures are random" in caplog.text


def test_a_store_without_classes_cannot_give_them(tmp_path: Path) -> None:
    place = pictures.store(tmp_path / "store", ["a.png"], width=8)
    with pytest.raises(VisionError, match="no classes"):
        StoredRegions(str(place), classes=True)


def test_a_file_a_picture_gives_features_of_the_width_that_is_expected(tokenizer: Tokenizer, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        boxes=np.array([[1.0, 2, 10, 12]]),
        features=np.ones((1, 8), np.float32),
        image_w=48,
        image_h=32,
    )
    text = TextEncoder(tokenizer, [Regions(FeatureFiles(str(tmp_path), width=8, ending=".npz"))])
    found = row(text, shown(tmp_path))
    assert found["region_features"].tolist() == [[1.0] * 8, [1.0] * 8]
    wrong = TextEncoder(tokenizer, [Regions(FeatureFiles(str(tmp_path), width=9, ending=".npz"))])
    with pytest.raises(DataError, match="width 8, but 9 is expected"):
        row(wrong, shown(tmp_path))


def test_a_table_of_all_pictures_belongs_into_a_store() -> None:
    with pytest.raises(VisionError, match="kplm vision import features.tsv"):
        FeatureFiles("features.tsv")


def test_off_leaves_all_fields_and_no_region(encoder: TextEncoder, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    on = row(encoder, shown(tmp_path))
    encoder.switch("off")
    off = row(encoder, shown(tmp_path))
    assert set(on) == set(off)
    assert off["regions"].tolist() == []
    assert off["region_boxes"].shape == (0, 4)


def test_rows_with_and_without_a_picture_fill_one_batch(encoder: TextEncoder, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    rows = [row(encoder, one) for one in (shown(tmp_path, boxes=((0, 0, 5, 5),)), Example("good"))]
    batch = Collator()(rows)
    assert batch["regions"].tolist() == [[1, 1], [0, 0]]
    assert batch["picture"].shape[:2] == (2, 3)


def test_shuffled_gives_no_row_its_own_picture_and_rows_of_one_picture_the_same(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    annotator = Regions(Pixels(**SMALL))
    annotator.switch("shuffled")
    examples = [shown(tmp_path, f"{i % 5}.png", meant=((i, 0, i + 1, 1),)) for i in range(15)] + [Example("good")]
    found = annotator.annotate(examples)
    names = [(a.picture.name, b.picture.name) for a, b in zip(examples, found) if a.picture and b.picture]
    assert all(own != other for own, other in names)
    assert len(set(names)) == 5
    assert found[7].picture.meant == examples[7].picture.meant
    assert found[-1] == examples[-1]
    with pytest.raises(DataError, match=r"'0.png' is the only one"):
        annotator.annotate([shown(tmp_path, "0.png")])


def test_words_that_name_a_box_carry_its_region(encoder: TextEncoder, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    picture = Picture("a.png", boxes=((0, 0, 5, 5), (5, 5, 9, 9)), folder=str(tmp_path))
    example = Example(
        "rome was in paris",
        "the river",
        picture=picture,
        references=(Reference(0, 4, 1), Reference(4, 9, 0, 1), Reference(12, 17, 7)),
    )
    found = row(encoder, example)
    assert found["token_regions"].tolist() == [0, 2, 0, 0, 0, 0, 0, 1, 0]


def test_regions_that_overlap_with_a_meant_box_are_targets(encoder: TextEncoder, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    boxes = ((0, 0, 10, 10), (0, 0, 10, 11), (30, 20, 40, 30))
    found = row(encoder, shown(tmp_path, boxes=boxes, meant=((0, 0, 10, 10),)))
    assert found["region_targets"].tolist() == [0, 1, 1, 0]
    [bare] = unlabelled([shown(tmp_path, boxes=boxes, meant=((0, 0, 10, 10),))])
    assert (row(encoder, bare)["region_targets"] == IGNORE).all()


def test_the_first_boxes_are_kept_when_there_are_too_many(tokenizer: Tokenizer, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    text = TextEncoder(tokenizer, [Regions(Pixels(**SMALL), most=3)])
    found = row(text, shown(tmp_path, boxes=tuple((i, 0, i + 5, 5) for i in range(6))))
    assert len(found["regions"]) == len(found["region_boxes"]) == len(found["region_targets"]) == 3


@pytest.mark.parametrize("kind", ["pixels", "store", "files"])
def test_a_description_builds_the_same_annotator_again_and_workers_can_have_it(tmp_path: Path, kind: str) -> None:
    place = pictures.store(tmp_path / "store", ["a.png"], width=8)
    looks = {
        "pixels": Pixels(grid=2, **SMALL),
        "store": StoredRegions(str(place)),
        "files": FeatureFiles(str(tmp_path), 8),
    }[kind]
    annotator = Regions(looks)
    again = from_spec(json.loads(json.dumps(to_spec(annotator))), Regions)
    for other in (again, pickle.loads(pickle.dumps(annotator))):
        assert to_spec(other) == to_spec(annotator)
        assert other.writes == annotator.writes


def test_rows_of_json_keep_their_picture(tmp_path: Path) -> None:
    rows = [
        {
            "image": "a.png",
            "question": "was it good?",
            "answers": {"yes": 1, "no": 0.3},
            "boxes": [[0, 0, 5, 5]],
            "group": 7,
        }
    ]
    [found] = JsonLines().read(write_rows(tmp_path / "x.jsonl", rows))
    assert found.picture == Picture("a.png", boxes=((0.0, 0.0, 5.0, 5.0),))
    assert found.picture.folder == str(tmp_path)
    assert (found.text, found.pair, found.scores, found.group) == (
        "was it good?",
        "[MASK]",
        (("yes", 1.0), ("no", 0.3)),
        "7",
    )


def test_workers_open_pictures_as_the_training_process_does(
    tokenizer: Tokenizer, tiny_bert: Path, tmp_path: Path
) -> None:
    for i in range(4):
        pictures.png(tmp_path / f"{i}.png", ("red", "blue", "green", "white")[i])
    path = write_rows(
        tmp_path / "x.jsonl", [{"image": f"{i % 4}.png", "question": "was it good?", "label": "a"} for i in range(8)]
    )

    def batches(workers: int) -> list[list[float]]:
        data = TextData(
            JsonLines(),
            str(tiny_bert),
            "answers",
            train=str(path),
            batch_rows=4,
            workers=workers,
            annotators=[Regions(Pixels(**SMALL))],
        )
        data.setup("fit")
        return [batch["picture"].mean((1, 2, 3)).tolist() for batch in data.train_dataloader()]

    assert batches(0) == batches(2)
    assert len(batches(0)) == 2


def test_the_surest_regions_are_kept_and_the_whole_picture_stays_first(tokenizer: Tokenizer, tmp_path: Path) -> None:
    soft = np.array([[0.5, 0.5], [0.1, 0.9], [0.8, 0.2], [0.9, 0.1], [0.6, 0.4]], np.float32)
    boxes = np.array([[i, 0, i + 5, 5] for i in range(5)], np.float32)
    np.savez(
        tmp_path / "a.npz", boxes=boxes, features=np.eye(5, dtype=np.float32), classes=soft, image_w=48, image_h=32
    )
    looks = FeatureFiles(str(tmp_path), width=5, classes=2, ending=".npz")
    text = TextEncoder(tokenizer, [Regions(looks, most=4)])
    named = Reference(0, 3, 1), Reference(4, 6, 0), Reference(7, 11, 2)
    found = row(text, replace(shown(tmp_path), references=named))
    assert found["region_features"][1:].argmax(1).tolist() == [1, 3, 2]
    assert found["region_labels"].sum(1).tolist() == [0, 1, 1, 1]
    np.testing.assert_allclose(found["region_boxes"][1:, 0] * 48, [1, 3, 2], atol=1e-5)
    assert set(found["token_regions"].tolist()) == {0, 1, 3}, (
        "box 0 is gone, so the word that names it sees the whole picture"
    )


def test_the_whole_picture_is_told_to_be_a_mean_only_where_it_is_one(tokenizer: Tokenizer, tmp_path: Path) -> None:
    content = {"boxes": np.array([[1.0, 2, 10, 12]]), "features": np.ones((1, 8), np.float32)}
    np.savez(tmp_path / "a.npz", **content, image_w=48, image_h=32)
    text = TextEncoder(tokenizer, [Regions(FeatureFiles(str(tmp_path), width=8, ending=".npz"))])
    assert row(text, shown(tmp_path))["mean_region"] == 1
    assert row(text, Example("good"))["mean_region"] == 0
    store = pictures.store(tmp_path / "store", ["a.png"], width=8)
    assert StoredRegions(str(store)).read(Picture("a.png")).whole == {"mean_region": 1}


def test_pictures_without_the_boxes_that_others_have_are_told_once(
    tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pictures.png(tmp_path / "a.png")
    annotator = Regions(Pixels(**SMALL))
    annotator.annotate([shown(tmp_path)])
    assert not caplog.text, "a model that saw no boxes misses none"
    annotator.annotate([shown(tmp_path, boxes=((0, 0, 5, 5),))])
    again = from_spec(json.loads(json.dumps(to_spec(annotator))), Regions)
    again.annotate([shown(tmp_path, boxes=())])
    assert not caplog.text, "no boxes were given, and that was meant"
    for _ in range(2):
        again.annotate([shown(tmp_path), shown(tmp_path, boxes=((0, 0, 5, 5),))])
    assert caplog.text.count("1 of 2 pictures come without boxes, 'a.png' first") == 1
    tiles = Regions(Pixels(grid=2, **SMALL), boxed=True)
    tiles.annotate([shown(tmp_path)])
    assert caplog.text.count("without boxes") == 1


def test_boxes_may_be_found_in_the_picture(tokenizer: Tokenizer, tmp_path: Path) -> None:
    pictures.png(tmp_path / "a.png")
    looks = Pixels(boxes="grid:1x3", **SMALL)
    text = TextEncoder(tokenizer, [Regions(looks, boxed=True)])
    assert len(row(text, shown(tmp_path))["regions"]) == 4
    assert len(row(text, shown(tmp_path, boxes=((0, 0, 5, 5),)))["regions"]) == 2
    assert to_spec(pickle.loads(pickle.dumps(looks)))["init_args"]["boxes"] == "grid:1x3"
    with pytest.raises(VisionError, match=r"no box source 'nowhere.jsonl'. Possible: FILE.jsonl, detector"):
        looks.with_boxes("nowhere.jsonl")
    with pytest.raises(KplmError, match="reads stored regions"):
        FeatureFiles(str(tmp_path), 8).with_boxes("detector")
