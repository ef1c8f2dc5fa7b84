"""Checkpoints of VL-BERT's authors: every tensor arrives, under every prefix, and what does not fit is said plainly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

import kplm
from kplm import hub
from kplm.authors import convert_vlbert
from kplm.cli import main
from kplm.convert import vlbert
from kplm.convert.weights import read_weights
from kplm.data.looks.preparation import Preparation
from kplm.errors import CheckpointError, DataError, KplmError
from kplm.heads import Answer, Choose, GroundedChoice, MultipleChoice
from kplm.models import VlBert
from kplm.objectives import MaskedRegions, MaskedWords, SentenceImage, Weighted
from tests.data import pictures
from vision.regions import Caffe

GOLDEN = Path(__file__).parents[1] / "golden" / "vlbert"
FILE = "vl-bert.model"
WORDS, TIED = "vlbert.word_embeddings.weight", "vlbert.mlm_head.predictions.decoder.weight"
ANSWERS = [f"answer {i}" for i in range(9)]
State = dict[str, Tensor]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    def make(case: str, change: Callable[[State], Any] = dict, settings: dict[str, Any] | None = None) -> Path:
        """A folder of the authors; ``change`` returns other tensors or changes those it gets, ``settings`` others of VLBERT."""
        folder = tmp_path / case
        folder.mkdir()
        state = read_weights(GOLDEN / case / "model.bin")
        torch.save(
            {"state_dict": change(state) or state, "optimizer": {}, "validation_monitor": {"best_val": 0.5}},
            folder / FILE,
        )
        found = json.loads((GOLDEN / case / "config.json").read_text())
        found.get("NETWORK", {}).get("VLBERT", found).update(settings or {})
        (folder / "config.json").write_text(json.dumps(found))
        return folder

    return make


def same(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("case", ["core_scale", "pretrain_precomputed", "vqa_head"])
def test_every_tensor_of_the_authors_arrives(case: str) -> None:
    """By their own names; the tied decoder is the word table."""
    found = vlbert.read(GOLDEN / case / "model.bin")
    own = vlbert.parameters(found)
    prefix = "vlbert." if case == "core_scale" else ""
    for name, tensor in read_weights(GOLDEN / case / "model.bin").items():
        assert torch.equal(own[WORDS if name == TIED else prefix + name], tensor), name


def test_sizes_come_from_settings_and_weights() -> None:
    config = vlbert.read(GOLDEN / "core_scale" / "model.bin").config
    assert (config.vocab_size, config.hidden, config.layers, config.heads, config.ffn) == (90, 32, 2, 4, 48)
    assert (config.visual_size, config.visual_scale, config.segments, config.positions) == (20, "scalar", 3, 40)
    config = vlbert.read(GOLDEN / "pretrain_precomputed" / "model.bin").config
    assert (config.feature_width, config.region_classes, config.visual_scale, config.eps) == (2048, 21, "norm", 1e-12)
    assert (config.special_words, config.visual_init, config.geometry_width) == (0, 0.0, 2048)


def test_what_a_checkpoint_lacks_is_named_as_fresh() -> None:
    assert vlbert.read(GOLDEN / "pretrain_precomputed" / "model.bin").encoder.fresh == ("no_picture.weight",)
    fresh = vlbert.read(GOLDEN / "vqa_head" / "model.bin").encoder.fresh
    assert fresh == ("features.hidden.weight", "hidden_region.weight", "no_picture.weight")


def test_data_parallel_names_give_the_same_model(made: Callable[..., Path]) -> None:
    folder = made("pretrain_precomputed", lambda state: {f"module.{name}": value for name, value in state.items()})
    found, plain = vlbert.read(folder), vlbert.read(GOLDEN / "pretrain_precomputed" / "model.bin")
    assert same(found.objective, plain.objective)
    assert found.config == plain.config
    for name, value in found.encoder.state_dict().items():
        assert name in found.encoder.fresh or torch.equal(value, plain.encoder.state_dict()[name])


def as_vcr(state: State) -> State:
    """Under the names of VCR, with its classifiers in the place of VQA's."""
    kept = {name: value for name, value in state.items() if not name.startswith("final_mlp")}
    kept = {name.replace("vlbert.", "vlbert._module.", 1): value for name, value in kept.items()}
    kept |= {"final_mlp.1.weight": torch.randn(1, 16), "final_mlp.1.bias": torch.randn(1)}
    kept |= {"cnn_loss_reg.0.dense.weight": torch.randn(16, 16), "cnn_loss_reg.0.dense.bias": torch.randn(16)}
    kept |= {"cnn_loss_reg.2.weight": torch.randn(81, 16), "cnn_loss_reg.2.bias": torch.randn(81)}
    return {f"module.{name}": value for name, value in kept.items()}


