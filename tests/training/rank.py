"""What one process does with a case: it trains a little, scores and answers; alone, or as one of two ranks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import nn

from kplm.training import Training
from kplm.training.callbacks import PredictionFile, RandomState
from tests.training import run
from tests.training.cases import CASES, Places

STEPS, RANKS = 3, 2
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


def all_cases(folder: Path, places: Places) -> None:
    """All cases in one process, as starting one costs more than running them."""
    found = {name: told(name, places, folder, strategy="ddp", devices=RANKS) for name in CASES}
    (folder / f"told_{torch.distributed.get_rank()}.json").write_text(json.dumps(found))
