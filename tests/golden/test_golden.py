"""The recorded outputs of the authors' code hold, and the command that checks them notices when they do not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.golden.check import OUTPUTS, cases, main
from tests.golden.systems.ernie_thu_text import featurise

HERE = Path(__file__).parent
SHIPPED = [case for system in ("ernie_thu",) for case in cases(HERE / system)]


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(HERE / "ernie_thu" / name, tmp_path / name))


def alter_weights(case: Path, key: str) -> None:
    state = torch.load(case / "pytorch_model.bin", weights_only=True)
    state[key].view(-1)[0] += 0.5
    torch.save(state, case / "pytorch_model.bin")


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_shipped_cases(case: Path) -> None:
    assert main([case.parent.name, str(case)]) == 0


def test_a_folder_of_cases_is_checked_as_a_command() -> None:
    command = [sys.executable, "-m", "tests.golden.check", "ernie_thu", str(HERE / "ernie_thu")]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 cases, 0 failed" in done.stdout


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
    alter_weights(case, key)
    assert main(["ernie_thu", str(case)]) == 1


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