def test_a_choice_of_vcr_is_right_with_the_authors_probability(made: Callable[..., Path]) -> None:
    folder = made("vqa_head", as_vcr)
    found, state = vlbert.read(folder), read_weights(folder / FILE)
    assert isinstance(found.head, MultipleChoice)
    assert found.head.names == ("right", "wrong")
    pooled = torch.randn(5, 16)
    theirs = torch.sigmoid(pooled @ state["module.final_mlp.1.weight"].T + state["module.final_mlp.1.bias"])
    torch.testing.assert_close(found.head.output(pooled).sigmoid(), theirs)
    assert torch.equal(found.encoder.pooler.dense.weight, state["module.vlbert._module.pooler.dense.weight"])


def test_the_objects_of_vcr_are_told_apart_as_the_authors_do(made: Callable[..., Path]) -> None:
    folder = made("vqa_head", as_vcr)
    found, state = vlbert.read(folder), read_weights(folder / FILE)
    assert isinstance(found.head, GroundedChoice)
    states = torch.randn(2, 3, 16)
    weights = {name.removeprefix("module.cnn_loss_reg."): value for name, value in state.items() if "cnn_loss" in name}
    hidden = F.gelu(F.linear(states, weights["0.dense.weight"], weights["0.dense.bias"]))
    torch.testing.assert_close(found.head.objects(states), F.linear(hidden, weights["2.weight"], weights["2.bias"]))


def test_vcr_without_a_loss_on_objects_has_choices_alone(made: Callable[..., Path]) -> None:
    def change(state: State) -> State:
        return {name: value for name, value in as_vcr(state).items() if "cnn_loss" not in name}

    assert type(vlbert.read(made("vqa_head", change)).head) is MultipleChoice


def test_half_a_classifier_of_objects_is_refused(made: Callable[..., Path]) -> None:
    def change(state: State) -> State:
        return {name: value for name, value in as_vcr(state).items() if "cnn_loss_reg.0.dense.bias" not in name}

    with pytest.raises(CheckpointError, match="cnn_loss_reg.0.dense.bias"):
        vlbert.read(made("vqa_head", change))


def test_refcoco_comes_with_its_head(made: Callable[..., Path]) -> None:
    def change(state: State) -> None:
        for part in ("weight", "bias"):
            del state[f"final_mlp.0.LayerNorm.{part}"]
            state[f"final_mlp.2.{part}"] = state[f"final_mlp.2.{part}"][:1]

    found = vlbert.read(made("vqa_head", change))
    assert isinstance(found.head, Choose)
    assert found.head.first == 0, "the whole picture is a candidate in their code"


def test_frozen_words_keep_both_tables(made: Callable[..., Path]) -> None:
    special = torch.randn(30, 24)
    folder = made(
        "pretrain_precomputed", lambda state: state.update({"vlbert.special_word_embeddings.weight": special})
    )
    found = vlbert.read(folder)
    assert found.config.special_words == 30
    words = found.encoder.embeddings.terms["input_ids"]
    assert torch.equal(words(torch.tensor([29])), special[29:])
    assert torch.equal(words(torch.tensor([30])), words.weight[30:31])
    assert not words.weight.requires_grad


def test_the_vector_for_no_picture_of_multitask_pretraining(made: Callable[..., Path]) -> None:
    vector = torch.randn(1, 24)
    folder = made("pretrain_precomputed", lambda state: state.update({"aux_text_visual_embedding.weight": vector}))
    found = vlbert.read(folder)
    assert torch.equal(found.encoder.no_picture.weight, vector)
    assert found.encoder.fresh == ()


def test_positions_before_robertas_first_one_are_dropped(made: Callable[..., Path]) -> None:
    folder = made("pretrain_precomputed", settings={"position_padding_idx": 1, "max_position_embeddings": 40})
    found = vlbert.read(folder)
    table = read_weights(folder / FILE)["vlbert.position_embeddings.weight"]
    assert found.config.positions == 38
    assert torch.equal(found.encoder.embeddings.terms["position_ids"].weight, table[2:])


