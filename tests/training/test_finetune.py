"""Fine-tuning: what decays, how the rate moves, that every task learns, and that a misfit stops before the first step."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

import kplm
from kplm.data.annotate import Entities
from kplm.data.module import TextData
from kplm.data.sources import FewRel, JsonLines, Source
from kplm.errors import KplmError, MissingFieldError
from kplm.heads import Classify, EntityType, Relation, Tag
from kplm.heads.base import Head
from kplm.models import ErnieThu
from kplm.nn.pooling import Marked
from kplm.training import Finetune, Optimization
from kplm.training.callbacks import PredictionFile, random_state, set_random_state
from kplm.training.optim import parameter_groups
from tests.conftest import class_rows, tiny_encoder, tiny_ernie, write_rows
from tests.training import run


def test_biases_and_layer_norms_do_not_decay_and_fresh_weights_have_their_rate() -> None:
    model = Finetune(tiny_encoder(), Classify(), ["a", "b"])
    groups = parameter_groups(model, ["head."], Optimization(lr=1e-5, fresh_lr=1e-3, weight_decay=0.1))
    rate = {id(weight): (group["lr"], group["weight_decay"]) for group in groups for weight in group["params"]}
    assert len(rate) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    for name, weight in model.named_parameters():
        plain = name.endswith("bias") or ".norm." in name
        assert rate[id(weight)] == (1e-3 if name.startswith("head.") else 1e-5, 0.0 if plain else 0.1), name


def test_frozen_weights_are_not_optimized() -> None:
    model = Finetune(tiny_ernie(), Classify(), ["a", "b"])
    listed = {id(weight) for group in parameter_groups(model, [], Optimization()) for weight in group["params"]}
    assert listed == {id(weight) for weight in model.parameters() if weight.requires_grad}


@pytest.mark.parametrize("tail", ["linear", "constant"])
def test_the_rate_rises_in_the_warm_up_and_then_falls_to_0_or_stays(tail: Any) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    built = Optimization(lr=1.0, warmup=0.1, tail=tail).build([{"params": [weight]}], steps=100, fused=False)
    optimizer, schedule, rates = built["optimizer"], built["lr_scheduler"]["scheduler"], []
    assert built["lr_scheduler"]["interval"] == "step"
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert 0 < rates[0] < 0.2
    assert all(a < b for a, b in pairwise(rates[:11]))
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 10
    if tail == "linear":
        assert all(a > b for a, b in pairwise(rates[10:]))
        assert rates[-1] < 0.02
    else:
        assert rates[10:] == [pytest.approx(1.0)] * 90


class Losses(Callback):
    """Keeps every step's loss."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *args: Any) -> None:
        """Keep it."""
        self.seen.append(outputs["loss"].item())


def rows_of(task: str) -> list[dict[str, Any]]:
    rows = class_rows(32, seed=1)
    if task == "set":
        return [{"text": row["text"], "mention": row["mention"], "labels": [row["label"], "all"]} for row in rows]
    if task == "tags":
        texts = [row["text"].split() for row in rows]
        return [
            {"tokens": words, "tags": ["B-LOC" if w in ("rome", "paris") else "O" for w in words]} for words in texts
        ]
    if task == "relation":
        entities = {"it": (["rome", "Q1", [[0]]], "P1"), "fr": (["paris", "Q2", [[0]]], "P2")}
        found = [(row["text"].split(), *entities[row["label"]]) for row in rows]
        return [
            {"tokens": words, "h": head, "t": ["x", None, [[len(words) - 1]]], "relation": relation}
            for words, head, relation in found
        ]
    return rows


def test_a_finished_run_learns_again_when_it_is_made_longer() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    runs = [Optimization(lr=1.0).build([{"params": [weight]}], steps=steps, fused=False) for steps in (10, 20)]
    (first, schedule), (second, longer) = ((run["optimizer"], run["lr_scheduler"]["scheduler"]) for run in runs)
    for _ in range(10):
        first.step()
        schedule.step()
    assert first.param_groups[0]["lr"] == 0
    second.load_state_dict(first.state_dict())
    longer.load_state_dict(schedule.state_dict())
    second.step()
    longer.step()
    assert second.param_groups[0]["lr"] == pytest.approx(1 - 9 / 18)


@pytest.mark.parametrize(
    ("task", "kind", "source", "head", "metric"),
    [
        ("class", "class", JsonLines(), Classify(), "val/accuracy"),
        ("set", "set", JsonLines(), EntityType(pool=Marked(1)), "val/f1_micro_loose"),
        ("tags", "tags", JsonLines(), Tag(), "val/f1_span"),
        ("relation", "class", FewRel(), Relation(pool=Marked(2)), "val/f1_micro"),
    ],
    ids=["class", "set", "tags", "relation"],
)
def test_every_task_learns_what_is_easy(
    task: str, kind: Any, source: Source, head: Head, metric: str, tiny_bert: Path, tiny_table: Path, tmp_path: Path
) -> None:
    pl.seed_everything(0, verbose=False)
    file = str(write_rows(tmp_path / "train.jsonl", rows_of(task)))
    options: dict[str, Any] = {"train": file, "val": file, "batch_rows": 8, "max_length": 64}
    markers = {"mention": "$", "head": "#", "tail": "$"}
    data = TextData(source, str(tiny_bert), kind, annotators=[Entities(str(tiny_table))], markers=markers, **options)
    model = Finetune(tiny_ernie(), head, data.label_names, Optimization(lr=3e-3, fresh_lr=1e-2))
    losses = Losses()
    trainer = run.trainer(tmp_path, [losses], max_epochs=20, enable_checkpointing=False)
    trainer.fit(model, datamodule=data)
    assert len(losses.seen) == 80
    assert sum(losses.seen[-4:]) < 0.5 * sum(losses.seen[:4])
    assert float(trainer.callback_metrics[metric]) > 0.8


