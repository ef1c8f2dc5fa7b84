"""Pretraining from prepared corpora: it learns, resumes to the bit, and is gone on from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

import kplm
from kplm.data.annotate import Entities
from kplm.data.pretraining import CorpusData
from kplm.errors import CheckpointError, KplmError, MissingFieldError
from kplm.hub import ernie_thu, export
from kplm.masking import EntityNoise, MaskWords, WholeWords
from kplm.objectives import EntityDenoising, MaskedWords, NextSentence, Term, Weighted
from kplm.training import Optimization, Pretrain
from kplm.training.callbacks import RandomState
from tests.conftest import WIDTH, tiny_encoder, tiny_ernie
from tests.training import run

ALL = (MaskedWords, NextSentence, EntityDenoising)


class Losses(Callback):
    """Every step's loss, to the last bit."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Keep the loss."""
        self.seen.append(args[1]["loss"].item().hex())


def data(corpora: dict[str, str], table: Path, **options: Any) -> CorpusData:
    maskers = [MaskWords(WholeWords()), EntityNoise()]
    files = {"train": corpora["train"], "val": corpora["val"]}
    return CorpusData(**{**files, "maskers": maskers, "entities": Entities(str(table)), "batch_rows": 4, **options})


def model(terms: tuple[type[Term], ...] = ALL, **options: Any) -> Pretrain:
    objective = Weighted([term() for term in terms])
    return Pretrain(tiny_ernie(dropout=0.1), objective, Optimization(lr=5e-3, fresh_lr=5e-3), **options)


def fit(own: Pretrain, module: CorpusData, folder: Path, resume: str | None = None, **options: Any) -> Losses:
    pl.seed_everything(3, verbose=False)
    losses = Losses()
    saved = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=4, save_top_k=-1)
    trainer = run.trainer(folder, [RandomState(), losses, saved], **options)
    trainer.fit(own, datamodule=module, ckpt_path=resume, weights_only=True)
    own.scores = {name: float(value) for name, value in trainer.callback_metrics.items()}  # type: ignore[assignment]
    return losses


def test_all_losses_fall_and_every_term_reports_what_it_got_right(
    corpora: dict[str, str], tiny_table: Path, tmp_path: Path
) -> None:
    before, after = model(), model()
    trainer = run.trainer(tmp_path, [])
    [start] = trainer.validate(before, datamodule=data(corpora, tiny_table), verbose=False)
    fit(after, data(corpora, tiny_table), tmp_path, max_epochs=8)
    end: dict[str, float] = after.scores  # type: ignore[assignment]
    for term in ("masked_words", "entity_denoising"):
        assert end[f"val/{term}_loss"] < 0.95 * start[f"val/{term}_loss"]
        assert end[f"val/{term}_accuracy"] > start[f"val/{term}_accuracy"]
    assert 0 <= end["val/next_sentence_accuracy"] <= 1
    assert end["val/masked_words_perplexity"] == pytest.approx(math.exp(end["val/masked_words_loss"]), rel=1e-4)
    total = sum(end[f"val/{term}_loss"] for term in ("masked_words", "next_sentence", "entity_denoising"))
    assert end["val/loss"] == pytest.approx(total, rel=1e-5)
    assert {"train/masked_words", "train/next_sentence", "train/entity_denoising"} <= end.keys()


def test_a_resumed_run_goes_on_to_the_bit_masks_included(
    corpora: dict[str, str], tiny_table: Path, tmp_path: Path
) -> None:
    whole = fit(model(), data(corpora, tiny_table), tmp_path).seen
    assert len(set(whole)) == len(whole) > 12
    for step in (4, 12):
        rest = fit(model(), data(corpora, tiny_table), tmp_path / "rest", str(tmp_path / f"step={step}.ckpt")).seen
        assert rest == whole[step:]


@pytest.mark.parametrize("term", ALL)
def test_a_term_can_stand_alone(term: type[Term], corpora: dict[str, str], tiny_table: Path, tmp_path: Path) -> None:
    own = model((term,))
    fit(own, data(corpora, tiny_table), tmp_path, max_epochs=1)
    scores: dict[str, float] = own.scores  # type: ignore[assignment]
    assert scores["val/loss"] == pytest.approx(scores[f"val/{term.name}_loss"])


def test_packed_texts_train_too_and_have_no_next_sentence(
    corpora: dict[str, str], tiny_table: Path, tmp_path: Path
) -> None:
    module = data(corpora, tiny_table, train=corpora["packed"], val=None)
    assert len(fit(model((MaskedWords, EntityDenoising)), module, tmp_path, max_epochs=1).seen) > 0
    with pytest.raises(MissingFieldError, match="NextSentence reads batch field 'next_sentence'"):
        fit(model(), data(corpora, tiny_table, train=corpora["packed"], val=None), tmp_path, max_epochs=1)


