"""Where an answer looked."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from kplm.config import VlBertConfig
from kplm.data.annotate import Regions
from kplm.data.encode import TextEncoder
from kplm.data.looks import Pixels
from kplm.errors import DataError, KplmError
from kplm.heads import Answer, Classify
from kplm.inspect.attention import attention_weights, last_attention
from kplm.inspect.regions import drawn, glance, lines
from kplm.models import VlBert
from kplm.nn.attention import Attention
from kplm.nn.relations import Relations
from kplm.nn.visibility import Padding
from kplm.predict import Predictor
from kplm.text import Tokenizer
from kplm.training import Finetune
from tests.conftest import SIZES, tiny_encoder
from tests.data import pictures
from vision.regions import Small


@pytest.fixture
def predictor(tokenizer: Tokenizer) -> Predictor:
    torch.manual_seed(0)
    model = VlBert(
        VlBertConfig(**SIZES, visual_size=32, feature_width=16, geometry_width=64, visual_init=1.0), Small(16, 16, 32)
    )
    text = TextEncoder(tokenizer, [Regions(Pixels(grid=2, short=32, long=32, colours="centred"))])
    return Predictor(Finetune(model, Answer(), ["good", "bad", "fine"]), text, "answers")


def test_weights_computed_again_mix_values_as_the_fused_kernel_does() -> None:
    torch.manual_seed(0)
    config = VlBertConfig(**SIZES)
    attention, states = Attention(config).double().eval(), torch.randn(2, 7, config.hidden, dtype=torch.float64)
    document = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    relations = Relations.of(Padding(document))
    weights = attention_weights(attention, states, relations)
    values = attention._split(attention.value(states))
    mixed = attention.output((weights @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(mixed, attention(states, states, relations))
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights.sum(-1)))
    assert (weights[1, :, :, 4:] == 0).all()


def test_an_answer_tells_how_much_it_looked_at_each_region(predictor: Predictor, tmp_path: Path) -> None:
    path = pictures.png(tmp_path / "a.png")
    found = glance(predictor, str(path), "was it good")
    assert len(found.shares) == len(found.boxes) == 5
    assert 0 < sum(found.shares) < 1
    [answer] = predictor.predict(image=str(path), question="was it good")
    assert found.answers == answer["scores"]
    shown = lines(found)
    assert shown[0].startswith("was it good  ")
    assert len(shown) == 7


def test_the_picture_is_drawn_with_its_boxes(predictor: Predictor, tmp_path: Path) -> None:
    path = pictures.png(tmp_path / "a.png")
    found = glance(predictor, str(path), "was it good")
    with Image.open(path) as image:
        content = drawn(found, image.convert("RGB"))
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert min(image.size) > 200
    with Image.open(path) as image:
        assert content == drawn(found, image.convert("RGB"))


def test_a_model_without_regions_says_so(tokenizer: Tokenizer, tmp_path: Path) -> None:
    plain = Predictor(Finetune(tiny_encoder(), Classify(), ["a", "b"]), TextEncoder(tokenizer), "class")
    with pytest.raises(KplmError, match="reads no regions"):
        glance(plain, str(pictures.png(tmp_path / "a.png")), "was it good")
    with pytest.raises(DataError, match="trained without pictures"):
        plain.predict(image=str(tmp_path / "a.png"), question="was it good")
    with pytest.raises(KplmError, match="no attention"):
        last_attention(torch.nn.Linear(2, 2), {})


def test_a_missing_picture_is_told(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere.png"):
        glance(predictor, str(tmp_path / "nowhere.png"), "was it good")
