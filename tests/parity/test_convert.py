"""Checkpoints of other code: nothing is lost on the way in or out, and what does not fit is said plainly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from kplm.config import EncoderConfig, ErnieThuConfig
from kplm.convert import ernie_thu
from kplm.convert.bert import config_from, encoder_state, encoder_to_hf
from kplm.convert.keys import KeyTable
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError
from kplm.heads import EntityType, Relation
from kplm.models import Encoder, ErnieThu

CASES = sorted((Path(__file__).parents[1] / "golden" / "ernie_thu").iterdir())
SMALL = EncoderConfig(vocab_size=19, hidden=8, layers=2, heads=2, ffn=12, positions=6)


@pytest.fixture
def bert() -> dict[str, Tensor]:
    return encoder_to_hf(Encoder(SMALL))[1]


@pytest.fixture
def typing(tmp_path: Path) -> Path:
    source = next(case for case in CASES if case.name == "typing")
    return Path(shutil.copytree(source, tmp_path / "typing"))


def rewrite(folder: Path, change) -> None:
    state = read_weights(folder)
    change(state)
    torch.save(state, folder / "pytorch_model.bin")


class TestErnieThu:
    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_there_and_back_gives_the_same_keys_and_tensors(self, case: Path) -> None:
        before = read_weights(case)
        config, after = ernie_thu.to_theirs(ernie_thu.read(case))
        assert set(after) == set(before)
        assert all(torch.equal(after[key], before[key]) for key in before)
        given = json.loads((case / "ernie_config.json").read_text())
        types = given.pop("layer_types")
        assert config.pop("layer_types") == types + ["sim"] * (given["num_hidden_layers"] - len(types))
        assert config == given

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_layer_types_are_read_off_the_keys(self, case: Path, tmp_path: Path) -> None:
        folder = shutil.copytree(case, tmp_path / "case")
        config = json.loads((folder / "ernie_config.json").read_text())
        del config["layer_types"]
        (folder / "ernie_config.json").write_text(json.dumps(config))
        assert ernie_thu.read(folder).config == ernie_thu.read(case).config

    def test_layer_types_that_contradict_the_keys_are_refused(self, typing: Path) -> None:
        config = json.loads((typing / "ernie_config.json").read_text())
        (typing / "ernie_config.json").write_text(json.dumps(config | {"layer_types": ["sim", "norm", "norm"]}))
        with pytest.raises(CheckpointError, match="layer 1 is 'norm' but has the keys of 'mix'"):
            ernie_thu.read(typing)

    def test_heads_take_the_names_they_are_given(self, typing: Path) -> None:
        head = ernie_thu.read(typing, ["a", "b", "c"]).head
        assert isinstance(head, EntityType)
        assert head.names == ("a", "b", "c")
        with pytest.raises(CheckpointError, match=r"2 class names were given, but typing.weight has 3 rows"):
            ernie_thu.read(typing, ["a", "b"])

    def test_a_relation_checkpoint_knows_its_none_class(self) -> None:
        case = next(case for case in CASES if case.name == "relation_tacred")
        head = ernie_thu.read(case, json.loads((case / "labels.json").read_text())).head
        assert isinstance(head, Relation)
        assert head.none == "NA"

    def test_an_altered_tied_table_is_refused(self, tmp_path: Path) -> None:
        folder, tied = shutil.copytree(CASES[0], tmp_path / "case"), "cls.predictions.decoder.weight"
        rewrite(folder, lambda state: state.update({tied: state[tied] + 1}))
        with pytest.raises(CheckpointError, match="one tensor in this model"):
            ernie_thu.read(folder)

    def test_question_answering_weights_are_dropped_with_a_notice(self, typing: Path, caplog) -> None:
        rewrite(typing, lambda state: state.update({"qa_outputs.weight": torch.zeros(2, 32)}))
        ernie_thu.read(typing)
        assert "qa_outputs" in caplog.text

    def test_missing_and_unexpected_keys_are_both_listed_under_their_names(self, typing: Path) -> None:
        rewrite(typing, lambda state: state.update({"bert.other": state.pop("bert.pooler.dense.bias")}))
        with pytest.raises(CheckpointError, match=r"(?s)1 missing: bert.pooler.dense.bias\n1 unexpected: bert.other"):
            ernie_thu.read(typing)

    def test_a_wrong_vocabulary_names_both_sizes_and_the_field(self, typing: Path) -> None:
        config = json.loads((typing / "ernie_config.json").read_text())
        (typing / "ernie_config.json").write_text(json.dumps(config | {"vocab_size": 60}))
        with pytest.raises(CheckpointError, match="has 58 rows, but the config says vocab_size=60"):
            ernie_thu.read(typing)

    def test_a_folder_of_another_kind_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(CheckpointError, match=r"has no ernie_config.json; found config.json"):
            ernie_thu.read(tmp_path)

    def test_a_model_the_authors_code_cannot_hold_is_not_written(self) -> None:
        config = ErnieThuConfig(**vars(SMALL), layer_types=("mix", "norm"), entity_width=8)
        model = ernie_thu.Converted(config, ErnieThu(config), None, None, None)
        with pytest.raises(CheckpointError, match="entity_width=8"):
            ernie_thu.to_theirs(model)

    def test_parameters_carry_the_authors_names(self, typing: Path) -> None:
        assert set(ernie_thu.parameters(ernie_thu.read(typing))) == set(read_weights(typing))


class TestBert:
    def test_the_prefix_and_the_heads_do_not_matter(self, bert: dict[str, Tensor]) -> None:
        plain, fresh = encoder_state(bert, SMALL)
        dressed = {f"bert.{key}": tensor for key, tensor in bert.items()}
        dressed |= {"cls.predictions.bias": torch.zeros(19), "bert.embeddings.position_ids": torch.arange(6)}
        again, _ = encoder_state(dressed, SMALL)
        assert not fresh
        assert again.keys() == plain.keys()
        assert all(again[key] is plain[key] for key in plain)

    def test_old_names_of_layer_norm_tensors(self, bert: dict[str, Tensor]) -> None:
        old = {key.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): bert[key] for key in bert}
        assert any("gamma" in key for key in old)
        assert encoder_state(old, SMALL)[0].keys() == encoder_state(bert, SMALL)[0].keys()

    def test_a_checkpoint_without_pooler_leaves_it_fresh(self, bert: dict[str, Tensor]) -> None:
        state, fresh = encoder_state({key: bert[key] for key in bert if "pooler" not in key}, SMALL)
        assert fresh == {"pooler.dense.weight", "pooler.dense.bias"}
        assert not fresh & state.keys()

    def test_missing_and_unexpected_keys_are_both_errors(self, bert: dict[str, Tensor]) -> None:
        bert["encoder.layer.0.extra.weight"] = bert.pop("encoder.layer.1.output.dense.bias")
        with pytest.raises(CheckpointError) as error:
            encoder_state(bert, SMALL)
        assert "1 missing: encoder.layer.1.output.dense.bias" in str(error.value)
        assert "1 unexpected: encoder.layer.0.extra.weight" in str(error.value)

    def test_long_lists_are_cut(self, bert: dict[str, Tensor]) -> None:
        with pytest.raises(CheckpointError, match=r"16 unexpected: .*, and 6 more"):
            encoder_state(bert, EncoderConfig(**vars(SMALL) | {"layers": 1}))

    def test_a_wrong_vocabulary_size(self, bert: dict[str, Tensor]) -> None:
        with pytest.raises(CheckpointError, match=r"has 19 rows, but the config says vocab_size=20. Set vocab_size=19"):
            encoder_state(bert, EncoderConfig(**vars(SMALL) | {"vocab_size": 20}))

    def test_another_wrong_size(self, bert: dict[str, Tensor]) -> None:
        with pytest.raises(
            CheckpointError, match=r"position_embeddings.weight has the shape \[6, 8\], .* asks for \[7, 8\]"
        ):
            encoder_state(bert, EncoderConfig(**vars(SMALL) | {"positions": 7}))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("model_type", "roberta"),
            ("position_embedding_type", "relative_key"),
            ("hidden_act", "mish"),
            ("is_decoder", True),
        ],
    )
    def test_configs_of_other_models_are_refused(self, field: str, value: object) -> None:
        with pytest.raises(CheckpointError, match=str(value) if isinstance(value, str) else field):
            config_from({field: value})

    def test_an_empty_config_is_bert_base(self) -> None:
        assert config_from({}) == EncoderConfig()

    def test_ernie_starts_from_bert(self, bert: dict[str, Tensor]) -> None:
        plain = Encoder(EncoderConfig(**vars(SMALL) | {"layers": 2}))
        plain.load_state_dict(encoder_state(bert, plain.config)[0])
        encoder = ErnieThu(ErnieThuConfig(**vars(plain.config), layer_types=("sim", "norm"), entity_width=12))
        fresh = encoder.start_from(plain)
        assert fresh
        assert all("entities" in name for name in fresh)
        assert torch.equal(encoder.layers[1].fusion.tokens.up.weight, bert["encoder.layer.1.intermediate.dense.weight"])


class TestWeights:
    def test_safetensors_are_read(self, tmp_path: Path) -> None:
        save_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")
        assert torch.equal(read_weights(tmp_path)["a"], torch.ones(2))

    @pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
    def test_a_git_lfs_pointer_is_named(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 440473133\n")
        with pytest.raises(CheckpointError, match=r"(?s)Git LFS pointer.*git lfs pull"):
            read_weights(tmp_path)

    @pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
    @pytest.mark.parametrize("keep", [0, 4, 900, -1])
    def test_a_truncated_file_is_named(self, tmp_path: Path, name: str, keep: int) -> None:
        path, state = tmp_path / name, {"a": torch.randn(400)}
        save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(CheckpointError, match=r"damaged.*Download it again"):
            read_weights(tmp_path)

    def test_a_missing_file_says_what_was_looked_for(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(
            CheckpointError, match=r"looked for model.safetensors and pytorch_model.bin, found notes.txt"
        ):
            read_weights(tmp_path)
        with pytest.raises(CheckpointError, match="does not exist"):
            read_weights(tmp_path / "nowhere")

    def test_a_folder_of_another_system_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "tf_model.h5").touch()
        with pytest.raises(CheckpointError, match=r"tf_model.h5, which is another system's format"):
            read_weights(tmp_path)

    def test_code_in_a_checkpoint_is_not_run(self, tmp_path: Path) -> None:
        torch.save({"a": print}, tmp_path / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match="never run"):
            read_weights(tmp_path)

    def test_something_else_than_a_state_dict(self, tmp_path: Path) -> None:
        torch.save([1, 2], tmp_path / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match="no state dict"):
            read_weights(tmp_path)


def test_the_longest_prefix_of_a_table_wins_in_both_directions() -> None:
    table = KeyTable("a x\na.b y\nc.{i}.d  z.{i}", i=[3])
    state = {"a.w": torch.zeros(1), "a.b.w": torch.ones(1), "c.3.d.w": torch.ones(2)}
    ours = table.to_ours(state, {"x.w": torch.zeros(1), "y.w": torch.zeros(1), "z.3.w": torch.zeros(2)})
    assert set(ours) == {"x.w", "y.w", "z.3.w"}
    assert set(table.to_theirs(ours)) == set(state)
