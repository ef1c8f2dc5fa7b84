"""What VL-BERT promises: order and padding do not matter, no picture is plain BERT, what is hidden cannot be read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from kplm.config import EncoderConfig, VlBertConfig
from kplm.errors import KplmError, MissingFieldError
from kplm.heads import Classify, Tag
from kplm.models import Encoder, VlBert
from kplm.nn.pooling import Mean
from kplm.nn.regions import Computed, FrozenWords, covered, geometry
from kplm.objectives import MaskedRegions, MaskedWords, SentenceImage, Weighted
from tests.models.vlbert_batch import SIZES, labelled, made_up, tiny_vlbert

EXACT = {"atol": 1e-12, "rtol": 0.0}
PLAIN = {name: size for name, size in SIZES.items() if name in EncoderConfig.__dataclass_fields__}


class Pixels(nn.Module):
    """The mean colour of each box as its feature."""

    width = SIZES["feature_width"]

    def __init__(self) -> None:
        super().__init__()
        self.init_args: dict[str, int] = {}
        self.colour = nn.Linear(3, self.width)

    def forward(self, pictures: Tensor, boxes: Tensor, mask: Tensor, sizes: Tensor) -> Tensor:
        return self.colour(pictures.mean((2, 3)))[:, None].expand(-1, boxes.shape[1], -1) * mask[..., None]


def states(model: VlBert, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    return model.split(model(batch), batch)


def test_states_are_tokens_then_regions_then_the_end() -> None:
    model, batch = tiny_vlbert().double(), made_up()
    whole = model(batch)
    assert whole.shape == (2, 6 + 3 + 1, 16)
    words, regions = model.split(whole, batch)
    assert torch.equal(torch.cat([words, regions], dim=1), whole[:, :-1])
    assert torch.equal(model.tokens(whole, batch), words)


@pytest.mark.parametrize("pad", [(1, 0), (0, 2), (5, 4)])
def test_padding_changes_nothing(pad: tuple[int, int]) -> None:
    model, narrow, wide = tiny_vlbert().double(), made_up(), made_up(pad=pad)
    for ours, theirs, mask in zip(states(model, narrow), states(model, wide), ("document", "regions")):
        real = narrow[mask] > 0
        torch.testing.assert_close(ours[real], theirs[:, : ours.shape[1]][real], **EXACT)


def test_a_row_is_the_same_alone_and_among_others() -> None:
    model, batch = tiny_vlbert().double(), made_up()
    alone = {name: value[1:] for name, value in batch.items()}
    alone |= {name: alone[name][:, :4] for name in ("input_ids", "document", "position_ids", "segment_ids")}
    alone |= {name: alone[name][:, :2] for name in ("regions", "region_boxes", "region_features")}
    torch.testing.assert_close(model(alone)[0, :4], model(batch)[1, :4], **EXACT)


def test_the_order_of_the_regions_moves_their_states_and_no_others() -> None:
    """The first one is the whole picture, which the words look at."""
    model, batch = tiny_vlbert().double(), made_up((6, 4), (5, 5))
    order = torch.tensor([0, 3, 1, 4, 2])
    moved = batch | {name: batch[name][:, order] for name in ("regions", "region_boxes", "region_features")}
    words, regions = states(model, batch)
    moved_words, moved_regions = states(model, moved)
    real = batch["document"] > 0
    torch.testing.assert_close(words[real], moved_words[real], **EXACT)
    torch.testing.assert_close(regions[:, order], moved_regions, **EXACT)


def test_a_hole_among_the_regions_is_padding() -> None:
    model, batch = tiny_vlbert().double(), made_up((6, 4), (3, 3))
    batch["regions"][:, 1] = 0
    kept = batch | {name: batch[name][:, [0, 2]] for name in ("regions", "region_boxes", "region_features")}
    torch.testing.assert_close(model(batch)[:, [6, 8, 9]], model(kept)[:, 6:], **EXACT)


@pytest.mark.parametrize("scale", ["norm", "scalar"])
def test_text_alone_at_scale_zero_is_plain_bert_with_one_more_word(scale: str) -> None:
    """[END] as the last row of the vocabulary, in the third segment, one position further on."""
    model = tiny_vlbert(visual_init=0.0, visual_scale=scale).double()
    batch = made_up((6, 4), (0, 0))
    plain = Encoder(EncoderConfig(**{**PLAIN, "vocab_size": 41, "segments": 3})).double().eval()
    words = torch.cat([model.embeddings.get_parameter("terms.input_ids.weight"), model.end.weight])
    own = {name: value for name, value in model.state_dict().items() if name in plain.state_dict()}
    plain.load_state_dict(own | {"embeddings.terms.input_ids.weight": words})
    lengths = batch["document"].sum(1, keepdim=True)
    ends = {"input_ids": 0 * lengths + 40, "document": 0 * lengths + 1, "position_ids": lengths + 1}
    ends["segment_ids"] = 0 * lengths + 2
    text = {name: torch.cat([batch[name], end], dim=1) for name, end in ends.items()}
    real = text["document"] > 0
    torch.testing.assert_close(model(batch)[real], plain(text)[real], **EXACT)


def test_at_scale_zero_features_and_boxes_change_nothing() -> None:
    model, batch = tiny_vlbert(visual_init=0.0).double(), made_up()
    other = batch | {"region_features": batch["region_features"] + 1, "region_boxes": batch["region_boxes"] / 2}
    assert torch.equal(model(batch), model(other))


def test_rows_with_and_without_a_picture_share_a_batch() -> None:
    model = tiny_vlbert().double()
    mixed, text = made_up((6, 4), (3, 0)), made_up((6, 4), (0, 0))
    torch.testing.assert_close(model(mixed)[1, :4], model(text)[1, :4], **EXACT)
    assert not torch.allclose(model(mixed)[0, :6], model(text)[0, :6])
    before = model(mixed)
    model.no_picture.weight.data[0, 0] += 1
    assert torch.equal(model(mixed)[0], before[0])
    assert not torch.allclose(model(mixed)[1], before[1])


def test_tokens_see_the_whole_picture_or_the_region_they_name() -> None:
    model, batch = tiny_vlbert().double(), made_up((6, 4), (3, 3))
    looks = model.regions(batch["region_boxes"], model.features(batch))
    names = torch.zeros_like(batch["input_ids"])
    names[0, 3] = 2
    seen = model.seen(batch | {"token_regions": names}, looks)
    assert torch.equal(seen[0, 3], looks[0, 2])
    assert torch.equal(seen[0, 2], looks[0, 0])
    assert torch.equal(model.seen(batch, looks)[1], looks[1, :1].expand(6, -1))


def test_the_feature_of_a_hidden_region_cannot_be_read_but_its_box_can() -> None:
    model, batch = tiny_vlbert().double(), labelled(made_up())
    changed = batch | {"region_features": batch["region_features"].clone()}
    changed["region_features"][0, 2] += 5
    assert torch.equal(model(batch), model(changed))
    moved = batch | {"region_boxes": batch["region_boxes"].clone()}
    moved["region_boxes"][0, 2] *= 0.5
    assert not torch.allclose(model(batch)[0], model(moved)[0])
    seen = {name: value for name, value in batch.items() if name != "hidden_regions"}
    assert not torch.allclose(model(batch)[0], model(seen)[0])
    torch.testing.assert_close(model(batch)[1], model(seen)[1], **EXACT)


def test_the_batch_is_left_as_it_is() -> None:
    model, batch = tiny_vlbert(visual_scale="scalar").double(), labelled(made_up())
    before = {name: value.clone() for name, value in batch.items()}
    model(batch)
    assert all(torch.equal(batch[name], before[name]) for name in before)


def test_pixels_of_hidden_regions_are_black_before_the_module_looks() -> None:
    batch = labelled(made_up()) | {
        "picture": torch.ones(2, 3, 10, 20),
        "picture_size": torch.tensor([[10, 5], [20, 10]]),
    }
    batch["region_boxes"][0, 2] = torch.tensor([0.2, 0.2, 0.5, 0.6])  # pixels 2 to 5 and 1 to 3
    dark = covered(batch, batch["region_boxes"], batch["picture_size"])[:, 0]
    assert dark[0].nonzero().amin(0).tolist() == [1, 2]
    assert dark[0].nonzero().amax(0).tolist() == [3, 5]
    assert dark[0].sum() == 3 * 4
    assert not dark[1].any()
    without = {name: value for name, value in batch.items() if name != "hidden_regions"}
    module = Computed(Pixels()).double()
    pictures = {"picture": batch["picture"].double()}
    bright, darker = module(without | pictures), module(batch | pictures)
    assert not torch.allclose(bright[0], darker[0])
    assert torch.equal(bright[1], darker[1])


def test_a_module_that_computes_features_trains_along() -> None:
    model = VlBert(VlBertConfig(**SIZES), Pixels())
    batch = made_up() | {"picture": torch.rand(2, 3, 8, 8), "picture_size": torch.full((2, 2), 8)}
    batch["region_boxes"] = batch["region_boxes"].float()
    assert {"picture", "picture_size"} < model.reads
    assert "region_features" not in model.reads
    model(batch).sum().backward()
    assert model.features.module.colour.weight.grad.abs().sum() > 0
    assert model.describe()["parts"]["features"]["class_path"].endswith("Pixels")


def test_every_trainable_weight_gets_a_gradient_even_without_pictures_and_masks() -> None:
    """As distributed training wants it."""
    for batch in (labelled(made_up()), made_up((6, 4), (0, 0)), made_up((6, 4), (3, 0))):
        model = tiny_vlbert(visual_size=12, special_words=6).double()
        model.pooler(model(batch)).sum().backward()
        assert [n for n, weight in model.named_parameters() if weight.requires_grad and weight.grad is None] == []


def test_frozen_words_train_their_special_rows_alone() -> None:
    model, batch = tiny_vlbert(special_words=20).double(), made_up()
    words = model.embeddings.terms["input_ids"]
    assert isinstance(words, FrozenWords)
    words.copy_special()
    plain = tiny_vlbert().double()
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if "special" not in name})
    torch.testing.assert_close(model(batch), plain(batch), **EXACT)
    model(batch).square().sum().backward()
    assert words.weight.grad is None
    read = batch["input_ids"].unique()
    assert set(words.special.weight.grad.abs().sum(1).nonzero()[:, 0].tolist()) <= set(read[read < 20].tolist())


@pytest.mark.parametrize(("special", "segments"), [(0, 2), (6, 2), (0, 1)])
def test_a_bert_start_fills_all_but_the_visual_side(special: int, segments: int) -> None:
    encoder = Encoder(EncoderConfig(**{**PLAIN, "segments": segments}))
    model = tiny_vlbert(special_words=special)
    third = model.embeddings.terms["segment_ids"].weight[2].clone()
    fresh = model.start_from(encoder)
    parts = {"end", "features", "hidden_region", "no_picture", "region", "region_look", "regions", "text_look"}
    assert {name.split(".")[0] for name in fresh} == parts
    table, start = model.embeddings.terms["segment_ids"].weight, encoder.embeddings.terms["segment_ids"].weight
    assert torch.equal(table, torch.stack([start[0], start[-1], third]))
    assert torch.equal(model.stack.layers[1].think.up.weight, encoder.stack.layers[1].think.up.weight)
    if special:
        assert torch.equal(
            model.embeddings.terms["input_ids"].special.weight, encoder.embeddings.terms["input_ids"].weight[:6]
        )


def test_heads_and_terms_of_texts_read_the_tokens_alone() -> None:
    model, batch = tiny_vlbert().double(), labelled(made_up())
    text = batch | {"word_positions": torch.tensor([[1, 2], [1, -1]])}
    for head, shape in ((Classify(Mean()), (2, 3)), (Tag(), (2, 2, 3))):
        head.build(model, ["a", "b", "c"])
        assert head.double()(model, text).shape == shape
    objective = Weighted([MaskedWords(), MaskedRegions()])
    objective.build(model)
    term = objective.double().terms["masked_words"]
    logits, gold = term.predict(model, model(batch), batch)
    assert gold.tolist() == [7, 9]
    words = model.split(model(batch), batch)[0]
    torch.testing.assert_close(logits, term.logits(model, words)[[0, 1], [1, 2]], **EXACT)


def test_sentence_trees_keep_their_branches_beside_a_picture() -> None:
    model, batch = tiny_vlbert().double(), made_up((6, 6), (2, 2))
    batch["branch"] = torch.tensor([[0, 0, 0, 1, 1, 0]] * 2)
    batch["anchor"] = torch.tensor([[0, 0, 1, 1, 1, 0]] * 2)
    mask = model.relations(batch).mask[:, 0]
    assert not mask[0, 6:, 3].any(), "regions do not see branches"
    assert mask[0, 6:, 0].all()
    assert mask[0, 2, 3]
    assert not mask[0, 0, 3]


def test_errors_say_what_was_got_and_the_fix() -> None:
    model, batch = tiny_vlbert().double(), made_up()
    with pytest.raises(KplmError, match=r"are 7 numbers wide, but this model reads 12.*feature_width=7"):
        model(batch | {"region_features": batch["region_features"][..., :7]})
    with pytest.raises(MissingFieldError, match="VlBert reads batch field 'region_boxes'"):
        model({name: value for name, value in batch.items() if name != "region_boxes"})
    with pytest.raises(KplmError, match=r"text of 19 tokens.*need 21 positions.*max_length to 18"):
        model(made_up((19, 3)))
    model(made_up((18, 3)))
    module = nn.Identity()
    module.init_args = {}
    with pytest.raises(KplmError, match="features of width None, but this model reads feature_width=12"):
        model.compute(module)
    with pytest.raises(KplmError, match="keeps no init_args"):
        model.compute(nn.Identity())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"visual_scale": "none"}, "possible are norm, scalar"),
        ({"segments": 2}, "needs 3"),
        ({"geometry_width": 12}, "multiple of 8"),
        ({"special_words": 41}, "0 to vocab_size=40"),
    ],
)
def test_sizes_that_cannot_be_are_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(KplmError, match=told):
        VlBertConfig(**{**SIZES, **change})


def test_the_geometry_in_the_model_is_the_one_of_vision() -> None:
    from vision.boxes import geometry as theirs

    size = torch.tensor([[320.0, 200.0], [64.0, 48.0]])
    boxes = torch.rand(2, 5, 4) * torch.cat([size, size], dim=-1)[:, None]
    parts = boxes / torch.cat([size, size], dim=-1)[:, None]
    torch.testing.assert_close(geometry(parts, 64), theirs(boxes, size, 64), atol=1e-5, rtol=0)


def test_pooled_terms_work_on_the_first_token() -> None:
    model, batch = tiny_vlbert(), labelled(made_up())
    batch["region_boxes"] = batch["region_boxes"].float()
    objective = Weighted([SentenceImage()])
    objective.build(model)
    want = objective.terms["sentence_image"].output(model.pooler(model(batch)))
    torch.testing.assert_close(objective.terms["sentence_image"].logits(model, model(batch)), want)


def test_the_mean_of_a_picture_tells_nothing_of_hidden_regions() -> None:
    model, batch = tiny_vlbert().double(), made_up(words=(6, 4, 3), regions=(3, 2, 1))
    batch |= {"mean_region": torch.tensor([1, 0, 1]), "hidden_regions": torch.zeros(3, 3, dtype=torch.long)}
    batch["hidden_regions"][:2, 1] = 1
    features = batch["region_features"].clone()
    found = model.features(batch)
    torch.testing.assert_close(found[0, 0], features[0, 2] / (1 + 1e-5), **EXACT)
    assert torch.equal(found[1, 0], features[1, 0]), "this one has a feature of its own"
    assert not found[2, 0].any()
    assert torch.equal(found[:2, 1], model.features.hidden.weight.expand(2, -1))
    assert torch.equal(batch["region_features"], features)
    features[0, 1] += 1
    assert torch.equal(model.features(batch | {"region_features": features})[0], found[0])
    plain = {name: value for name, value in batch.items() if name != "hidden_regions"}
    assert torch.equal(model.features(plain), batch["region_features"])
