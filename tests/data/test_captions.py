"""Captions and texts to masked batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kplm.config import VlBertConfig
from kplm.data.annotate import Regions
from kplm.data.captions import CaptionData
from kplm.data.looks import StoredRegions
from kplm.errors import DataError, KplmError, MissingFieldError
from kplm.fields import IGNORE
from kplm.masking import MaskRegions, MaskWords
from kplm.models import VlBert
from kplm.objectives import MaskedRegions, MaskedWords, SentenceImage, Weighted
from tests.conftest import SIZES, WORDS, write_rows
from tests.data import pictures

COUNT, CLASSES, WIDTH = 12, 5, 16


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    names = [f"{i}.png" for i in range(COUNT)]
    pictures.store(tmp_path / "store", names, WIDTH, CLASSES)
    rows = [{"image": name, "caption": [*WORDS[: 3 + i % 5]]} for i, name in enumerate(names)]
    (tmp_path / "texts.txt").write_text("the river was good\n\nrome lives\n")
    return {
        "train": str(write_rows(tmp_path / "c.jsonl", rows)),
        "store": str(tmp_path / "store"),
        "texts": str(tmp_path / "texts.txt"),
    }


def data(files: dict[str, str], tiny_bert: Path, classes: bool = True, **options: object) -> CaptionData:
    regions = Regions(StoredRegions(files["store"], classes))
    found = CaptionData(str(tiny_bert), regions, train=files["train"], batch_rows=6, **options)  # type: ignore[arg-type]
    found.setup("fit")
    return found


def batches(found: CaptionData) -> list[dict[str, torch.Tensor]]:
    return list(found.train_dataloader())


def test_a_step_on_captions_and_texts_has_both_masked_losses(files: dict[str, str], tiny_bert: Path) -> None:
    maskers = [MaskWords(), MaskRegions(share=0.5)]
    found = data(files, tiny_bert, maskers=maskers, texts=files["texts"], mismatched=0.5)
    config = VlBertConfig(**SIZES, visual_size=32, feature_width=WIDTH, geometry_width=64, region_classes=CLASSES)
    model, objective = VlBert(config), Weighted([MaskedWords(), MaskedRegions(), SentenceImage()])
    objective.build(model)
    some = batches(found)
    assert sum(len(batch["input_ids"]) for batch in some) == COUNT + 2
    assert any((batch["regions"].sum(1) == 0).any() for batch in some)
    losses = objective(model, some[0])
    losses["loss"].backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert found.sizes["feature_width"] == WIDTH
    assert {field for reads in objective.reads.values() for field in reads} | model.reads <= found.writes


def test_every_epoch_masks_anew_and_every_run_alike(files: dict[str, str], tiny_bert: Path) -> None:
    def epochs() -> list[dict[int, list[int]]]:
        loader = data(files, tiny_bert, maskers=[MaskWords(), MaskRegions(share=0.5)]).train_dataloader()
        return [
            {
                row: hidden
                for batch in loader
                for row, hidden in zip(batch["row"].tolist(), batch["hidden_regions"].tolist())
            }
            for _ in range(2)
        ]

    one, other = epochs(), epochs()
    assert one == other
    assert one[0] != one[1]


def test_about_the_share_that_is_asked_for_gets_another_picture(files: dict[str, str], tiny_bert: Path) -> None:
    rows = data(files, tiny_bert, texts=files["texts"], mismatched=0.5)._rows["train"]
    drawn = [rows[(row, epoch)] for epoch in range(40) for row in range(COUNT)]
    wrong = [row for row in drawn if row["sentence_image"] == 0]
    assert 0.35 < len(wrong) / len(drawn) < 0.55
    right = [row for row in drawn if row["sentence_image"] == 1]
    assert all(len(row["regions"]) == 2 + row["row"] % 3 for row in right)
    assert rows[COUNT]["sentence_image"] == IGNORE


def test_lengths_count_regions_beside_tokens(files: dict[str, str], tiny_bert: Path) -> None:
    rows = data(files, tiny_bert)._rows["train"]
    assert rows.lengths.tolist() == [len(rows[i]["input_ids"]) + len(rows[i]["regions"]) for i in range(COUNT)]
    assert rows.positions == max(len(rows[i]["input_ids"]) for i in range(COUNT)) + 2


def test_masked_regions_need_classes(files: dict[str, str], tiny_bert: Path) -> None:
    found = data(files, tiny_bert, classes=False, maskers=[MaskRegions()])
    with pytest.raises(MissingFieldError, match="MaskRegions reads batch field 'region_labels'"):
        found.writes  # noqa: B018


def test_what_cannot_be_is_refused(files: dict[str, str], tiny_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(KplmError, match="mismatched=2"):
        data(files, tiny_bert, mismatched=2)
    (tmp_path / "c.jsonl").write_text("")
    with pytest.raises(DataError, match="holds no caption"):
        data(files, tiny_bert)
    with pytest.raises(DataError, match="data.test names no file"):
        CaptionData(str(tiny_bert), Regions(StoredRegions(files["store"]))).setup("test")


@pytest.mark.parametrize(("together", "words", "regions"), [(8, 4, 4), (9, 5, 4), (11, 7, 4), (12, 8, 4)])
def test_the_longer_of_text_and_picture_is_cut_until_both_fit(
    files: dict[str, str], tiny_bert: Path, together: int, words: int, regions: int
) -> None:
    whole, cut = data(files, tiny_bert)._rows["train"], data(files, tiny_bert, together=together)._rows["train"]
    row, short = whole[8], cut[8]  # 8 tokens, 4 regions
    assert (len(row["input_ids"]), len(row["regions"])) == (8, 4)
    assert (len(short["input_ids"]), len(short["regions"])) == (words, regions)
    assert short["input_ids"][-1] == row["input_ids"][-1]
    assert short["input_ids"][:-1].tolist() == row["input_ids"][: len(short["input_ids"]) - 1].tolist()
    assert short["position_ids"].tolist() == list(range(len(short["input_ids"])))
    assert {name: len(short[name]) for name in ("document", "segment_ids", "token_regions")} == dict.fromkeys(
        ("document", "segment_ids", "token_regions"), len(short["input_ids"])
    )
    assert short["region_features"].tolist() == row["region_features"][: len(short["regions"])].tolist()
    best = row["region_labels"][1:].max(1)
    assert best.tolist() == sorted(best, reverse=True)
    assert cut.lengths.max() <= together
    with pytest.raises(KplmError, match="together=3 leaves no room"):
        data(files, tiny_bert, together=3)
