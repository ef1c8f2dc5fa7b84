"""Lightning's own command line, with this package's defaults: any model, any data."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import set_parsing_settings
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from kplm.errors import CheckpointError
from kplm.folder import load_tensors
from kplm.training.callbacks import PredictionFile, RandomState, Throughput
from kplm.training.checkpoint import LastCheckpoint, newest_last
from kplm.training.memory import KeptMemory
from kplm.training.sharding import refuse
from kplm.training.termination import Termination

NOISE = (
    ".*does not have many workers.*",
    ".*set_vital.*",
    ".*isinstance.treespec.*",
    ".*Checkpoint directory.*",
    ".*Experiment logs directory.*",
    ".*args parameter.*",
    ".*supported by the model summary.*",
    ".*sync_dist=True.*",
    ".*custom batch sampler.*",
    ".*in eval mode at the start of training.*",
)
"""Warnings of the libraries below that a user can do nothing about."""
OUT = "--out"
LAST = "last"
log = logging.getLogger(__name__)
HELP = re.compile(r"^-h$|^--([\w.]+\.)?help\b|^--print_config=.*comments")
"""An option that shows what fields of dataclasses mean; finding that in their sources takes most of a parser's time."""


class Parser(LightningArgumentParser):
    """Leaves out an argument that jsonargparse 4.53 hands on to functions, which cannot take it.

    Without that no option of a model whose encoder a function makes could be changed on the command line.
    """

    def add_function_arguments(self, *args: Any, linked_targets: Any = None, **kwargs: Any) -> Any:
        """The arguments of a function that a config names."""
        return super().add_function_arguments(*args, **kwargs)


class CommandLine(LightningCLI):
    """Hands the class names from the data to the model, keeps the last checkpoint, and logs to TensorBoard and CSV.

    Args:
        command: the one of Lightning's that is asked for; to collect the options of the others too would take seconds. None: none is run.
        options: of Lightning's command line.
        named: the same.
    """

    def __init__(self, command: str | None, *options: Any, **named: Any) -> None:
        self.command = command
        super().__init__(*options, **named)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The one that is asked for, and the arguments of the trainer's method that are no options."""
        every = super().subcommands()
        return every if self.command is None else {self.command: every[self.command]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Two checkpoints: ``last`` to go on from (``--checkpoint.every_n_train_steps 100`` for long epochs), and the best.

        The best is picked by the head's headline score on the validation file, or by the objective's loss there.
        """
        parser.link_arguments("data", "model.init_args.labels", compute_fn=_labels, apply_on="instantiate")
        parser.add_lightning_class_args(LastCheckpoint, "checkpoint")
        parser.add_lightning_class_args(ModelCheckpoint, "best")
        parser.link_arguments(("data", "model"), "best.monitor", compute_fn=_monitor, apply_on="instantiate")
        parser.link_arguments("model", "best.mode", compute_fn=_mode, apply_on="instantiate")
        parser.set_defaults({"checkpoint.save_last": True, "best.filename": "best-{epoch}-{step}"})

    def _parse_ckpt_path(self) -> None:
        """Nothing: the config alone says what the model is; Lightning would lay the checkpoint's hyperparameters over it."""

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """What the trainer is called with: a checkpoint is tensors, and code in it is never run, whatever was asked for.

        ``--ckpt_path last`` is the newest of the run's folder; where there is none yet, ``fit`` starts anew.

        Raises:
            CheckpointError: the checkpoint is damaged or holds anything else, there is no ``last``, or ``weights_only: false`` was
                asked for.
        """
        found = super()._prepare_subcommand_kwargs(subcommand)
        if found.get("weights_only") is False:
            raise CheckpointError("weights_only: false would run code that a checkpoint holds. Leave it out.")
        if found.get("ckpt_path") == LAST:
            found["ckpt_path"] = self._last(subcommand)
        if found.get("ckpt_path") and Path(found["ckpt_path"]).is_file():
            load_tensors(Path(found["ckpt_path"]), mapped=True)
        return found | {"weights_only": True}

    def _last(self, subcommand: str) -> str | None:
        path = newest_last(self.trainer)
        if path is None and subcommand != "fit":
            raise CheckpointError(
                "--ckpt_path last: there is no last.ckpt in the folder of this run. Name a checkpoint."
            )
        log.info(f"going on from {path}" if path else "there is no last.ckpt yet, so training starts anew")
        return None if path is None else str(path)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Where no logger is named: TensorBoard and CSV, side by side with the config and the checkpoints.

        Raises:
            KplmError: the strategy is one that kplm's models cannot be trained by.
        """
        options = self._get(self.config_init, "trainer", default={})
        refuse(options.get("strategy"))
        if options.get("logger") in (None, True) and not options.get("fast_dev_run"):
            root = options.get("default_root_dir") or "runs"
            board = TensorBoardLogger(root)
            kwargs["logger"] = [board, CSVLogger(root, version=board.version)]
        return super().instantiate_trainer(**kwargs)


def lightning(args: Sequence[str], run: bool = True) -> CommandLine:
    """Run ``fit``, ``validate``, ``test`` or ``predict``; our own ``--out FILE`` says where predictions go."""
    set_parsing_settings(docstring_parse_attribute_docstrings=any(HELP.search(word) for word in args))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    for message in NOISE:
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(_no_tips)
    words, out = _without(args, OUT)
    return CommandLine(
        words[0] if run else None,
        LightningModule,
        LightningDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        parser_class=Parser,
        auto_configure_optimizers=False,
        seed_everything_default=0,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={
            "use_distributed_sampler": False,
            "plugins": [{"class_path": "kplm.training.checkpoint.WholeFiles"}],
            "callbacks": [
                RandomState(),
                Throughput(),
                KeptMemory(),
                Termination(),
                *([PredictionFile(out)] if out else []),
            ],
        },
        args=words,
        run=run,
    )


def _without(args: Sequence[str], option: str) -> tuple[list[str], str | None]:
    """The words without one option of the form ``--option VALUE`` or ``--option=VALUE``, and its value."""
    words, found = [], None
    rest = iter(args)
    for word in rest:
        if word == option:
            found = next(rest, None)
        elif word.startswith(f"{option}="):
            found = word.partition("=")[2]
        else:
            words.append(word)
    return words, found


def _no_tips(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()


def _monitor(data: Any, model: Any) -> str | None:
    scored = getattr(data, "files", {}).get("val") is not None
    return getattr(model, "monitor", None) if scored else None


def _mode(model: Any) -> str:
    return getattr(model, "mode", "max")


def _labels(data: Any) -> list[str]:
    return list(getattr(data, "label_names", ()))
