"""Checkpoints of K-BERT's authors: every tensor arrives, LayerNorm means the same, and what does not fit is said plainly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import kplm
from kplm.authors import convert_kbert
from kplm.convert import kbert
from kplm.convert.weights import read_weights
from kplm.errors import CheckpointError
from kplm.heads import Classify, TagInjected
from kplm.objectives import MaskedWords, NextSentence, Weighted

GOLDEN = Path(__file__).parents[1] / "golden" / "kbert" / "model_a"
WORDS, DECODER = "embedding.word_embedding.weight", "target.mlm_linear_2.weight"
TAGS = ["[PAD]", "[ENT]", "O", "B-LOC", "I-LOC", "B-PER"]
NEWER = {
    "embedding.word_embedding.": "embedding.word.embedding.",
    "embedding.position_embedding.": "embedding.pos.embedding.",
    "embedding.segment_embedding.": "embedding.seg.embedding.",
    "target.mlm_linear_": "target.mlm.linear_",
    "target.layer_norm.": "target.mlm.layer_norm.",
    "target.nsp_linear_": "target.sp.linear_",
}
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(0x4E00 + i) for i in range(91))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pretrained checkpoint under the names of the authors."""
    made = tmp_path / "google"
    made.mkdir()
    shutil.copy(GOLDEN / "model.bin", made / "google_model.bin")
    shutil.copy(GOLDEN / "config.json", made / "google_config.json")
    (made / "google_vocab.txt").write_text("".join(f"{word}\n" for word in VOCABULARY), encoding="utf-8")
    return made


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    state = read_weights(folder / "google_model.bin")
    change(state)
    torch.save(state, folder / "google_model.bin")


def tie(state: dict[str, Tensor]) -> None:
    state[DECODER] = state[WORDS].clone()


def finetune(state: dict[str, Tensor], head: str, keep_target: bool) -> None:
    """A pretrained state becomes a fine-tuned one."""
    state |= read_weights(GOLDEN / f"{head}_head.bin")
    for key in [] if keep_target else [key for key in state if key.startswith("target.")]:
        del state[key]


def renamed(state: dict[str, Tensor], prefixes: tuple[str, ...]) -> None:
    for old in [key for key in state if key.startswith(prefixes)]:
        prefix = next(prefix for prefix in NEWER if old.startswith(prefix))
        state[old.replace(prefix, NEWER[prefix])] = state.pop(old)


def test_every_layer_norm_is_folded_and_gives_what_their_formula_gives(folder: Path) -> None:
    state, found = read_weights(folder / "google_model.bin"), kbert.read(folder)
    ours = {f"{i}.{name}": part.norm for i, layer in enumerate(found.encoder.stack.layers) for name, part in
            (("layer_norm_1", layer.read), ("layer_norm_2", layer.think))}  # fmt: skip
    pairs = {f"encoder.transformer.{name}": (norm.weight, norm.bias) for name, norm in ours.items()}
    pairs["embedding.layer_norm"] = (found.encoder.embeddings.norm.weight, found.encoder.embeddings.norm.bias)
    prefix = "terms.masked_words.transform.norm"
    pairs["target.layer_norm"] = (found.pretraining[f"{prefix}.weight"], found.pretraining[f"{prefix}.bias"])
    assert {f"{name}.gamma" for name in pairs} == {key for key in state if key.endswith("gamma")}
    x = torch.randn(5, 32, dtype=torch.float64) * 3 + 1
    for name, (weight, bias) in pairs.items():
        gamma, beta = state[f"{name}.gamma"].double(), state[f"{name}.beta"].double()
        direct = gamma * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6) + beta
        folded = torch.nn.functional.layer_norm(x, (32,), weight.double(), bias.double(), found.config.eps)
        torch.testing.assert_close(folded, direct, atol=5e-6, rtol=0)
        assert not torch.allclose(weight.double(), gamma, atol=1e-3)


def test_sizes_come_from_config_and_weights(folder: Path) -> None:
    config = kbert.read(folder).config
    assert (config.vocab_size, config.positions, config.segments) == (96, 512, 2)
    assert (config.hidden, config.layers, config.heads, config.ffn) == (32, 2, 4, 64)
    assert (config.eps, config.activation, config.dropout, config.attention_dropout) == (1e-12, "gelu", 0.1, 0.1)