def test_a_backbone_is_handed_out_under_torchvisions_names(made: Callable[..., Path], tmp_path: Path) -> None:
    theirs = {
        "image_feature_extractor.backbone.conv1.weight": torch.randn(4, 3, 7, 7),
        "image_feature_extractor.backbone.layer3.0.bn1.running_mean": torch.randn(4),
        "image_feature_extractor.roi_head_feature_extractor.2.conv3.weight": torch.randn(8, 4, 1, 1),
        "image_feature_extractor.head.0.2.conv3.weight": torch.randn(8, 4, 1, 1),
    }
    folder = made("pretrain_precomputed", lambda state: state.update(theirs))
    convert_vlbert(folder, tmp_path / "ours")
    found = load_file(tmp_path / "ours" / "backbone.safetensors")
    assert sorted(found) == ["conv1.weight", "layer3.0.bn1.running_mean", "layer4.2.conv3.weight"]
    assert torch.equal(
        found["layer4.2.conv3.weight"], theirs["image_feature_extractor.roi_head_feature_extractor.2.conv3.weight"]
    )


def test_without_settings_the_weights_say_all_but_the_heads(
    made: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = made("pretrain_precomputed")
    (folder / "config.json").unlink()
    found = vlbert.read(folder).config
    plain = vlbert.read(GOLDEN / "pretrain_precomputed" / "model.bin").config
    assert {name for name in vars(plain) if getattr(found, name) != getattr(plain, name)} == {"heads"}
    assert "how many attention heads" in caplog.text


def test_terms_without_a_relation_keep_no_pooler_they_do_not_have(made: Callable[..., Path]) -> None:
    def change(state: State) -> State:
        return {name: value for name, value in state.items() if "relationsip" not in name and "pooler" not in name}

    found = vlbert.read(made("pretrain_precomputed", change))
    assert found.encoder.pooler is None
    assert list(found.objective.terms) == ["masked_words", "masked_regions"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("vlbert.encoder.layer.1.output.dense.bias"), "1 missing: vlbert.encoder.layer.1.output.dense.bias"),
        (lambda state: state.pop("object_mask_word_embedding.weight"), "1 missing: object_mask_word_embedding.weight"),
        (lambda state: state.pop("vlbert.visual_ln_object.bias"), "1 missing: vlbert.visual_ln_object.bias"),
        (lambda state: state.pop(WORDS), f"{WORDS} must have the shape .* no such tensor"),
        (lambda state: state.update({"vlbert.new.weight": torch.ones(1)}), "1 unexpected: vlbert.new.weight"),
        (lambda state: state.update({"image_feature_extractor.object_embed.weight": torch.ones(81, 128)}), "object_embed"),
        (lambda state: state[TIED].add_(1), "differs from"),
        (lambda state: state.update({"object_linguistic_embeddings.weight": torch.ones(81, 24)}), r"\[81, 24\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(made: Callable[..., Path], change: Callable[[State], Any], told: str) -> None:
    folder = made("pretrain_precomputed", lambda state: (change(state), state)[1])
    with pytest.raises(CheckpointError, match=told):
        vlbert.read(folder)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"obj_pos_id_relative": False}, "sets obj_pos_id_relative to False; only True"),
        ({"object_word_embed_mode": 1}, "only 2 can be read"),
        ({"num_hidden_layers": 4}, "missing: vlbert.encoder.layer.3"),
        ({"intermediate_size": 41}, r"has the shape \[40, 24\], the config asks for \[41, 24\]"),
    ],
)
def test_settings_that_do_not_fit_are_named(made: Callable[..., Path], settings: dict[str, Any], told: str) -> None:
    with pytest.raises(CheckpointError, match=told):
        vlbert.read(made("pretrain_precomputed", settings=settings))


