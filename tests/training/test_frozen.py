"""A frozen probe: the head alone learns, on an encoder without dropout that stays what it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

import kplm
from kplm.data.module import TextData
from kplm.data.sources import JsonLines
from kplm.heads import Classify, TagSenses
from kplm.training import Finetune, Optimization
from tests.conftest import tiny_encoder, write_rows
from tests.training import run

CITIES = {"rome": "noun.location", "paris": "noun.location", "river": "noun.object", "lives": "verb.stative"}
FIELDS = {
    "input_ids": torch.randint(5, 30, (3, 7), generator=torch.Generator().manual_seed(0)),
    "document": torch.ones(3, 7, dtype=torch.int64),
    "position_ids": torch.arange(7).expand(3, 7),
    "segment_ids": torch.zeros(3, 7, dtype=torch.int64),
    "label": torch.tensor([0, 1, 0]),
}


def probe(dropout: float = 0.5) -> Finetune:
    encoder = tiny_encoder(dropout=dropout, attention_dropout=dropout)
    return Finetune(encoder, TagSenses(dropout=0.0), sorted({*CITIES.values()}), train_encoder=False)


def state(model: Finetune) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.encoder.state_dict().items()}


@pytest.fixture
def data(tmp_path: Path, tiny_bert: Path) -> TextData:
    words = [["rome", "was", "river"], ["paris", "lives", "in", "rome"], ["the", "river", "lives"]] * 4
    rows = [{"tokens": one, "tags": [CITIES.get(word) for word in one]} for one in words]
    file = str(write_rows(tmp_path / "rows.jsonl", rows))
    return TextData(JsonLines(), str(tiny_bert), "senses", train=file, val=file, batch_rows=4)


def test_dropout_of_the_encoder_stays_off_whatever_the_trainer_switches() -> None:
    model = probe()
    for switched in (model, model.train(), model.eval().train()):
        assert switched.training
        assert switched.head.training
        assert not any(part.training for part in switched.encoder.modules())
        assert torch.equal(switched.encoder(FIELDS), switched.encoder(FIELDS))
    assert Finetune(tiny_encoder(), TagSenses(), ["a", "b"]).eval().train().encoder.training


def test_only_the_head_is_in_the_optimizer(data: TextData, tmp_path: Path) -> None:
    model = probe()
    trainer = run.trainer(tmp_path, [], max_steps=1, enable_checkpointing=False)
    trainer.fit(model, datamodule=data)
    listed = {id(weight) for group in trainer.optimizers[0].param_groups for weight in group["params"]}
    assert listed == {id(weight) for weight in model.head.parameters()}
    assert all(weight.grad is None for weight in model.encoder.parameters())


def test_a_probe_learns_and_what_it_saves_is_whole(data: TextData, tmp_path: Path) -> None:
    pl.seed_everything(0, verbose=False)
    model = probe()
    model.optimization = Optimization(lr=3e-2)
    before, first = state(model), model.head.output.weight.clone()
    checkpoint, folder = run.saved(tmp_path, model, data, epochs=12)
    assert float(model.trainer.callback_metrics["val/accuracy"]) > 0.9
    assert all(torch.equal(value, before[name]) for name, value in state(model).items())
    assert not torch.equal(model.head.output.weight, first)
    assert not model.encoder.training
    answers = [kplm.load(place).predict(["rome was river"])[0] for place in (checkpoint, folder)]
    assert answers[0] == answers[1]
    assert answers[0]["words"] == ["rome", "was", "river"]
    assert answers[0]["tags"][::2] == ["noun.location", "noun.object"]
    again = kplm.from_pretrained(folder)
    assert all(torch.equal(value, before[name]) for name, value in again.state_dict().items())
    assert all(weight.requires_grad for weight in again.parameters())


@pytest.fixture
def one_process() -> Iterator[None]:
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_processes_that_share_the_work_miss_no_gradient() -> None:
    """DistributedDataParallel raises in the second step when a weight that wants a gradient got none in the first."""
    model = Finetune(tiny_encoder(), Classify(), ["a", "b"], train_encoder=False)
    shared = DistributedDataParallel(model)
    for _ in range(3):
        model.head.loss(shared(FIELDS), FIELDS).backward()
    assert model.head.output.weight.grad.abs().sum() > 0