def test_a_head_that_the_data_does_not_fit_stops_before_the_first_step(
    class_files: dict[str, str], tiny_bert: Path, tmp_path: Path
) -> None:
    data = TextData(JsonLines(), str(tiny_bert), train=class_files["train"])
    losses = Losses()
    trainer = run.trainer(tmp_path, [losses], enable_checkpointing=False)
    with pytest.raises(MissingFieldError, match="EntityType reads batch field 'labels'.* Did you mean 'label'"):
        trainer.fit(Finetune(tiny_encoder(), EntityType(), ["a", "b"]), datamodule=data)
    with pytest.raises(MissingFieldError, match="ErnieThu reads batch field 'entity_ids'"):
        trainer.fit(Finetune(tiny_ernie(), Classify(), ["a", "b"]), datamodule=data)
    assert losses.seen == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 9}, "needs vocab_size=.* has vocab_size=9. Set data.tokenizer"),
        ({"positions": 4}, r"needs positions=\d+, .* has positions=4. Lower data.max_length"),
        ({"entity_width": 8}, "needs entity_width=12, .* has entity_width=8. Use a table of that width"),
    ],
)
def test_sizes_that_do_not_fit_are_named_before_the_first_step(
    changes: dict[str, int],
    message: str,
    class_files: dict[str, str],
    tiny_bert: Path,
    tiny_table: Path,
    tmp_path: Path,
) -> None:
    data = run.data({"train": class_files["train"]}, str(tiny_bert), str(tiny_table))
    encoder = ErnieThu(replace(tiny_ernie().config, **changes))
    trainer = run.trainer(tmp_path, [], enable_checkpointing=False)
    with pytest.raises(KplmError, match=message):
        trainer.fit(Finetune(encoder, Classify(), ["fr", "it"]), datamodule=data)


def test_a_loss_that_is_not_finite_stops_with_the_fix(
    class_files: dict[str, str], tiny_bert: Path, tmp_path: Path
) -> None:
    data = TextData(JsonLines(), str(tiny_bert), train=class_files["train"])
    model = Finetune(tiny_encoder(), Classify(), data.label_names)
    model.head.output.weight.data.fill_(float("nan"))
    with pytest.raises(KplmError, match=r"training loss is nan at step 0. Lower model.optimization.lr"):
        run.trainer(tmp_path, [], enable_checkpointing=False).fit(model, datamodule=data)


def test_rows_shared_out_twice_are_refused(class_files: dict[str, str], tiny_bert: Path) -> None:
    class Twice:
        world_size, global_rank = 2, 0

        class _accelerator_connector:
            use_distributed_sampler = True

    data = TextData(JsonLines(), str(tiny_bert), train=class_files["train"])
    data.setup("fit")
    data.trainer = Twice()  # type: ignore[assignment]
    with pytest.raises(KplmError, match="set trainer.use_distributed_sampler: false"):
        data.train_dataloader()


def test_a_checkpoint_made_from_python_answers(
    class_files: dict[str, str], tiny_bert: Path, tiny_table: Path, tmp_path: Path
) -> None:
    """Its hyperparameters are plain values, so loading it runs no code."""
    model, data = run.model(), run.data(class_files, str(tiny_bert), str(tiny_table))
    trainer = run.trainer(tmp_path, [], max_steps=1, enable_checkpointing=False)
    trainer.fit(model, datamodule=data)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    saved = torch.load(tmp_path / "model.ckpt", weights_only=True)
    assert saved["hyper_parameters"]["optimization"]["fresh_lr"] == 1e-2
    row = {"text": "rome was", "mention": [0, 4]}
    assert kplm.load(tmp_path / "model.ckpt").predict([row])[0]["label"] in ("fr", "it")


def test_random_state_goes_there_and_back() -> None:
    import random

    import numpy as np

    state = random_state()
    first = (random.random(), float(np.random.rand()), torch.rand(3).tolist())  # noqa: NPY002
    set_random_state(state)
    assert first == (random.random(), float(np.random.rand()), torch.rand(3).tolist())  # noqa: NPY002


def test_a_prediction_file_that_cannot_be_written_is_named_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = PredictionFile(str(tmp_path / "file" / "out.jsonl"))
    trainer = run.trainer(tmp_path, [])
    with pytest.raises(KplmError, match="predictions cannot be written to"):
        writer.setup(trainer, run.model(), "predict")