def test_files_that_are_not_there_are_named(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made("vqa_head")
    with pytest.raises(CheckpointError, match="does not exist"):
        vlbert.read(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="3 answers were given, but final_mlp.2.weight has 9 rows"):
        vlbert.read(folder, ["a", "b", "c"])
    shutil.copy(folder / FILE, folder / "last.model")
    with pytest.raises(CheckpointError, match="several checkpoints: last.model, vl-bert.model"):
        vlbert.read(folder)
    (folder / "config.json").write_text("NETWORK:")
    with pytest.raises(CheckpointError, match="is no valid JSON"):
        vlbert.read(folder / FILE)
    torch.save({"bert.pooler.dense.bias": torch.ones(2)}, folder / FILE)
    with pytest.raises(CheckpointError, match="is no VL-BERT checkpoint"):
        vlbert.read(folder / FILE)


def test_a_pretrained_folder_goes_on_in_pretraining(made: Callable[..., Path], tmp_path: Path) -> None:
    convert_vlbert(made("pretrain_precomputed"), tmp_path / "ours")
    again, plain = kplm.from_pretrained(tmp_path / "ours"), vlbert.read(GOLDEN / "pretrain_precomputed" / "model.bin")
    assert isinstance(again, VlBert)
    objective = Weighted([MaskedWords(), MaskedRegions(), SentenceImage()])
    objective.build(again)
    assert not objective.fresh
    assert same(objective, plain.objective)
    assert torch.equal(again.regions.dense.weight, plain.encoder.regions.dense.weight)


def test_a_vqa_folder_has_its_answers(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made("vqa_head")
    (folder / "answers_vqa.txt").write_text("\n".join(ANSWERS) + "\n")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(59))]))
    assert main(["convert", "vlbert", str(folder), str(tmp_path / "ours")]) == 0
    model, text = hub.load_finetuned(tmp_path / "ours")
    assert isinstance(model.head, Answer)
    assert model.head.names == tuple(ANSWERS)
    assert text["task"] == "answers"
    assert same(model.head, vlbert.read(folder).head)
    assert model.encoder.pooler is None


def test_a_vcr_folder_scores_choices(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made("vqa_head", as_vcr)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(59))]))
    convert_vlbert(folder, tmp_path / "ours")
    model, text = hub.load_finetuned(tmp_path / "ours")
    assert text["task"] == "choices"
    assert same(model.head, vlbert.read(folder).head)
    assert torch.equal(model.encoder.pooler.dense.weight, vlbert.read(folder).encoder.pooler.dense.weight)