def test_the_segment_row_of_padding_is_dropped_and_the_pooler_is_theirs(folder: Path) -> None:
    state, encoder = read_weights(folder / "google_model.bin"), kbert.read(folder).encoder
    segments = encoder.embeddings.get_parameter("terms.segment_ids.weight")
    assert torch.equal(segments, state["embedding.segment_embedding.weight"][1:])
    assert torch.equal(encoder.pooler.dense.weight, state["target.nsp_linear_1.weight"])


@pytest.mark.parametrize(
    "prefixes", [tuple(NEWER), ("embedding.word", "embedding.pos", "embedding.seg"), ("target.",)], ids=["all", "tables", "target"]
)  # fmt: skip
def test_newer_names_give_the_same_model(folder: Path, prefixes: tuple[str, ...]) -> None:
    before = kbert.read(folder)
    rewrite(folder, lambda state: renamed(state, prefixes))
    after = kbert.read(folder)
    assert after.config == before.config
    for one, other in (
        (after.encoder.state_dict(), before.encoder.state_dict()),
        (after.pretraining, before.pretraining),
    ):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_tied_word_head_goes_on_in_pretraining(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    rewrite(folder, tie)
    found = kbert.read(folder)
    assert found.decoder is None
    assert found.encoder.beside == found.pretraining
    objective = Weighted([MaskedWords(), NextSentence()])
    objective.build(found.encoder)
    assert not objective.fresh
    assert "word decoder" not in caplog.text


def test_an_untied_word_head_stays_behind_and_says_so(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = kbert.read(folder)
    assert torch.equal(found.decoder, read_weights(folder / "google_model.bin")[DECODER])
    assert set(found.encoder.beside) == {"terms.next_sentence.output.weight", "terms.next_sentence.output.bias"}
    assert "terms.masked_words.bias" in found.pretraining
    assert "the checkpoint's word decoder is a matrix of its own" in caplog.text


@pytest.mark.parametrize("keep_target", [False, True])
def test_a_classifier_brings_its_own_pooler(folder: Path, keep_target: bool, caplog: pytest.LogCaptureFixture) -> None:
    rewrite(folder, lambda state: finetune(state, "classifier", keep_target))
    found, head = kbert.read(folder), read_weights(GOLDEN / "classifier_head.bin")
    assert isinstance(found.head, Classify)
    assert found.head.dropout.p == 0
    assert found.head.names == ("0", "1", "2")
    assert "does not name its 3 classes" in caplog.text
    assert torch.equal(found.encoder.pooler.dense.weight, head["output_layer_1.weight"])
    assert torch.equal(found.head.output.bias, head["output_layer_2.bias"])
    assert (found.pretraining, found.decoder) == ({}, None)
    assert kbert.read(folder, ["a", "b", "c"]).head.names == ("a", "b", "c")


def test_a_tagger_keeps_no_pooler(folder: Path) -> None:
    rewrite(folder, lambda state: finetune(state, "tagger", keep_target=True))
    found = kbert.read(folder, TAGS)
    assert isinstance(found.head, TagInjected)
    assert found.encoder.pooler is None
    assert found.head.names == tuple(TAGS)
    assert torch.equal(found.head.output.weight, read_weights(GOLDEN / "tagger_head.bin")["output_layer.weight"])


def test_a_head_in_a_file_of_its_own_is_joined(folder: Path) -> None:
    assert isinstance(kbert.read(folder, head=GOLDEN / "classifier_head.bin").head, Classify)
    with pytest.raises(CheckpointError, match=r"embedding.layer_norm.beta.*, which the checkpoint has too"):
        kbert.read(folder, head=folder / "google_model.bin")


@pytest.mark.parametrize(
    ("head", "names", "said"),
    [
        ("classifier", ["a"], r"1 class names were given, but output_layer_2.weight has 3 rows"),
        ("tagger", None, r"does not name its 6 classes.*\[PAD\], \[ENT\], then the tags in the order"),
        ("tagger", TAGS[:4], r"4 class names were given, but output_layer.weight has 6 rows.*\[PAD\], \[ENT\]"),
        ("tagger", [*TAGS[2:], *TAGS[:2]], r"begin with O, B-LOC; a tagger of the authors has \[PAD\], \[ENT\]"),
    ],
)
def test_class_names_that_do_not_fit(folder: Path, head: str, names: list[str] | None, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        kbert.read(folder, names, GOLDEN / f"{head}_head.bin")


def test_two_heads_are_ambiguous(folder: Path) -> None:
    rewrite(folder, lambda state: finetune(state, "tagger", keep_target=True))
    with pytest.raises(CheckpointError, match="heads of two tasks, output_layer_2 and output_layer"):
        kbert.read(folder, head=GOLDEN / "classifier_head.bin")


@pytest.mark.parametrize("head", [None, "classifier", "tagger"])
def test_missing_and_unexpected_keys_are_both_errors(folder: Path, head: str | None) -> None:
    def change(state: dict[str, Tensor]) -> None:
        state["target.other"] = state.pop("target.nsp_linear_2.bias")

    rewrite(folder, change)
    with pytest.raises(CheckpointError, match=r"(?s)1 missing: target.nsp_linear_2.bias\n1 unexpected: target.other"):
        kbert.read(folder, TAGS if head == "tagger" else None, head and GOLDEN / f"{head}_head.bin")


def test_names_of_two_ages_in_one_part_are_errors(folder: Path) -> None:
    rewrite(folder, lambda state: renamed(state, ("target.nsp",)))
    with pytest.raises(CheckpointError, match=r"missing: .*target.mlm.linear_1"):
        kbert.read(folder)


def test_a_table_that_is_missing_is_named(folder: Path) -> None:
    rewrite(folder, lambda state: state.pop("embedding.position_embedding.weight"))
    with pytest.raises(CheckpointError, match=r"position_embedding.weight must have the shape .* no such tensor"):
        kbert.read(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": None}, r"google_config.json lacks hidden_size; such a file has hidden_size, layers_num"),
        ({"layers_num": 3}, r"16 missing: encoder.transformer.2."),
        ({"layers_num": 1}, r"16 unexpected: encoder.transformer.1."),
        ({"feedforward_size": 48}, r"has the shape \[64, 32\], the config asks for \[48, 32\]"),
        ({"hidden_act": "relu"}, r"sets hidden_act to relu; this encoder has gelu"),
        ({"emb_size": 16}, r"sets emb_size to 16; this encoder has 32"),
        ({"layernorm_positioning": "pre"}, r"sets layernorm_positioning to pre; this encoder has post"),
    ],
)
def test_a_config_that_does_not_fit(folder: Path, change: dict[str, object], said: str) -> None:
    config = json.loads((folder / "google_config.json").read_text()) | change
    kept = {name: value for name, value in config.items() if value is not None}
    (folder / "google_config.json").write_text(json.dumps(kept))
    with pytest.raises(CheckpointError, match=said):
        kbert.read(folder)


class TestFiles:
    def test_a_file_is_read_with_config_and_vocabulary_beside_it(self, folder: Path) -> None:
        (folder / "classifier_head.bin").write_bytes((GOLDEN / "classifier_head.bin").read_bytes())
        whole, one = kbert.read(folder), kbert.read(folder / "google_model.bin")
        assert whole.vocab == one.vocab == folder / "google_vocab.txt"
        assert all(torch.equal(a, b) for a, b in zip(whole.encoder.parameters(), one.encoder.parameters()))

    def test_safetensors_and_other_names_of_the_config(self, folder: Path) -> None:
        save_file(read_weights(folder / "google_model.bin"), folder / "mine.safetensors")
        (folder / "google_model.bin").unlink()
        (folder / "google_vocab.txt").unlink()
        (folder / "google_config.json").rename(folder / "base_config.json")
        found = kbert.read(folder)
        assert found.config.layers == 2
        assert found.vocab is None

    def test_a_folder_without_config_says_where_to_take_it_from(self, folder: Path) -> None:
        (folder / "google_config.json").unlink()
        with pytest.raises(CheckpointError, match=r"has no config; looked for .* copy google_config.json"):
            kbert.read(folder)

    def test_several_configs_are_ambiguous(self, folder: Path) -> None:
        text = (folder / "google_config.json").read_text()
        (folder / "google_config.json").unlink()
        for name in ("tiny_config.json", "base_config.json"):
            (folder / name).write_text(text)
        with pytest.raises(CheckpointError, match=r"several configs: base_config.json, tiny_config.json"):
            kbert.read(folder)

    @pytest.mark.parametrize(
        ("text", "said"), [("{", "is no valid JSON"), ("[]", "holds a list, it must be a JSON object")]
    )
    def test_a_damaged_config(self, folder: Path, text: str, said: str) -> None:
        (folder / "google_config.json").write_text(text)
        with pytest.raises(CheckpointError, match=said):
            kbert.read(folder)

    def test_several_checkpoints_are_ambiguous(self, folder: Path) -> None:
        shutil.copy(folder / "google_model.bin", folder / "other.bin")
        with pytest.raises(CheckpointError, match=r"several UER checkpoints: google_model.bin, other.bin"):
            kbert.read(folder)

    def test_nothing_there(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(CheckpointError, match=r"holds no weights; .* found notes.txt"):
            kbert.read(tmp_path)
        with pytest.raises(CheckpointError, match="does not exist"):
            kbert.read(tmp_path / "nowhere")

    def test_another_system_is_named_by_its_keys(self, tmp_path: Path) -> None:
        torch.save({"bert.encoder.layer.0.attention.self.query.weight": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
        for source in (tmp_path, tmp_path / "pytorch_model.bin"):
            with pytest.raises(CheckpointError, match=r"no UER checkpoint: .*bert.encoder.* kplm.from_pretrained"):
                kbert.read(source)
        torch.save({"something": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match=r"such as something; .* of UER-py"):
            kbert.read(tmp_path)

    def test_a_damaged_file_is_an_error_only_where_it_is_all_there_is(self, folder: Path) -> None:
        (folder / "arguments.bin").write_bytes(b"no tensors")
        assert kbert.read(folder).config.layers == 2
        (folder / "google_model.bin").unlink()
        with pytest.raises(CheckpointError, match="arguments.bin is damaged"):
            kbert.read(folder)

    def test_a_vocabulary_longer_than_the_word_table(self, folder: Path) -> None:
        with (folder / "google_vocab.txt").open("a", encoding="utf-8") as file:
            file.write("x\n")
        with pytest.raises(CheckpointError, match="has 97 words, but the word table has 96 rows"):
            kbert.read(folder)


class TestFolders:
    """From the authors' files to a folder of ours."""

    def test_reading_one_without_converting_it_names_the_command(self, folder: Path) -> None:
        with pytest.raises(CheckpointError, match="run kplm convert kbert"):
            kplm.from_pretrained(folder)

    def test_a_pretrained_one_is_read_back_with_its_heads_and_its_tokenizer(self, folder: Path, tmp_path: Path) -> None:
        rewrite(folder, tie)
        out, found = convert_kbert(folder, tmp_path / "out"), kbert.read(folder)
        again = kplm.from_pretrained(out)
        assert all(torch.equal(a, b) for a, b in zip(again.parameters(), found.encoder.parameters()))
        assert again.beside.keys() == found.pretraining.keys()
        assert all(torch.equal(again.beside[name], found.pretraining[name]) for name in again.beside)
        assert (out / "tokenizer.json").is_file()

    def test_an_untied_one_leaves_the_word_head_out(self, folder: Path, tmp_path: Path) -> None:
        again = kplm.from_pretrained(convert_kbert(folder, tmp_path / "out"))
        assert {name.split(".")[1] for name in again.beside} == {"next_sentence"}

    def test_without_a_vocabulary_it_warns(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        convert_kbert(GOLDEN, tmp_path / "out")
        assert "has no tokenizer" in caplog.text
        assert not (tmp_path / "out" / "tokenizer.json").exists()

    def test_a_classifier_answers_with_and_without_a_graph(self, folder: Path, tmp_path: Path) -> None:
        rewrite(folder, lambda state: finetune(state, "classifier", keep_target=False))
        graph = tmp_path / "graph.spo"
        graph.write_text("一丁\t七\t万丈\n一丁\t七\t三\n", encoding="utf-8")
        plain = kplm.load(convert_kbert(folder, tmp_path / "plain", ["x", "y", "z"]))
        grown = kplm.load(convert_kbert(folder, tmp_path / "grown", ["x", "y", "z"], str(graph)))
        text = "丐一丁丑"
        [one], [other] = plain.predict([text]), grown.predict([text])
        assert one["label"] in "xyz"
        assert one["scores"] != other["scores"], "the branches of 一丁 are read"

    def test_a_tagger_tags_every_character(self, folder: Path, tmp_path: Path) -> None:
        rewrite(folder, lambda state: finetune(state, "tagger", keep_target=True))
        [answer] = kplm.load(convert_kbert(folder, tmp_path / "out", TAGS)).predict(["丐一 丁丑"])
        assert answer["words"] == ["丐", "一", "丁", "丑"]
        assert len(answer["tags"]) == 4
        assert set(answer["tags"]) <= set(TAGS[2:])
