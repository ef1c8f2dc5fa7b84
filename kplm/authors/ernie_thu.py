"""Checkpoints of the ERNIE-THU authors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kplm.authors.finetuned import finetuned
from kplm.convert import ernie_thu as ernie_format
from kplm.data.annotate import Entities
from kplm.data.encode import TextEncoder
from kplm.data.markers import ERNIE_MARKERS
from kplm.hub import save_pretrained
from kplm.text import Tokenizer


def convert_ernie_thu(
    source: str | Path, target: str | Path, labels: Sequence[str] | None = None, table: str | None = None
) -> Path:
    """Turn a folder of the ERNIE-THU authors into one of ours.

    Args:
        source: holds ernie_config.json, pytorch_model.bin and vocab.txt.
        target: folder to make.
        labels: class names of a fine-tuned checkpoint, which does not store them: the sorted labels of its training data.
        table: entity table that predictions take their vectors from.

    Raises:
        CheckpointError: keys, config or files do not fit each other.
    """
    found = ernie_format.read(Path(source), labels)
    text = None if found.vocab is None else _ernie_text(found.vocab, table)
    if found.head is None:
        return save_pretrained(found.encoder, target, text, found.objective)
    task = "set" if "labels" in found.head.reads else "class"
    return save_pretrained(finetuned(found.encoder, found.head, text, task), target)


def _ernie_text(vocab: Path, table: str | None) -> dict[str, Any]:
    annotators = [] if table is None else [Entities(table, mentions="whitespace")]
    return TextEncoder(Tokenizer.from_file(vocab, split_cjk=False), annotators, ERNIE_MARKERS).describe()