def test_the_command_refuses_plainly(
    made: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made("vqa_head")
    assert main(["convert", "vlbert", str(folder), str(tmp_path / "ours"), "--labels", '["a", "b"]']) == 1
    assert "2 answers were given" in capsys.readouterr().err


def test_a_bert_checkpoint_starts_a_model_of_any_features(tiny_bert: Path) -> None:
    model = hub.vlbert(str(tiny_bert), feature_width=10, region_classes=7, special_words=5)
    assert (model.config.feature_width, model.config.region_classes, model.config.special_words) == (10, 7, 5)
    assert (model.config.segments, model.config.visual_size) == (3, model.config.hidden)
    assert {"end.weight", "regions.dense.weight", "text_look.scale.weight"} <= set(model.fresh)
    assert not any(name.startswith(("stack.", "embeddings.")) for name in model.fresh)


class Colours(nn.Module):
    """Features of width 6 that look at nothing."""

    width = 6

    def __init__(self, tint: float = 0.5) -> None:
        super().__init__()
        self.init_args = {"tint": tint}
        self.tint = nn.Parameter(torch.tensor(tint))

    def forward(self, pictures: Tensor, boxes: Tensor, mask: Tensor, sizes: Tensor) -> Tensor:
        return self.tint * torch.ones(*mask.shape, self.width)


def test_a_module_for_features_is_saved_and_built_again(tiny_bert: Path, tmp_path: Path) -> None:
    model = hub.vlbert(str(tiny_bert), features=Colours(0.25))
    assert model.config.feature_width == 6
    model.features.module.tint.data += 1
    again = kplm.from_pretrained(kplm.save_pretrained(model, tmp_path / "saved"))
    assert same(model, again)
    assert again.features.module.init_args == {"tint": 0.25}


def test_a_start_that_cannot_be_is_refused(tiny_bert: Path, made: Callable[..., Path], tmp_path: Path) -> None:
    convert_vlbert(made("pretrain_precomputed"), tmp_path / "ours")
    with pytest.raises(KplmError, match="features of width 6, but this model reads feature_width=2048"):
        hub.vlbert(str(tmp_path / "ours"), features=Colours())
    with pytest.raises(CheckpointError, match="holds a VlBert, not a plain BERT"):
        hub.bert(str(tmp_path / "ours"))
    ernie = kplm.save_pretrained(hub.ernie_thu(str(tiny_bert), entity_width=8), tmp_path / "ernie")
    with pytest.raises(CheckpointError, match="holds a ErnieThu; VL-BERT starts from BERT or from itself"):
        hub.vlbert(str(ernie))


def end_to_end(state: State) -> State:
    """As trained with a ResNet-18 along; the last stage lies there twice."""
    torch.manual_seed(0)
    network = Caffe("resnet18", None).state_dict()
    theirs = {
        f"image_feature_extractor.{name.replace('layer4', part) if 'layer4' in name else f'backbone.{name}'}": value
        for part in ("roi_head_feature_extractor", "head.0")
        for name, value in network.items()
    }
    norms = [name.removesuffix("running_var") for name in theirs if name.endswith("running_var")]
    counters = {f"{norm}num_batches_tracked": torch.tensor(5) for norm in norms}
    width = network["layer4.1.conv2.weight"].shape[0]
    projection = {"image_feature_extractor.obj_downsample.1.weight": torch.randn(16, 2048 + width) / 50}
    return state | theirs | counters | projection


def test_an_end_to_end_model_answers_about_pictures_as_it_is(
    made: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = made("vqa_head", end_to_end)
    (folder / "answers_vqa.txt").write_text("\n".join(ANSWERS))
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(59))]))
    convert_vlbert(folder, tmp_path / "ours")
    predictor = kplm.load(tmp_path / "ours")
    network = predictor.model.encoder.features.module
    assert isinstance(network, Caffe)
    state = torch.load(folder / FILE)["state_dict"]
    assert torch.equal(network.conv1.weight, state["image_feature_extractor.backbone.conv1.weight"])
    assert torch.equal(
        network.layer4[1].bn2.running_var, state["image_feature_extractor.roi_head_feature_extractor.1.bn2.running_var"]
    )
    looks = predictor.text.annotators[0].looks
    assert looks.prepare == Preparation(600, 1000, False, "caffe")
    image = str(pictures.png(tmp_path / "a.png", size=(48, 32)))
    [one] = predictor.predict(image=image, question="1 2 3")
    assert "1 of 1 pictures come without boxes" in caplog.text
    [other] = predictor.predict(image=image, question="1 2 3", boxes=[[0, 0, 9, 9], [5, 5, 40, 30]])
    assert set(one["scores"]) <= set(ANSWERS)
    assert one["scores"] != other["scores"]
    again = kplm.from_pretrained(tmp_path / "ours")
    assert not any(name.startswith("features") for name in again.fresh)


def test_a_backbone_that_is_cut_is_refused(made: Callable[..., Path], tmp_path: Path) -> None:
    def cut(state: State) -> State:
        found = end_to_end(state)
        return {name: value for name, value in found.items() if "layer2.0.conv1" not in name}

    with pytest.raises(
        CheckpointError, match=r"looks like a resnet18, but 1 keys are missing \['layer2.0.conv1.weight'\]"
    ):
        convert_vlbert(made("vqa_head", cut), tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("stored", ["store", "files"])
def test_a_model_of_stored_features_answers_where_they_are_named(
    made: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, stored: str
) -> None:
    folder = made("vqa_head")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(59))]))
    record = {"image_w": 48, "image_h": 32, "num_boxes": 1, "boxes": [[1, 1, 9, 9]], "features": [[1.0] * 2048]}
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.json").write_text(json.dumps(record))
    pictures.store(tmp_path / "store", ["a"])
    command = ["convert", "vlbert", str(folder), str(tmp_path / "ours")]
    assert main(command) == 0
    assert "name where they are stored with --features" in caplog.text
    with pytest.raises(
        DataError, match="comes without the features of pictures. Leave out 'image', or convert it with --features"
    ):
        kplm.load(tmp_path / "ours").predict(image="a.png", question="1 2 3")
    assert main([*command, "--features", str(tmp_path / stored)]) == 0
    [found] = kplm.load(tmp_path / "ours").predict(image="a.png", question="1 2 3")
    assert found["score"] > 0