def test_a_pretrained_model_is_exported_fine_tuned_and_pretrained_further(
    corpora: dict[str, str], tiny_table: Path, tmp_path: Path
) -> None:
    own = model()
    fit(own, data(corpora, tiny_table), tmp_path, max_epochs=1)
    [checkpoint] = tmp_path.glob("step=8.ckpt")
    folder = export(checkpoint, tmp_path / "model")
    assert (folder / "tokenizer.json").is_file()
    assert "ErnieThu with Weighted" in (folder / "README.md").read_text()
    for place in (folder, checkpoint):
        found = ernie_thu(str(place))
        state = torch.load(checkpoint, weights_only=True)["state_dict"]
        assert all(torch.equal(value, state[f"encoder.{name}"]) for name, value in found.state_dict().items())
        again = Pretrain(found, Weighted([term() for term in ALL]))
        assert again.fresh == []
        assert all(
            torch.equal(value, state[f"objective.{name}"]) for name, value in again.objective.state_dict().items()
        )
    with pytest.raises(CheckpointError, match="an encoder without a head; fine-tune it first"):
        kplm.load(folder)


def test_heads_of_another_vocabulary_are_refused() -> None:
    encoder = tiny_ernie()
    encoder.beside = {"terms.masked_words.bias": torch.zeros(7)}
    with pytest.raises(CheckpointError, match=r"terms.masked_words.bias has the shape \[7\]"):
        Pretrain(encoder, Weighted([MaskedWords()]))


def test_a_table_inside_the_model_is_trained_row_by_row(
    corpora: dict[str, str], tiny_table: Path, tmp_path: Path, tiny_bert: Path
) -> None:
    start = ernie_thu(str(tiny_bert), ("mix", "norm"), WIDTH, 2, table=str(tiny_table))
    frozen = Entities(str(tiny_table)).table.vectors
    before = start.entities.table.weight.detach().clone()  # type: ignore[union-attr]
    assert torch.equal(before[1:], torch.from_numpy(frozen(range(6))))  # type: ignore[arg-type]
    own = Pretrain(start, Weighted([MaskedWords(), EntityDenoising()]), Optimization(lr=1e-2, warmup=0))
    fit(own, data(corpora, tiny_table), tmp_path, max_epochs=1, gradient_clip_val=1.0)
    moved = (start.entities.table.weight.detach() != before).any(1).tolist()  # type: ignore[union-attr]
    assert moved == [False, True, True, True, False, False, False], "Q1 to Q3 occur in the texts"
    [checkpoint] = tmp_path.glob("step=4.ckpt")
    assert ernie_thu(str(checkpoint)).config.entity_rows == 6
    again = ernie_thu(str(tiny_bert), ("mix", "norm"), WIDTH, 2, table=str(tiny_table))
    resumed = Pretrain(again, Weighted([MaskedWords(), EntityDenoising()]), Optimization(lr=1e-2, warmup=0))
    fit(resumed, data(corpora, tiny_table), tmp_path / "more", str(checkpoint), max_epochs=1, gradient_clip_val=1.0)
    assert torch.equal(again.entities.table.weight, start.entities.table.weight)  # type: ignore[union-attr]


def test_a_table_of_another_width_or_size_is_refused(
    tiny_bert: Path, tiny_table: Path, corpora: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="vectors of width 12, the model's entity stream is 100 wide"):
        ernie_thu(str(tiny_bert), ("mix", "norm"), table=str(tiny_table))
    other = tiny_ernie(entity_rows=9)
    with pytest.raises(KplmError, match="the data needs entity_rows=6"):
        fit(Pretrain(other, Weighted([MaskedWords()])), data(corpora, tiny_table), tmp_path)


def test_a_plain_encoder_pretrains_without_entities(corpora: dict[str, str], tmp_path: Path) -> None:
    module = CorpusData(train=corpora["train"], val=corpora["val"], maskers=[MaskWords()], batch_rows=8)
    own = Pretrain(tiny_encoder(), Weighted([MaskedWords(), NextSentence()], {"next_sentence": 0.5}))
    fit(own, module, tmp_path, max_epochs=1)
    scores: dict[str, float] = own.scores  # type: ignore[assignment]
    want = scores["val/masked_words_loss"] + 0.5 * scores["val/next_sentence_loss"]
    assert scores["val/loss"] == pytest.approx(want, rel=1e-5)
    with pytest.raises(KplmError, match="entity denoising needs a model with an entity stream"):
        Pretrain(tiny_encoder(), Weighted([EntityDenoising()]))
