"""The tokenizer that lies with the weights of a model."""

from __future__ import annotations

from pathlib import Path

from kplm.errors import CheckpointError
from kplm.folder import read_checkpoint
from kplm.text.tokenizer import Tokenizer


def tokenizer_beside(model: Path, rows: int) -> Tokenizer:
    """The tokenizer of a model folder, or of the checkpoint of a training run.

    Args:
        model: the folder or file.
        rows: of its word table.

    Raises:
        CheckpointError: there is none, or it has more words than the model.
    """
    try:
        found = _of_run(model) if model.suffix == ".ckpt" else Tokenizer.from_file(model)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error} Nobody knows then which words the rows of the word table are. "
            f"Put the tokenizer.json or vocab.txt of these weights into their folder."
        ) from error
    if max(found.rust.get_vocab().values()) >= rows:
        raise CheckpointError(
            f"the tokenizer of {model} has {len(found):,} words, but its word table {rows:,} rows. "
            f"Put the tokenizer of these weights there."
        )
    return found


def _of_run(model: Path) -> Tokenizer:
    text = read_checkpoint(model)[0].get("text")
    if not text:
        raise CheckpointError(f"{model} was written without a tokenizer.")
    return Tokenizer.from_json(text["tokenizer"])
