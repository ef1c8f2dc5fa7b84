"""VCR from its files to a step of training, and from predictions to its scores."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from kplm import hub, score
from kplm.data.annotate import Regions
from kplm.data.looks import Pixels
from kplm.data.module import TextData
from kplm.data.sources import Vcr
from kplm.data.sources.vcr_objects import OBJECTS
from kplm.data.sources.vcr_scores import vcr_accuracy, vcr_table
from kplm.errors import DataError
from kplm.fields import IGNORE
from kplm.heads import GroundedChoice
from kplm.training import Finetune
from tests.conftest import write_rows
from tests.data import pictures
from vision.regions import Caffe

SMALL = {"short": 32, "long": 48}


def read(folder: Path, ask: str = "answer", **options: Any) -> list[Any]:
    return list(Vcr(str(folder / "images"), ask, **options).read(folder / "val.jsonl"))


def unlabelled(folder: Path) -> None:
    """Leave the labels out, as in the test file."""
    path = Path(pictures.vcr(folder, "val"))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write_rows(path, [{name: value for name, value in row.items() if "label" not in name} for row in rows])


def test_objects_have_the_numbers_of_their_classes(tmp_path: Path) -> None:
    pictures.vcr(tmp_path, "val")
    assert (len(OBJECTS), OBJECTS[1], OBJECTS[80]) == (81, "person", "toothbrush")
    assert read(tmp_path)[0].picture.kinds == (1, 1, IGNORE), "a river is none of COCO's objects"
    assert read(tmp_path, classes=["none", "river", "person"])[0].picture.kinds == (2, 2, 1)


def test_without_labels_each_answer_is_followed_by_all_reasons(tmp_path: Path) -> None:
    unlabelled(tmp_path)
    answers, reasons = read(tmp_path), read(tmp_path, "rationale")
    assert (len(answers), len(reasons)) == (3 * 4, 3 * 16)
    assert all(one.label is None for one in answers + reasons)
    assert [one.group for one in reasons[:16:4]] == [f"val-0-a{n}" for n in range(4)]
    assert (reasons[0].text, reasons[15].text) == ("was Riley in the river he is Casey", "was Riley in the river bad")
    assert reasons[15].id == "val-0-a3-3"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"answer_label": 4}, r"val.jsonl:1: field 'answer_label' must be the number of a choice, from 0 to 3"),
        ({"objects": ["person", "person"]}, r"there are 2 objects, but 3 boxes in .*a.json"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = Path(pictures.vcr(tmp_path, "val"))
    write_rows(path, [json.loads(path.read_text().splitlines()[0]) | change])
    with pytest.raises(DataError, match=told):
        read(tmp_path)


def fields(folder: Path, tiny_bert: Path, **options: Any) -> dict[str, Any]:
    """The fields of the first row."""
    path, source = pictures.vcr(folder, "val"), Vcr(str(folder / "images"))
    parts = {"labels": ["right", "wrong"], "annotators": [Regions(Pixels(**SMALL, **options))]}
    data = TextData(source, str(tiny_bert), "choices", path, **parts)
    data.setup("fit")
    return data._rows["train"][(0, 0)][0]  # type: ignore[return-value, index]


def test_masks_are_the_outlines_inside_the_boxes(tmp_path: Path, tiny_bert: Path) -> None:
    found = fields(tmp_path, tiny_bert, masks=14)["region_masks"]
    assert found.shape == (4, 14, 14)
    assert found[[0, 2]].all(), "the whole picture, and a box without an outline"
    assert found[1].tolist() == [[1.0] * 7 + [0.0] * 7] * 14, "the left half of the box"
    assert (found[3] == np.tri(14)[::-1]).mean() > 0.9, "a triangle at the upper left"
    assert "region_masks" not in fields(tmp_path, tiny_bert)


def test_masks_are_mirrored_with_the_picture(tmp_path: Path, tiny_bert: Path) -> None:
    plain, other = (fields(tmp_path, tiny_bert, flip=flip, masks=14)["region_masks"] for flip in (0.0, 1.0))
    np.testing.assert_array_equal(other, plain[..., ::-1])


def test_regions_know_what_they_show(tmp_path: Path, tiny_bert: Path) -> None:
    assert fields(tmp_path, tiny_bert)["region_kinds"].tolist() == [0, 1, 1, IGNORE]


@pytest.mark.parametrize(
    ("segms", "told"),
    [
        ([[], []], "has 2 outlines for 3 boxes"),
        (None, "has no list 'segms' for 3 boxes"),
        ([[], [[[1, 2, 3]]], []], r"the outline of box 1 is no list of \[x, y\]"),
        ([[], [[[1, 2], [3]]], []], r"the outline of box 1 is no list of \[x, y\]"),
    ],
)
def test_outlines_that_are_wrong_are_told(tmp_path: Path, segms: Any, told: str) -> None:
    pictures.vcr(tmp_path, "val")
    path = tmp_path / "images/a.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"segms": segms}))
    with pytest.raises(DataError, match=told):
        Pixels(masks=14, **SMALL).read(read(tmp_path)[0].picture)


def test_a_text_without_a_picture_has_no_masks(tmp_path: Path) -> None:
    nothing = Pixels(masks=14).nothing()
    assert nothing.by_region["region_masks"].shape == (0, 14, 14)
    assert nothing.by_region["region_kinds"].shape == (0,)


def trained(folder: Path, tiny_bert: Path) -> tuple[Finetune, TextData, pl.Trainer]:
    """A tiny model, its data and what trains it for two steps."""
    torch.manual_seed(0)
    path = pictures.vcr(folder, "val")
    source = Vcr(str(folder / "images"))
    data = TextData(
        source,
        str(tiny_bert),
        "choices",
        train=path,
        val=path,
        predict=path,
        predict_source=source,
        labels=["right", "wrong"],
        annotators=[Regions(Pixels(masks=14))],
        batch_rows=2,
    )
    encoder = hub.vlbert(str(tiny_bert), features=Caffe("resnet18", None, short=32, long=48), visual_init=0.1)
    model = Finetune(encoder, GroundedChoice(81), ["right", "wrong"])
    how = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_steps=2, accelerator="cpu", use_distributed_sampler=False, **how)
    return model, data, trainer


def test_files_become_steps_scores_and_a_table(
    tmp_path: Path, tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data, trainer = trained(tmp_path, tiny_bert)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.fit(model, data)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {"head.output.weight", "head.objects.output.weight"} <= moved
    assert "encoder.features.module.layer4.0.conv1.weight" in moved
    accuracy = float(trainer.callback_metrics["val/accuracy"])
    found = dict(pair for batch in trainer.predict(model, data) for pair in batch)
    rows = data.answers(found)
    assert (rows[0]["id"], rows[0]["group"]) == ("val-0-0", "val-0")
    path = write_rows(tmp_path / "answers.jsonl", rows)
    gold = tmp_path / "val.jsonl"
    assert vcr_accuracy(gold, path, path)["Q->A"] == pytest.approx(accuracy)
    score.vcr(str(path), str(path), str(gold))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["Q->A", "QA->R", "Q->AR"]


def test_the_choices_of_a_question_are_looked_at_once(tmp_path: Path, tiny_bert: Path) -> None:
    """And see what they would see alone."""
    model, data, _ = trained(tmp_path, tiny_bert)
    model.eval()
    data.suit(model.encoder.pictures)
    data.setup("fit")
    batch = next(iter(data.val_dataloader()))
    shown: list[int] = []
    model.encoder.features.module.register_forward_hook(lambda _, given, __: shown.append(len(given[0])))
    with torch.no_grad():
        together = model.encoder.features(batch)
        alone = [
            model.encoder.features({name: values[i : i + 1] for name, values in batch.items()})[0]
            for i in range(len(together))
        ]
    assert (len(together), shown) == (12, [1] + [1] * 12), "all questions are about one picture"
    torch.testing.assert_close(together, torch.stack(alone))


def predicted(path: Path, groups: list[str], best: list[int]) -> Path:
    chances = [
        {"id": f"{group}-{n}", "group": group, "scores": {"right": 0.8 if n == one else 0.5}}
        for group, one in zip(groups, best)
        for n in range(4)
    ]
    return write_rows(path, chances)


def test_the_table_of_the_server_has_answers_and_reasons_given_each(tmp_path: Path) -> None:
    answers = predicted(tmp_path / "a.jsonl", ["t-1", "t-0"], [2, 0])
    given = [f"t-{i}-a{n}" for i in range(2) for n in range(4)]
    rationales = predicted(tmp_path / "r.jsonl", given, [0, 1, 2, 3, 3, 2, 1, 0])
    assert vcr_table(answers, rationales, tmp_path / "out.csv") == 2
    first, second = csv.DictReader((tmp_path / "out.csv").open())
    assert list(first)[:6] == [
        "annot_id",
        "answer_0",
        "answer_1",
        "answer_2",
        "answer_3",
        "rationale_conditioned_on_a0_0",
    ]
    assert (len(first), list(first)[-1]) == (21, "rationale_conditioned_on_a3_3")
    assert (first["annot_id"], second["annot_id"]) == ("t-1", "t-0")
    shares = [float(first[f"answer_{n}"]) for n in range(4)]
    assert shares == pytest.approx(torch.tensor([0.5, 0.5, 0.8, 0.5]).logit().softmax(0).tolist(), abs=1e-5)
    assert max(range(4), key=lambda n: float(second[f"rationale_conditioned_on_a3_{n}"])) == 3
    assert sum(float(second[f"rationale_conditioned_on_a2_{n}"]) for n in range(4)) == pytest.approx(1, abs=1e-4)


def test_certain_choices_have_shares_too(tmp_path: Path) -> None:
    rows = [{"id": f"t-{n}", "group": "t", "scores": {"right": float(n == 1)}} for n in range(4)]
    reasons = [{**row, "id": f"t-a{a}-{n}", "group": f"t-a{a}"} for a in range(4) for n, row in enumerate(rows)]
    vcr_table(write_rows(tmp_path / "a", rows), write_rows(tmp_path / "r", reasons), tmp_path / "out.csv")
    [row] = csv.DictReader((tmp_path / "out.csv").open())
    assert float(row["answer_1"]) == pytest.approx(1)


def test_the_table_needs_reasons_given_each_answer(tmp_path: Path) -> None:
    path = predicted(tmp_path / "a.jsonl", ["t"], [1])
    with pytest.raises(DataError, match="0 of the 4 choices of question t-a0"):
        vcr_table(path, path, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_the_commands_write_what_servers_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = predicted(tmp_path / "a.jsonl", ["t"], [1])
    rationales = predicted(tmp_path / "r.jsonl", [f"t-a{n}" for n in range(4)], [1] * 4)
    score.vcr_leaderboard(str(answers), str(rationales), str(tmp_path / "vcr.csv"))
    questions = write_rows(tmp_path / "q.jsonl", [{"id": "7", "answer": "2"}])
    score.vqa_leaderboard(str(questions), str(tmp_path / "vqa.json"))
    assert json.loads((tmp_path / "vqa.json").read_text()) == [{"question_id": 7, "answer": "2"}]
    assert "wrote 1 questions" in capsys.readouterr().out
