"""Regions are hidden by chance alone, never the whole picture, and only those asked for keep their classes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kplm.errors import KplmError
from kplm.masking import MaskRegions


def pictures(rows: int = 400, regions: int = 37) -> dict[str, Tensor]:
    """Every other row has four regions less."""
    real = torch.ones(rows, regions, dtype=torch.long)
    real[::2, -4:] = 0
    return {"regions": real, "region_labels": torch.full((rows, regions, 4), 0.25) * real[..., None]}


def run(masker: MaskRegions, batch: dict[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    return masker(batch, torch.Generator().manual_seed(seed))


def test_fifteen_per_cent_are_asked_for_and_nine_in_ten_of_them_are_hidden() -> None:
    batch = pictures()
    out = run(MaskRegions(), batch)
    asked, hidden = out["region_labels"].sum(-1) > 0, out["hidden_regions"] > 0
    allowed = batch["regions"][:, 1:].sum().item()
    assert asked.sum().item() / allowed == pytest.approx(0.15, abs=0.01)
    assert hidden.sum().item() / asked.sum().item() == pytest.approx(0.9, abs=0.02)
    assert asked[hidden].all()


def test_the_whole_picture_and_padding_are_never_chosen() -> None:
    batch = pictures()
    out = run(MaskRegions(1.0, 1.0), batch)
    assert not out["hidden_regions"][:, 0].any()
    assert not out["region_labels"][:, 0].any()
    assert torch.equal(out["hidden_regions"][:, 1:], batch["regions"][:, 1:])


def test_classes_are_kept_as_they_are_or_cleared_and_the_batch_given_stays() -> None:
    batch = pictures()
    before = {name: value.clone() for name, value in batch.items()}
    out = run(MaskRegions(), batch)
    assert out["region_labels"].unique().tolist() == [0, 0.25]
    assert all(torch.equal(batch[name], before[name]) for name in before)


def test_the_generator_is_the_only_chance() -> None:
    batch = pictures(20)
    one, same, other = (run(MaskRegions(), batch, seed)["region_labels"] for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_batches_without_pictures_pass() -> None:
    out = run(MaskRegions(), {"regions": torch.zeros(3, 0, dtype=torch.long), "region_labels": torch.zeros(3, 0, 0)})
    assert out["hidden_regions"].shape == (3, 0)
    assert out["region_labels"].shape == (3, 0, 0)


def test_shares_that_are_none_are_refused() -> None:
    for wrong in ({"share": 1.5}, {"hidden": -0.1}):
        with pytest.raises(KplmError, match="parts of a whole"):
            MaskRegions(**wrong)
