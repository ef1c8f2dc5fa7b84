"""Checkpoints of SemBERT's authors: every tensor arrives, the pooling is recorded, and what does not fit is said plainly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import kplm
from kplm.authors import convert_sembert
from kplm.convert import sembert
from kplm.convert.weights import read_weights
from kplm.data.annotate import AuthorsRoles, Roles, WordsApart
from kplm.data.example import Example
from kplm.data.roles import Files, Rules
from kplm.errors import CheckpointError
from kplm.heads import Classify, Regress
from kplm.role_tags import INVENTORIES
from tests.golden.systems.sembert import batch_of

GOLDEN = Path(__file__).parents[1] / "golden" / "sembert"
WEIGHTS = "pytorch_model.bin"


@pytest.fixture(params=["case1_pair_classification", "case2_single_bigru"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkpoint of each variant, alone with its config and vocabulary."""
    return copied(tmp_path, request.param)


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """A checkpoint of the released variant."""
    return copied(tmp_path, "case1_pair_classification")


def copied(tmp_path: Path, case: str) -> Path:
    made = tmp_path / "authors"
    made.mkdir()
    for name in (WEIGHTS, "bert_config.json", "vocab.txt"):
        shutil.copy(GOLDEN / case / name, made / name)
    return made


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    state = read_weights(folder / WEIGHTS)
    change(state)
    torch.save(state, folder / WEIGHTS)


def older(state: dict[str, Tensor]) -> None:
    """Every LayerNorm under the names of the first PyTorch ports."""
    for key in [key for key in state if "LayerNorm" in key]:
        state[key.replace(".weight", ".gamma").replace(".bias", ".beta")] = state.pop(key)


def test_sizes_come_from_the_weights_and_the_pooling_is_recorded(folder: Path) -> None:
    config = sembert.read(folder).config
    got = (config.vocab_size, config.hidden, config.tag_width, config.aspects, config.tag_encoder)
    assert got in ((101, 32, 10, 3, "linear"), (92, 24, 6, 2, "gru"))
    assert config.tags == INVENTORIES["sembert22"]
    assert (config.pooling, config.compat, config.eps, config.activation) == ("max", False, 1e-12, "gelu")
    assert sembert.read(folder, pooling="first", compat=True).config.pooling == "first"


def test_every_tensor_arrives(folder: Path) -> None:
    state, found = read_weights(folder / WEIGHTS), sembert.read(folder)
    table = sembert.key_table(found.config)
    ours = {f"encoder.{name}": value for name, value in found.encoder.state_dict().items()}
    ours |= {f"head.{name}": value for name, value in found.head.state_dict().items()}
    theirs = table.to_theirs(ours)
    assert theirs.keys() == {key for key in state if not key.startswith("bert.pooler.")}
    assert all(torch.equal(theirs[key], state[key]) for key in theirs)


def test_older_names_give_the_same_model(folder: Path) -> None:
    before = sembert.read(folder).encoder.state_dict()
    rewrite(folder, older)
    after = sembert.read(folder).encoder.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_class_names_are_given_or_numbered(linear: Path, caplog: pytest.LogCaptureFixture) -> None:
    head = sembert.read(linear).head
    assert isinstance(head, Classify)
    assert head.names == ("0", "1", "2")
    assert "does not name its 3 classes" in caplog.text
    assert sembert.read(linear, ["a", "b", "c"]).head.names == ("a", "b", "c")
    with pytest.raises(CheckpointError, match=r"2 class names were given, but classifier.weight has 3 rows. Give one"):
        sembert.read(linear, ["a", "b"])


def test_one_row_is_a_regression(linear: Path) -> None:
    def one_row(state: dict[str, Tensor]) -> None:
        for key in ("classifier.weight", "classifier.bias"):
            state[key] = state[key][:1].clone()

    rewrite(linear, one_row)
    found = sembert.read(linear)
    assert isinstance(found.head, Regress)
    assert torch.equal(found.head.output.weight, read_weights(linear / WEIGHTS)["classifier.weight"])
    with pytest.raises(CheckpointError, match="1 class names were given, but classifier.weight has one row"):
        sembert.read(linear, ["score"])


