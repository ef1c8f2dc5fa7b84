"""The ``kplm`` command from end to end on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import kplm
from kplm.cli import main
from tests.conftest import class_rows, write_rows


@pytest.fixture(scope="module")
def config(
    tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, tiny_table: Path, class_files: dict[str, str]
) -> str:
    """ERNIE-THU on two classes, as a YAML file."""
    encoder = {"pretrained": str(tiny_bert), "entity_width": 12, "entity_heads": 2}
    annotators = [{"class_path": "kplm.data.annotate.Entities", "init_args": {"table": str(tiny_table)}}]
    pool = {"class_path": "kplm.nn.pooling.Marked", "init_args": {"marks": 1}}
    content: dict[str, Any] = {
        "trainer": {
            "max_epochs": 3,
            "log_every_n_steps": 1,
            "accelerator": "cpu",
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "logger": {"class_path": "pytorch_lightning.loggers.CSVLogger", "init_args": {"save_dir": "logs"}},
        },
        "model": {
            "class_path": "kplm.training.Finetune",
            "init_args": {
                "encoder": {"class_path": "kplm.hub.ernie_thu", "init_args": encoder},
                "head": {"class_path": "kplm.heads.Classify", "init_args": {"pool": pool}},
                "optimization": {"lr": 1e-3, "fresh_lr": 1e-2},
            },
        },
        "data": {
            "class_path": "kplm.data.module.TextData",
            "init_args": {
                "source": "kplm.data.sources.JsonLines",
                "tokenizer": str(tiny_bert),
                "markers": {"mention": "$"},
                "batch_rows": 8,
                "max_length": 64,
                "annotators": annotators,
                **class_files,
            },
        },
    }
    path = tmp_path_factory.mktemp("cli") / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.fixture(scope="module")
def trained(config: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run: logs, config, checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fit", "-c", config]) == 0
    return folder


def checkpoint(folder: Path) -> str:
    [found] = folder.rglob("last.ckpt")
    return str(found)


def test_the_last_checkpoint_is_the_end_of_training_whenever_others_are_written(
    config: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = torch.load(checkpoint(trained), weights_only=True)["global_step"]
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "-c", config, "--checkpoint.every_n_train_steps", str(steps - 1)]) == 0
    assert torch.load(checkpoint(tmp_path), weights_only=True)["global_step"] == steps
    more = ["--ckpt_path", checkpoint(tmp_path), "--trainer.max_epochs", "4"]
    assert main(["fit", "-c", config, *more]) == 0
    found = [torch.load(path, weights_only=True)["global_step"] for path in tmp_path.rglob("last.ckpt")]
    assert sorted(found) == [steps, steps * 4 // 3]


def test_without_a_command_it_explains_itself(capsys: pytest.CaptureFixture) -> None:
    for words in ([], ["--help"], ["-h"]):
        assert main(words) == 0
        assert "usage: kplm COMMAND" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kplm {kplm.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["fit"],
        ["validate"],
        ["test"],
        ["predict"],
        ["compare"],
        ["kg"],
        ["kg", "train"],
        ["kg", "link"],
        ["kg", "info"],
        ["kg", "save"],
        ["convert"],
        ["convert", "ernie-thu"],
        ["convert", "kbert"],
        ["export"],
    ],
    ids=" ".join,
)
def test_every_command_has_help(words: list[str], capsys: pytest.CaptureFixture) -> None:
    try:
        status = main([*words, "--help"])
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 0
    assert "usage" in capsys.readouterr().out.lower()


def test_help_on_a_class_says_what_the_fields_of_its_dataclasses_mean(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--model.help", "kplm.training.Finetune"])
    assert "Peak learning rate of pretrained weights." in capsys.readouterr().out


def test_an_unknown_command_is_status_2(capsys: pytest.CaptureFixture) -> None:
    assert main(["fitt"]) == 2
    assert "there is no command 'fitt'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["kg", "trane"], "kplm kg has no command 'trane'; possible are train, import, link"),
        (
            ["convert", "bert"],
            "kplm convert has no command 'bert'; possible are ernie-thu, kbert, sembert, sensebert, vlbert.",
        ),
        (["export", "absent.ckpt", "out"], "absent.ckpt does not exist."),
        (["predict", "./absent", "in.txt", "out.jsonl"], "./absent does not exist."),
        (["kg", "info", "./absent"], "absent"),
        (["compare", "-c", "absent.yaml"], "there is no config file absent.yaml."),
    ],
)
def test_our_errors_are_one_message_without_a_traceback(
    words: list[str], said: str, capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    with pytest.raises(Exception, match=r"\w"):
        main(["--debug", *words])


def test_an_error_inside_a_run_is_printed_alone_too(
    config: str, capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = tmp_path / "train.jsonl"
    broken.write_text('{"text": "rome", "label": "a"}\n{"text": "rome", "lable": "a"}\n')
    assert main(["fit", "-c", config, "--data.init_args.train", str(broken)]) == 1
    error = capsys.readouterr().err
    assert "train.jsonl:2: field 'lable' is not known. Did you mean 'label'?" in error
    assert "Traceback" not in error


def test_fit_keeps_its_config_and_scores_beside_the_logs(trained: Path) -> None:
    [saved] = trained.rglob("config.yaml")
    [metrics] = trained.rglob("metrics.csv")
    found = yaml.safe_load(saved.read_text())
    assert found["model"]["init_args"]["encoder"]["class_path"] == "kplm.hub.ernie_thu"
    assert found["trainer"]["use_distributed_sampler"] is False
    assert {"val/accuracy", "val/loss", "train/loss"} <= set(metrics.read_text().splitlines()[0].split(","))


def test_print_config_prints_it_and_trains_nothing(config: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fit", "-c", config, "--print_config"])
    assert not end.value.code
    assert yaml.safe_load(capsys.readouterr().out)["data"]["init_args"]["batch_rows"] == 8


def test_options_reach_the_data_without_their_long_names(config: str, capsys: pytest.CaptureFixture) -> None:
    """As the shipped configs write them: ``--data.train FILE`` and the table of the one annotator."""
    with pytest.raises(SystemExit):
        main(
            [
                "fit",
                "-c",
                config,
                "--data.train",
                "other",
                "--data.annotators.init_args.table",
                "mine",
                "--print_config",
            ]
        )
    data = yaml.safe_load(capsys.readouterr().out)["data"]["init_args"]
    assert data["train"] == "other"
    assert [one["init_args"]["table"] for one in data["annotators"]] == ["mine"]


def test_validate_and_test_score_a_checkpoint_alike(
    config: str, trained: Path, class_files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kplm.command_line import lightning

    monkeypatch.chdir(tmp_path)
    options = ["-c", config, "--ckpt_path", checkpoint(trained), "--data.init_args.test", class_files["val"]]
    run = lightning(["validate", *options])
    assert set(run._subcommand_parsers) == {"validate"}, "options of commands that nobody asked for cost seconds"
    val = run.trainer.callback_metrics
    test = lightning(["test", *options]).trainer.callback_metrics
    assert float(val["val/accuracy"]) == float(test["test/accuracy"])
    assert float(val["val/loss"]) == pytest.approx(float(test["test/loss"]))


def test_predict_by_config_by_checkpoint_and_by_exported_folder_give_the_same_lines(
    config: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{name: row[name] for name in ("id", "text", "mention", "links")} for row in class_rows(11, seed=5)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    assert main(["export", checkpoint(trained), "model"]) == 0
    assert main(["predict", "model", str(source), "folder.jsonl"]) == 0
    assert main(["predict", checkpoint(trained), str(source), "checkpoint.jsonl"]) == 0
    callback = ["--trainer.callbacks+=kplm.training.callbacks.PredictionFile", "--trainer.callbacks.path=config.jsonl"]
    options = ["--ckpt_path", checkpoint(trained), "--data.init_args.predict", str(source)]
    assert main(["predict", "-c", config, *options, *callback]) == 0
    found = {
        name: [json.loads(line) for line in Path(f"{name}.jsonl").read_text().splitlines()]
        for name in ("folder", "checkpoint", "config")
    }
    assert [row["id"] for row in found["folder"]] == [row["id"] for row in rows]
    assert found["folder"] == found["checkpoint"]
    assert [row["label"] for row in found["config"]] == [row["label"] for row in found["folder"]]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_compare_writes_table_plot_and_results_and_does_nothing_twice(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "compare",
        "-c",
        config,
        "--knowledge",
        "on,off",
        "--seeds",
        "2",
        "--out",
        "cmp",
        "--trainer.max_epochs",
        "1",
    ]
    assert main(words) == 0
    table = (tmp_path / "cmp" / "table.md").read_text()
    assert "| on |" in table
    assert "| off |" in table
    assert (tmp_path / "cmp" / "plot.png").read_bytes()[:4] == b"\x89PNG"
    scores = json.loads((tmp_path / "cmp" / "results.json").read_text())["scores"]
    assert set(scores) == {"on/0", "on/1", "off/0", "off/1"}
    assert "[4/4]" in capsys.readouterr().out
    monkeypatch.setattr("kplm.command_line.lightning", lambda *_, **__: pytest.fail("a finished run ran again"))
    assert main(words) == 0
    assert json.loads((tmp_path / "cmp" / "results.json").read_text())["scores"] == scores


def test_compare_refuses_what_is_no_knowledge_setting(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "-c", config, "--knowledge", "on,of"]) == 1
    assert (
        "knowledge 'of' is not possible; choose from on, off, shuffled, no_soft_positions, no_visible_matrix. Did you mean"
        in capsys.readouterr().err
    )


def test_intervals_by_hand() -> None:
    from kplm.compare import Interval

    found = Interval.of([0.8, 0.9, 1.0])
    assert found.mean == pytest.approx(0.9)
    assert found.half == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-6)
    assert str(Interval.of([0.5])) == "50.00"


def test_graphs_are_described_linked_and_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    graph = tmp_path / "graph"
    graph.mkdir()
    (graph / "triples.tsv").write_text("paris\tcapital_of\tfrance\nrome\tcapital_of\titaly\n")
    (graph / "entities.tsv").write_text("id\tlabel\nparis\tParis\nrome\tRome\n")
    write_rows(tmp_path / "in.jsonl", [{"text": "Rome, not Paris."}])
    assert main(["kg", "info", "graph"]) == 0
    assert json.loads(capsys.readouterr().out)["triples"] == 2
    for words in (
        ["in.jsonl", "a.jsonl", "--graph", "graph"],
        ["--source=in.jsonl", "--out", "b.jsonl", "--graph=graph"],
    ):
        assert main(["kg", "link", *words]) == 0
    assert (tmp_path / "a.jsonl").read_text() == (tmp_path / "b.jsonl").read_text()
    links = json.loads((tmp_path / "a.jsonl").read_text())["links"]
    assert [link[2] for link in links] == ["rome", "paris"]
    settings = ["--epochs", "1", "--dim", "8", "--valid_fraction", "0", "--device", "cpu"]
    assert main(["kg", "train", "graph", "--out", "table", *settings]) == 0
    from kg import EntityTable

    assert (len(EntityTable.open("table")), EntityTable.open("table").width) == (4, 8)


def test_any_option_of_a_config_can_be_changed_on_the_command_line(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    overlay = tmp_path / "overlay.yaml"
    start = {"class_path": "kplm.hub.ernie_thu", "init_args": {"pretrained": "elsewhere"}}
    model = {"class_path": "kplm.training.Finetune", "init_args": {"encoder": start}}
    overlay.write_text(yaml.safe_dump({"model": model}))
    with pytest.raises(SystemExit):
        main(["fit", "-c", config, "-c", str(overlay), "--model.optimization.lr=0.5", "--print_config"])
    shown = yaml.safe_load(capsys.readouterr().out)["model"]["init_args"]
    assert shown["optimization"]["lr"] == 0.5
    assert shown["optimization"]["fresh_lr"] == 0.01
    assert shown["encoder"]["init_args"]["pretrained"] == "elsewhere"
    assert shown["encoder"]["init_args"]["entity_width"] == 12
    assert shown["head"]["class_path"] == "kplm.heads.Classify"


def test_pretraining_by_config_is_scored_exported_and_fine_tuned_from(
    config: str, corpora: dict[str, str], tiny_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load(Path(config).read_text())
    encoder = content["model"]["init_args"]["encoder"]
    terms = [{"class_path": f"kplm.objectives.{name}"} for name in ("MaskedWords", "NextSentence", "EntityDenoising")]
    objective = {"class_path": "kplm.objectives.Weighted", "init_args": {"terms": terms}}
    maskers = [{"class_path": f"kplm.masking.{name}"} for name in ("MaskWords", "EntityNoise")]
    entities = {"class_path": "kplm.data.annotate.Entities", "init_args": {"table": str(tiny_table)}}
    files = {"train": corpora["train"], "val": corpora["val"]}
    trainer = {**content["trainer"], "max_epochs": 1, "logger": False, "default_root_dir": str(tmp_path)}
    pretraining = {
        "trainer": trainer,
        "model": {
            "class_path": "kplm.training.Pretrain",
            "init_args": {"encoder": encoder, "objective": objective, "optimization": {"lr": 1e-3}},
        },
        "data": {
            "class_path": "kplm.data.pretraining.CorpusData",
            "init_args": {**files, "maskers": maskers, "entities": entities},
        },
    }
    path = tmp_path / "pretrain.yaml"
    path.write_text(yaml.safe_dump(pretraining))
    assert main(["fit", "-c", str(path), f"--checkpoint.dirpath={tmp_path}/saved"]) == 0
    last = tmp_path / "saved" / "last.ckpt"
    assert main(["validate", "-c", str(path), "--ckpt_path", str(last)]) == 0
    assert main(["export", str(last), str(tmp_path / "model")]) == 0
    start = [f"--model.encoder.init_args.pretrained={tmp_path}/model", "--trainer.fast_dev_run=1"]
    assert main(["fit", "-c", config, *start]) == 0


def test_a_checkpoint_of_the_kbert_authors_is_converted_and_tags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    golden = Path(__file__).parents[1] / "golden" / "kbert" / "model_a"
    state = torch.load(golden / "model.bin", weights_only=True)
    torch.save(state | torch.load(golden / "tagger_head.bin", weights_only=True), "tagger.bin")
    (tmp_path / "config.json").write_text((golden / "config.json").read_text())
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
    (tmp_path / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    assert main(["convert", "kbert", "tagger.bin", "model"]) == 1
    assert "is a tagger and does not name its 6 classes" in capsys.readouterr().err
    names = ["[PAD]", "[ENT]", "O", "B-X", "I-X", "B-Y"]
    assert main(["convert", "kbert", "tagger.bin", "model", f"--labels={json.dumps(names)}"]) == 0
    assert capsys.readouterr().out == "wrote model\n"
    (tmp_path / "in.txt").write_text("ab\n")
    assert main(["predict", "model", "in.txt", "out.jsonl"]) == 0
    answer = json.loads((tmp_path / "out.jsonl").read_text())
    assert answer["words"] == ["a", "b"]
    assert set(answer["tags"]) <= set(names[2:])
