"""The recorded outputs of the authors' code hold, and the command that checks them notices when they do not."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.golden.check import OUTPUTS, cases, main, systems
from tests.golden.systems.ernie_thu_text import featurise

HERE = Path(__file__).parent
SHIPPED = [case for name, system in systems().items() for case in cases(HERE / name, system.files)]


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., Path]:
    return lambda name, system="ernie_thu": Path(shutil.copytree(HERE / system / name, tmp_path / name))


def alter_weights(path: Path, key: str) -> None:
    state = torch.load(path, weights_only=True)
    state[key].view(-1)[-1] += 0.5
    torch.save(state, path)


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_shipped_cases(case: Path) -> None:
    assert main([case.parent.name, str(case)]) == 0


def test_cases_are_folders_and_files_of_the_system() -> None:
    assert [case.name for case in SHIPPED if case.parent.name == "kbert"] == ["model_a", "model_b", "ner_metric.json"]


def test_a_folder_of_cases_is_checked_as_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["check", "ernie_thu", str(HERE / "ernie_thu")])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(HERE / "check.py"), run_name="__main__")
    assert not end.value.code
    assert "4 cases, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("pretrain_a", "bert.encoder.layer.1.intermediate.dense_ent.bias"),
        ("pretrain_b", "cls.predictions_ent.transform.dense.weight"),
        ("pretrain_b", "bert.encoder.layer.1.output.dense_ent.bias"),
        ("typing", "typing.weight"),
        ("relation_tacred", "bert.encoder.layer.2.attention.self_ent.query.weight"),
    ],
)
def test_a_changed_weight_fails(copied: Callable[[str], Path], name: str, key: str) -> None:
    case = copied(name)
    alter_weights(case / "pytorch_model.bin", key)
    assert main(["ernie_thu", str(case)]) == 1


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("model.bin", "encoder.transformer.1.layer_norm_2.gamma"),
        ("model.bin", "encoder.transformer.0.self_attn.linear_layers.2.bias"),
        ("model.bin", "embedding.segment_embedding.weight"),
        ("model.bin", "target.mlm_linear_2.bias"),
        ("model.bin", "target.nsp_linear_1.weight"),
        ("classifier_head.bin", "output_layer_1.weight"),
        ("tagger_head.bin", "output_layer.bias"),
    ],
)
def test_a_changed_weight_of_kbert_fails(copied: Callable[..., Path], file: str, key: str) -> None:
    case = copied("model_b", "kbert")
    alter_weights(case / file, key)
    assert main(["kbert", str(case)]) == 1


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("core_scale", "end_embedding.weight"),
        ("core_scale", "visual_scale_object"),
        ("core_scale", "visual_1x1_text.bias"),
        ("pretrain_precomputed", "vlbert.visual_ln_text.weight"),
        ("pretrain_precomputed", "object_mask_visual_embedding.weight"),
        ("pretrain_precomputed", "vlbert.token_type_embeddings.weight"),
        ("pretrain_precomputed", "vlbert.mvrc_head.region_cls_pred.bias"),
        ("vqa_head", "image_feature_extractor.obj_downsample.1.bias"),
        ("vqa_head", "final_mlp.0.LayerNorm.weight"),
    ],
)
def test_a_changed_weight_of_vlbert_fails(copied: Callable[..., Path], name: str, key: str) -> None:
    case = copied(name, "vlbert")
    alter_weights(case / "model.bin", key)
    assert main(["vlbert", str(case)]) == 1


@pytest.mark.parametrize("name", ["case1_heads", "case2_tied_end_to_end"])
@pytest.mark.parametrize(
    "table", ["word_table", "sense_table", "allowed_mask", "position_table", "ln_beta", "mlm_mask", "span_allowed"]
)
def test_a_changed_input_of_sensebert_fails(copied: Callable[..., Path], name: str, table: str) -> None:
    case = copied(name, "sensebert")
    inputs = load_file(case / "inputs.safetensors")
    given = inputs[table]
    inputs[table] = ~given if given.dtype == torch.bool else given + 0.5
    save_file(inputs, case / "inputs.safetensors")
    assert main(["sensebert", str(case), "--atol", "1e-6"]) == 1


@pytest.mark.parametrize("name", ["case1_heads", "case2_tied_end_to_end"])
def test_every_recorded_tensor_of_sensebert_counts(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    case = copied(name, "sensebert")
    outputs = load_file(case / OUTPUTS)
    altered = {key: ~value if value.dtype == torch.bool else value + 1e-5 for key, value in outputs.items()}
    where = {key: value for key, value in outputs.items() if key.endswith("_index")}
    save_file(altered | where, case / OUTPUTS)
    assert main(["sensebert", str(case), "--atol", "1e-6"]) == 1
    failed = {line.split()[2] for line in capsys.readouterr().out.splitlines() if line.startswith("  FAIL")}
    failed = {"slm_valid" if name == "exact" else name for name in failed}
    assert failed == set(outputs) - set(where)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("case1_pair_classification", "cnn.char_cnn.weight"),
        ("case1_pair_classification", "tag_model.embed.LayerNorm.bias"),
        ("case1_pair_classification", "tag_model.fc.weight"),
        ("case1_pair_classification", "pool.bias"),
        ("case2_single_bigru", "tag_model.bigru.weight_hh_l0_reverse"),
        ("case2_single_bigru", "dense.weight"),
        ("case2_single_bigru", "classifier.bias"),
    ],
)
def test_a_changed_weight_of_sembert_fails(copied: Callable[..., Path], name: str, key: str) -> None:
    case = copied(name, "sembert")
    alter_weights(case / "pytorch_model.bin", key)
    assert main(["sembert", str(case)]) == 1


@pytest.mark.parametrize("name", ["case1_pair_classification", "case2_single_bigru"])
def test_every_recorded_tensor_of_sembert_counts(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    case = copied(name, "sembert")
    outputs = load_file(case / OUTPUTS)
    save_file({key: value + 1e-4 for key, value in outputs.items()}, case / OUTPUTS)
    assert main(["sembert", str(case), "--atol", "1e-5"]) == 1
    failed = {line.split()[2] for line in capsys.readouterr().out.splitlines() if line.startswith("  FAIL")}
    assert failed == set(outputs)


def test_a_changed_tag_of_sembert_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads((HERE / "sembert" / "alignment.json").read_text(encoding="utf-8"))
    found["cases"][11]["expected"]["input_tag_ids_if_fixed"][2][1] += 1
    (tmp_path / "alignment.json").write_text(json.dumps(found))
    assert main(["sembert", str(tmp_path)]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  FAIL")]
    assert len(failed) == 1
    assert "p12_vanishing_word_bug: tags" in failed[0]


@pytest.mark.parametrize(("name", "index"), [("boxes", (0, 1, 0)), ("mvrc_ops", (0, 2)), ("mvrc_labels", (2, 1, 3))])
def test_a_changed_input_of_vlbert_fails(copied: Callable[..., Path], name: str, index: tuple[int, ...]) -> None:
    case = copied("pretrain_precomputed", "vlbert")
    inputs = load_file(case / "inputs.safetensors")
    inputs[name][index] += 1
    save_file(inputs, case / "inputs.safetensors")
    assert main(["vlbert", str(case)]) == 1


def test_a_recorded_padding_of_vlbert_may_hold_anything(copied: Callable[..., Path]) -> None:
    """The first row of the case has slots behind its [END]."""
    case = copied("pretrain_precomputed", "vlbert")
    outputs = load_file(case / OUTPUTS)
    for slot, status in ((14, 0), (13, 1)):
        outputs["hidden_states.2"][0, slot] += 1
        save_file(outputs, case / OUTPUTS)
        assert main(["vlbert", str(case)]) == status


@pytest.mark.parametrize(("name", "at"), [("visible_matrix", 1), ("soft_positions", 1), ("ner_labels", 5)])
def test_a_changed_tree_of_kbert_fails(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str], name: str, at: int
) -> None:
    """Position 5 of the first text is an injected token."""
    case = copied("model_a", "kbert")
    inputs = load_file(case / "inputs.safetensors")
    inputs[name].view(-1)[at] ^= 1
    save_file(inputs, case / "inputs.safetensors")
    assert main(["kbert", str(case)]) == 1
    assert any(line.startswith("  FAIL") and name in line for line in capsys.readouterr().out.splitlines())


def test_a_changed_count_of_spans_fails(tmp_path: Path) -> None:
    text = (HERE / "kbert" / "ner_metric.json").read_text()
    (tmp_path / "ner_metric.json").write_text(text.replace('"pred_entities": 6', '"pred_entities": 7'))
    assert main(["kbert", str(tmp_path)]) == 1


def test_padding_may_differ_a_little_more_and_no_more(copied: Callable[..., Path]) -> None:
    case = copied("model_b", "kbert")
    for change, status in ((5e-3, 0), (1e-2, 1)):
        outputs = load_file(case / OUTPUTS)
        outputs["cls_logits_pool_last"][0, 0] += change
        save_file(outputs, case / OUTPUTS)
        assert main(["kbert", str(case)]) == status


@pytest.mark.parametrize("name", ["typing", "relation_tacred"])
def test_the_window_around_marked_spans_changes_nothing_where_they_fit(name: str) -> None:
    inputs = load_file(HERE / "ernie_thu" / name / "inputs.safetensors")
    made = featurise(HERE / "ernie_thu" / name, inputs, plain_cut=False)
    assert all(torch.equal(made[field], inputs[field]) for field in made)


def test_relation_data_in_the_form_of_fewrel_links_head_and_tail_alone(copied: Callable[[str], Path]) -> None:
    case = copied("relation_tacred")
    rows, inputs = json.loads((case / "data.json").read_text()), load_file(case / "inputs.safetensors")
    gold = [("Q10", "Q50"), ("Q30", "Q40"), ("Q60", "Q40")]
    for row, names in zip(rows, gold):
        row["ents"] = [[name, start, end] for name, (_, start, end) in zip(names, row["ents"])]
        del row["ann"]
    (case / "data.json").write_text(json.dumps(rows))
    made = featurise(case, inputs)
    assert torch.equal(made["input_ids"], inputs["input_ids"])
    assert [row[row >= 0].tolist() for row in made["entity_ids"]] == [[0, 4], [3, 2], [5, 3]]


def test_changed_raw_data_fails(copied: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    case = copied("typing")
    data = case / "data.json"
    data.write_text(data.read_text().replace("Q20", "Q30"))
    assert main(["ernie_thu", str(case)]) == 1
    assert "entity_ids (from data.json)" in capsys.readouterr().out


def test_a_tensor_nobody_compares_fails(copied: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    case = copied("pretrain_a")
    save_file(load_file(case / OUTPUTS) | {"another": torch.zeros(1)}, case / OUTPUTS)
    assert main(["ernie_thu", str(case)]) == 1
    assert "another  recorded, but not compared" in capsys.readouterr().out


def test_not_a_number_fails(copied: Callable[[str], Path]) -> None:
    case = copied("pretrain_a")
    outputs = load_file(case / OUTPUTS)
    outputs["pooled"][0, 0] = float("nan")
    save_file(outputs, case / OUTPUTS)
    assert main(["ernie_thu", str(case)]) == 1


def test_a_tolerance_can_be_too_strict(copied: Callable[[str], Path]) -> None:
    assert main(["ernie_thu", str(copied("pretrain_a")), "--atol", "1e-12"]) == 1


def test_damaged_weights_fail_with_their_message(
    copied: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    case = copied("typing")
    (case / "pytorch_model.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert main(["ernie_thu", str(case)]) == 1
    assert "git lfs pull" in capsys.readouterr().out


def test_a_path_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="neither a case nor a folder of cases"):
        main(["ernie_thu", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"there is no outputs.safetensors nor ner_metric.json nor trees.json"):
        main(["kbert", str(tmp_path)])
