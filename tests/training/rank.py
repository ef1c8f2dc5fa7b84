"""What one process does with a case: it trains a little, scores and answers; alone, or as one of two ranks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from torch import nn

from kplm.training import Training
from kplm.training.callbacks import PredictionFile, RandomState
from kplm.training.checkpoint import WholeFiles
from tests.training import run
from tests.training.cases import CASES
from tests.training.rows import Places

STEPS, RANKS = 3, 2
SHARDED = ("bert_pretraining", "ernie_typing", "sembert_classify", "sensebert_senses", "vlbert_answers")
Told = dict[str, Any]


class Losses(Callback):
    """The rows and the loss of every batch of this process."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[int], float]] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Keep them."""
        loss = args[1]["loss"].item() * trainer.accumulate_grad_batches  # which Lightning divided it by
        self.seen.append((args[2]["row"].tolist(), loss))


def alike(model: Training) -> Training:
    """The same model without what differs between ranks by nature: dropout, and what batch norms gather of their own batches."""
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        elif isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = 0.0
        elif isinstance(getattr(part, "dropout", None), float):
            part.dropout = 0.0
    return model


def told(name: str, places: Places, folder: Path, **options: Any) -> Told:
    """Losses of three steps, the scores behind them, and answers.

    Args:
        name: of the case.
        places: where its data lies.
        folder: for what is written.
        options: of the trainer.
    """
    pl.seed_everything(5, verbose=False)
    model, data = CASES[name](places)
    losses, file = Losses(), folder / f"{name}.answers.jsonl"
    batches = STEPS * options.get("accumulate_grad_batches", 1)
    quick = {"limit_train_batches": batches, "max_epochs": 1, "enable_checkpointing": False, "num_sanity_val_steps": 0}
    trainer = run.trainer(folder, [RandomState(), losses, PredictionFile(str(file))], **quick, **options)
    trainer.fit(alike(model), datamodule=data)
    scores = {key: float(value) for key, value in trainer.callback_metrics.items() if key.startswith("val/")}
    answers = []
    if data.files["predict"] is not None:
        trainer.predict(model, datamodule=data, return_predictions=False)
        answers = [json.loads(line) for line in file.read_text().splitlines()]
    return {"losses": losses.seen, "scores": scores, "answers": answers}


def resumed(places: Places, folder: Path, checkpoint: Path | None = None) -> list[Any]:
    """Losses of a model whose weights are shared out; a run without a checkpoint to go on from is saved behind three steps."""
    pl.seed_everything(3 if checkpoint is None else 9, verbose=False)
    (model, data), losses = CASES["ernie_pretraining"](places), Losses()
    saved = ModelCheckpoint(folder, filename="three", every_n_train_steps=3)
    quick = {"max_steps": 5, "limit_val_batches": 0, "gradient_clip_val": 1.0, "plugins": [WholeFiles()]}
    callbacks = [RandomState(), losses, *([saved] if checkpoint is None else [])]
    trainer = run.trainer(folder, callbacks, strategy="sharded", devices=RANKS, **quick)
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return losses.seen


def all_cases(folder: Path, places: Places) -> None:
    """All cases in one process, as starting one costs more than running them."""
    found: Told = {name: told(name, places, folder, strategy="ddp", devices=RANKS) for name in CASES}
    found["sharded"] = {name: told(name, places, folder, strategy="sharded", devices=RANKS) for name in SHARDED}
    found["whole"] = resumed(places, folder)
    [saved] = folder.glob("three*.ckpt")
    found["resumed"] = resumed(places, folder, saved)
    (folder / f"told_{torch.distributed.get_rank()}.json").write_text(json.dumps(found))
