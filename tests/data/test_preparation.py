"""Pictures are prepared as the network of the encoder expects them, or training does not begin."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kplm.data.annotate import Regions
from kplm.data.captions import CaptionData
from kplm.data.example import Picture
from kplm.data.looks import Pixels, StoredRegions
from kplm.data.module import TextData
from kplm.data.sources import JsonLines
from kplm.errors import KplmError
from kplm.heads import Answer
from kplm.hub import vlbert
from kplm.predict import Predictor
from kplm.spec import from_spec, to_spec
from kplm.training import Finetune
from tests.conftest import write_rows
from tests.data import pictures
from tests.training import run
from vision.pictures import COLOURS, opened
from vision.regions import Caffe, Detector, Patches, RegionSource, Small


def data(folder: Path, tokenizer: Path, looks: Pixels) -> TextData:
    pictures.png(folder / "a.png")
    rows = [{"image": "a.png", "question": "was it good?", "label": name} for name in ("a", "b")]
    path = str(write_rows(folder / "x.jsonl", rows))
    return TextData(JsonLines(), str(tokenizer), "answers", train=path, annotators=[Regions(looks)])


def model(tiny_bert: Path) -> Finetune:
    return Finetune(vlbert(str(tiny_bert), Small(16, 16, 40)), Answer(), ["a", "b"])


def test_what_is_left_out_is_as_the_network_expects_it(tmp_path: Path, tiny_bert: Path) -> None:
    found, looks = data(tmp_path, tiny_bert, Pixels()), model(tiny_bert)
    trainer = run.trainer(tmp_path, [], max_epochs=1, enable_checkpointing=False)
    trainer.fit(looks, datamodule=found)
    [regions] = found.describe()["annotators"]
    told = regions["init_args"]["looks"]["init_args"]
    assert (told["short"], told["long"], told["colours"], told["square"]) == (40, 40, "centred", False)
    again = from_spec(json.loads(json.dumps(regions)), Regions)
    assert again.looks.read(Picture("a.png", folder=str(tmp_path))).whole["picture"].shape == (3, 27, 40)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"short": 64}, "short=64, but the network that looks at them expects short=40"),
        ({"colours": "caffe"}, "colours=caffe, but the network that looks at them expects colours=centred"),
        ({"square": True}, "square=True, but .* expects square=False"),
    ],
)
def test_what_contradicts_the_network_is_refused_before_the_first_step(
    tmp_path: Path, tiny_bert: Path, told: dict, message: str
) -> None:
    trainer = run.trainer(tmp_path, [], max_epochs=1, enable_checkpointing=False)
    with pytest.raises(KplmError, match=message):
        trainer.fit(model(tiny_bert), datamodule=data(tmp_path, tiny_bert, Pixels(**told)))


def test_prediction_asks_the_network_too(tmp_path: Path, tiny_bert: Path) -> None:
    found = data(tmp_path, tiny_bert, Pixels(long=1000))
    with pytest.raises(KplmError, match=r"long=1000, .* expects long=40. Leave 'long' of Pixels out"):
        Predictor(model(tiny_bert), found.text, "answers")


def test_another_model_may_follow_on_the_same_data(tmp_path: Path) -> None:
    looks = Pixels(colours="centred")
    for side in (16, 24):
        looks.suit(Small(8, 16, side).expects)
        assert (looks.prepare.short, looks.prepare.long) == (side, side)
    with pytest.raises(KplmError, match="colours=centred"):
        looks.suit(Caffe("resnet18", None).expects)


def test_captions_are_prepared_for_the_network_and_stores_are_left_alone(tmp_path: Path, tiny_bert: Path) -> None:
    looks = Pixels()
    CaptionData(str(tiny_bert), Regions(looks)).suit(Small(8, 16, 24).expects)
    assert looks.prepare.short == 24
    store = StoredRegions(str(pictures.store(tmp_path / "store", ["a.png"], width=8)))
    before = to_spec(store)
    store.suit(Small(8, 16, 24).expects)
    assert to_spec(store) == before


@pytest.mark.parametrize(
    "source",
    [
        lambda: Small(8, 16, 24),
        lambda: Caffe("resnet18", None, colours="caffe", short=50, long=70),
        lambda: Patches("vit_b_32", None),
        lambda: Detector("fasterrcnn_mobilenet_v3_large_320_fpn", None),
    ],
    ids=["small", "caffe", "patches", "detector"],
)
def test_pictures_come_as_the_source_would_prepare_them_itself(
    source: Callable[[], RegionSource], tmp_path: Path
) -> None:
    network = source()
    looks = Pixels()
    looks.suit(network.expects)
    image = opened(pictures.png(tmp_path / "a.png", size=(90, 40)))
    (ours, size), (theirs, other) = looks.prepare(image), network.prepare(image)
    assert ours.equal(theirs)
    assert size.equal(other)
    assert network.expects["colours"] in COLOURS
