"""No file runs code: a pickle that would write a file is refused at every entrance, with an error of ours, and writes none."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import kplm
from kg import EntityTable, KgError, TripleStore
from kg.importing import import_table
from kg.link import Linker
from kplm import authors
from kplm.cli import main
from kplm.convert.weights import read_weights
from kplm.data.sources import RefCoco
from kplm.errors import DataError, KplmError
from kplm.hub import export, from_pretrained, load_finetuned
from tests.conftest import VOCABULARY
from tests.untrusted.poison import WAYS, Payload, archive, array, checkpoint
from vision.errors import VisionError
from vision.regions import Caffe
from vision.stored import open_stored, read_stored

OURS = (KgError, KplmError, VisionError)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it_ran"


def test_the_payload_is_a_real_one(marker: Path) -> None:
    """Otherwise the tests below would prove nothing."""
    pickle.loads(pickle.dumps(Payload(marker))).close()
    assert marker.exists()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors", "a.model", "a.pth"])
def test_weights(tmp_path: Path, marker: Path, way: str, name: str) -> None:
    (tmp_path / name).write_bytes(checkpoint(marker, way))
    with pytest.raises(KplmError, match=rf"{name} is damaged.*Download it again"):
        read_weights(tmp_path / name)
    assert not marker.exists()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("read", [from_pretrained, load_finetuned, kplm.load], ids=lambda read: read.__name__)
def test_checkpoints_of_runs(tmp_path: Path, marker: Path, way: str, read: Callable[[Path], Any]) -> None:
    (tmp_path / "a.ckpt").write_bytes(checkpoint(marker, way))
    with pytest.raises(KplmError, match=r"a.ckpt is damaged, or holds Python objects.* save a plain state dict"):
        read(tmp_path / "a.ckpt")
    assert not marker.exists()


SIZES = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "vocab_size": len(VOCABULARY),
}
UER = {"emb_size": 8, "hidden_size": 8, "feedforward_size": 8, "heads_num": 2, "layers_num": 1, "dropout": 0.1}
CONFIGS = ("config.json", "bert_config.json", "ernie_config.json")
CONVERTED = {
    "ernie-thu": (authors.convert_ernie_thu, "pytorch_model.bin"),
    "kbert": (authors.convert_kbert, "google_model.bin"),
    "sembert": (authors.convert_sembert, "pytorch_model.bin"),
    "vlbert": (authors.convert_vlbert, "vl-bert.model"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("system", CONVERTED)
def test_checkpoints_of_the_authors(tmp_path: Path, marker: Path, system: str, way: str) -> None:
    folder, (convert, name) = tmp_path / "theirs", CONVERTED[system]
    folder.mkdir()
    for config in CONFIGS:
        (folder / config).write_text(json.dumps(SIZES))
    (folder / "google_config.json").write_text(json.dumps(UER))
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in VOCABULARY))
    (folder / name).write_bytes(checkpoint(marker, way))
    with pytest.raises(KplmError, match=rf"{name} is damaged, or holds Python objects"):
        convert(folder, tmp_path / "ours")
    assert not marker.exists()
    assert not (tmp_path / "ours").exists()


def test_the_folder_of_sensebert_which_is_one_of_tensorflow(tmp_path: Path, marker: Path) -> None:
    for name in ("variables/variables.index", "variables/variables.data-00000-of-00001", "saved_model.pb", "vocab.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(checkpoint(marker, "bare"))
    with pytest.raises(KplmError):
        authors.convert_sensebert(tmp_path, tmp_path / "ours")
    assert not marker.exists()


def test_a_model_folder_whose_weights_are_a_pickle(tmp_path: Path, marker: Path, tiny_bert: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny_bert / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(checkpoint(marker))
    with pytest.raises(KplmError, match=r"pytorch_model.bin is damaged, or holds Python objects"):
        from_pretrained(tmp_path)
    assert not marker.exists()


def test_the_commands_export_and_predict(tmp_path: Path, marker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, texts = tmp_path / "a.ckpt", tmp_path / "in.txt"
    bad.write_bytes(checkpoint(marker))
    texts.write_text("Rome fell.\n")
    with pytest.raises(KplmError, match="a.ckpt is damaged"):
        export(bad, tmp_path / "out")
    for words in (
        ["export", str(bad), str(tmp_path / "out")],
        ["predict", str(bad), str(texts), str(tmp_path / "out.jsonl")],
    ):
        assert main(words) == 1
        assert f"kplm: {bad} is damaged, or holds Python objects beside tensors" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "in.txt"]


@pytest.fixture
def config(tmp_path: Path, tiny_bert: Path, class_files: dict[str, str]) -> Path:
    """A run of BERT on two classes."""
    content: dict[str, Any] = {
        "trainer": {
            "max_steps": 1,
            "accelerator": "cpu",
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        },
        "model": {
            "class_path": "kplm.training.Finetune",
            "init_args": {
                "encoder": {"class_path": "kplm.hub.bert", "init_args": {"pretrained": str(tiny_bert)}},
                "head": {"class_path": "kplm.heads.Classify"},
            },
        },
        "data": {
            "class_path": "kplm.data.module.TextData",
            "init_args": {"source": "kplm.data.sources.JsonLines", "tokenizer": str(tiny_bert), **class_files},
        },
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("command", ["fit", "validate"])
def test_resuming(
    command: str,
    config: Path,
    tmp_path: Path,
    marker: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # torch's own way around; it opens no door here
    bad = tmp_path / "a.ckpt"
    bad.write_bytes(
        checkpoint(marker, **{"pytorch-lightning_version": "2.6.6", "loops": {}, "epoch": 0, "global_step": 0})
    )
    assert main([command, "-c", str(config), "--ckpt_path", str(bad)]) == 1
    assert f"kplm: {bad} is damaged, or holds Python objects" in capsys.readouterr().err
    assert not marker.exists()


def test_asking_for_code_to_be_run_is_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "-c", str(config), "--weights_only", "false"]) == 1
    assert "would run code that a checkpoint holds" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.pt", "a.pkl"])
def test_vectors_of_pykeen(tmp_path: Path, marker: Path, name: str) -> None:
    vectors = {"entity_representations.0._embeddings.weight": torch.ones(2, 3)}
    for way in WAYS:
        content = checkpoint(marker, way, state_dict=vectors, entity_to_id_dict={"Q1": 0, "Q2": 1})
        (tmp_path / name).write_bytes(content)
        if way == "zip":
            assert len(import_table(tmp_path / name, tmp_path / "out")) == 2, "read without running anything"
        else:
            with pytest.raises(KgError, match=rf"{name} cannot be read.*Copy or save it again"):
                import_table(tmp_path / name, tmp_path / "out")
    assert not marker.exists()


def test_vectors_of_numpy(tmp_path: Path, marker: Path) -> None:
    (tmp_path / "ids").write_text("Q1\nQ2\n")
    for name, content in (
        ("a.npy", array(marker)),
        ("b.npy", archive(marker, "a")),
        ("c.npy", checkpoint(marker, "bare")),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(KgError, match=rf"{name}.*numpy.save"):
            import_table(tmp_path / name, tmp_path / "out", ids=tmp_path / "ids")
    assert not marker.exists()


@pytest.mark.parametrize("way", WAYS)
def test_folders_of_ours(tmp_path: Path, marker: Path, way: str, tiny_table: Path) -> None:
    (tmp_path / "a.tsv").write_text("Rome\tin\tItaly\n")
    store = TripleStore.open(tmp_path / "a.tsv")
    store.save(tmp_path / "store")
    Linker.from_store(store).save(tmp_path / "linker")
    EntityTable.write(tmp_path / "table", ["Q1"], EntityTable.open(tiny_table).vectors(torch.zeros(1).long().numpy()))
    for kind, read in (("store", TripleStore.open), ("linker", Linker.open), ("table", EntityTable.open)):
        for path in [path for path in (tmp_path / kind).rglob("*") if path.is_file()]:
            whole = path.read_bytes()
            path.write_bytes(checkpoint(marker, way))
            with pytest.raises(KgError):
                read(tmp_path / kind) if path.name != "meta.json" or kind != "table" else EntityTable.open(
                    tmp_path / kind
                )
            path.write_bytes(whole)
    assert not marker.exists()


def test_features_of_pictures(tmp_path: Path, marker: Path) -> None:
    files = {
        "a.npz": archive(marker, "boxes", "features", "image_w", "image_h"),
        "b.npy": array(marker),
        "c.npz": checkpoint(marker),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VisionError, match=rf"{name}: .*Save arrays of numbers|{name}: has"):
            read_stored(tmp_path / name)
    with pytest.raises(VisionError, match="which are not read"):
        list(open_stored(tmp_path))
    assert not marker.exists()


@pytest.mark.parametrize("way", WAYS)
def test_weights_of_a_network_for_pictures(tmp_path: Path, marker: Path, way: str) -> None:
    (tmp_path / "a.pth").write_bytes(checkpoint(marker, way))
    with pytest.raises(VisionError, match=r"a.pth: it is damaged, or holds Python objects.*Save a plain state dict"):
        Caffe("resnet18", str(tmp_path / "a.pth"))
    assert not marker.exists()


def test_references_to_objects_which_are_published_as_a_pickle(tmp_path: Path, marker: Path) -> None:
    (tmp_path / "refs(unc).p").write_bytes(pickle.dumps([Payload(marker)]))
    (tmp_path / "instances.json").write_text('{"annotations": []}')
    with pytest.raises(DataError, match=r"refs\(unc\).p cannot be read: it names .*open"):
        list(RefCoco().read(tmp_path / "val"))
    assert not marker.exists()