def test_a_checkpoint_without_classifier_is_an_encoder(linear: Path) -> None:
    rewrite(linear, lambda state: [state.pop(key) for key in ("classifier.weight", "classifier.bias")])
    assert sembert.read(linear).head is None


def test_missing_and_unexpected_keys_are_both_errors(folder: Path) -> None:
    def change(state: dict[str, Tensor]) -> None:
        state["other"] = state.pop("pool.bias")

    rewrite(folder, change)
    with pytest.raises(CheckpointError, match=r"(?s)1 missing: pool.bias\n1 unexpected: other"):
        sembert.read(folder)


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        ("tag_model.embed.tag_embeddings.weight", lambda t: t[:20], r"has 20 rows, but the authors' inventory has 22 tags"),
        ("tag_model.embed.tag_embeddings.weight", lambda t: t[0], r"must have the shape \[tags, T\].* has the shape \[10\]"),
        ("dense.weight", lambda t: t[:, :25], r"joins 25 numbers, which is no multiple of the tag width 10"),
        ("dense.weight", lambda t: t[:, :20], None),
        ("dense.weight", lambda t: t[:9], r"dense.weight has the shape \[9, 30\], the config asks for \[10, 30\]"),
        ("cnn.char_cnn.weight", lambda t: t[..., :2], r"char_cnn.weight has the shape \[32, 32, 2\]"),
        ("bert.embeddings.word_embeddings.weight", lambda t: t[:90], r"has 90 rows, but the config says vocab_size=101"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(linear: Path, key: str, change: Callable[[Tensor], Tensor], said: str | None) -> None:
    rewrite(linear, lambda state: state.update({key: change(state[key]).clone()}))
    if said is None:
        assert sembert.read(linear).config.aspects == 2
        return
    with pytest.raises(CheckpointError, match=said):
        sembert.read(linear)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"hidden_size": None},
            r"bert_config.json lacks hidden_size; such a file has hidden_size, num_hidden_layers",
        ),
        ({"num_hidden_layers": 3}, r"16 missing: bert.encoder.layer.2."),
        ({"num_hidden_layers": 1}, r"16 unexpected: bert.encoder.layer.1."),
        ({"hidden_act": "tanh"}, r"hidden_act is 'tanh'; possible are gelu"),
        ({"vocab_size": 90}, r"word_embeddings.weight has 101 rows, but the config says vocab_size=90"),
    ],
)
def test_a_config_that_does_not_fit(linear: Path, change: dict[str, Any], said: str) -> None:
    config = json.loads((linear / "bert_config.json").read_text()) | change
    kept = {name: value for name, value in config.items() if value is not None}
    (linear / "bert_config.json").write_text(json.dumps(kept))
    with pytest.raises(CheckpointError, match=said):
        sembert.read(linear)


class TestFiles:
    def test_a_file_is_read_with_config_and_vocabulary_beside_it(self, linear: Path) -> None:
        for name in ("0_pytorch_model.bin", "1_pytorch_model.bin"):
            shutil.copy(linear / WEIGHTS, linear / name)
        assert sembert.read(linear).vocab == linear / "vocab.txt", "the usual name wins"
        (linear / WEIGHTS).unlink()
        with pytest.raises(CheckpointError, match=r"several weights files: 0_py.*, 1_py.*Give the file of the epoch"):
            sembert.read(linear)
        assert sembert.read(linear / "1_pytorch_model.bin").vocab == linear / "vocab.txt"

    def test_safetensors_and_the_newer_name_of_the_config(self, linear: Path) -> None:
        save_file(read_weights(linear / WEIGHTS), linear / "model.safetensors")
        (linear / WEIGHTS).unlink()
        (linear / "vocab.txt").unlink()
        (linear / "bert_config.json").rename(linear / "config.json")
        assert sembert.read(linear).vocab is None

    def test_a_folder_without_config_says_where_to_take_it_from(self, linear: Path) -> None:
        (linear / "bert_config.json").unlink()
        with pytest.raises(
            CheckpointError, match=r"no bert_config.json or config.json; .* copy bert_config.json and voc"
        ):
            sembert.read(linear)

    @pytest.mark.parametrize(
        ("text", "said"), [("{", "is no valid JSON"), ("[]", "holds a list, it must be a JSON object")]
    )
    def test_a_damaged_config(self, linear: Path, text: str, said: str) -> None:
        (linear / "bert_config.json").write_text(text)
        with pytest.raises(CheckpointError, match=said):
            sembert.read(linear)

    def test_a_vocabulary_that_is_too_long(self, linear: Path) -> None:
        with (linear / "vocab.txt").open("a") as file:
            file.write("more\n" * 60)
        with pytest.raises(CheckpointError, match=r"vocab.txt has \d+ words, but the word table has 101 rows"):
            sembert.read(linear)

    def test_nothing_there(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(CheckpointError, match=r"holds no weights; .* found notes.txt"):
            sembert.read(tmp_path)
        with pytest.raises(CheckpointError, match="does not exist"):
            sembert.read(tmp_path / "nowhere")

    def test_another_system_is_named_by_its_keys(self, tmp_path: Path) -> None:
        torch.save({"bert.encoder.layer.0.attention.self.query.weight": torch.zeros(1)}, tmp_path / WEIGHTS)
        with pytest.raises(CheckpointError, match=r"no SemBERT checkpoint: .*It is a plain BERT.* kplm.hub.sembert"):
            sembert.read(tmp_path)
        torch.save({"something": torch.zeros(1)}, tmp_path / WEIGHTS)
        with pytest.raises(CheckpointError, match=r"such as something. Give a file of the authors' code"):
            sembert.read(tmp_path / WEIGHTS)


class TestFolders:
    def test_a_classifier_predicts_as_it_is_with_rules_that_find_the_roles(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Rules, "__call__", lambda self, sentences: [() for _ in sentences])
        model = kplm.load(convert_sembert(folder, tmp_path / "ours"))
        [annotator, apart] = model.text.annotators
        assert type(annotator) is Roles
        assert isinstance(apart, WordsApart)
        assert isinstance(annotator.source, Rules)
        assert annotator.sizes == {"aspects": model.model.encoder.config.aspects, "tag_rows": 22}
        assert model.text.max_length == 128
        assert model.predict(["the baker sold bread ."])[0]["label"] in "012"
        touching, apart = model.text([Example("the baker didn't."), Example("the baker did n't .")])
        assert touching["input_ids"].tolist() == apart["input_ids"].tolist(), "their sub-words are of one word each"

    def test_compat_comes_along_and_gives_what_the_authors_code_gave(self, folder: Path, tmp_path: Path) -> None:
        case = next(
            case for case in GOLDEN.glob("case*") if (case / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
        )
        done = convert_sembert(
            folder, tmp_path / "ours", pooling="first", roles=str(tmp_path / "roles.tsv"), compat=True
        )
        model = kplm.load(done)
        [annotator, _] = model.text.annotators
        assert type(annotator) is AuthorsRoles
        assert isinstance(annotator.source, Files)
        inputs, outputs = (read_weights(case / f"{name}.safetensors") for name in ("inputs", "outputs"))
        logits = model.model.head(model.model.encoder, batch_of(inputs))
        torch.testing.assert_close(logits, outputs["first_logits"], atol=1e-5, rtol=0)

    def test_without_a_vocabulary_there_is_no_tokenizer(
        self, linear: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (linear / "vocab.txt").unlink()
        done = convert_sembert(linear, tmp_path / "ours")
        assert "the converted model has no tokenizer" in caplog.text
        assert kplm.from_pretrained(done).config.aspects == 3
