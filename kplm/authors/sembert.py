"""Checkpoints of the SemBERT authors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from kplm.authors.finetuned import finetuned
from kplm.convert import sembert as sembert_format
from kplm.data.annotate import AuthorsRoles, Roles, WordsApart
from kplm.data.encode import TextEncoder
from kplm.data.roles import Files, Rules
from kplm.hub import save_pretrained
from kplm.text import Tokenizer

log = logging.getLogger(__name__)
LENGTH = 128
"""Longest row of the authors' scripts, in tokens."""


def convert_sembert(
    source: str | Path,
    target: str | Path,
    labels: Sequence[str] | None = None,
    pooling: Literal["max", "first"] = "max",
    roles: str | None = None,
    compat: bool = False,
) -> Path:
    """Turn a checkpoint of the SemBERT authors into a folder of ours.

    Args:
        source: a folder with pytorch_model.bin, bert_config.json and vocab.txt, or a weights file that has the other two beside it.
        target: folder to make.
        labels: class names, which the checkpoint does not store, in its order.
        pooling: what the classifier reads, which the weights do not tell: 'max' over the words (the authors' code from 2022 on), or
            'first', which is [CLS] (their code before 2021-05, and so most likely their SNLI model).
        roles: file with the semantic roles of the texts to predict, such as theirs; by default rules find them.
        compat: compute as the authors' code does, whose answers depend on what else is in the batch.

    Raises:
        CheckpointError: keys, config or files do not fit each other.
    """
    found = sembert_format.read(source, labels, pooling, compat)
    if found.vocab is None:
        log.warning(f"{source} comes without the vocab.txt of its BERT; the converted model has no tokenizer")
    text = None if found.vocab is None else _sembert_text(found, roles)
    if found.head is None:
        return save_pretrained(found.encoder, target, text)
    task = "number" if "number" in found.head.reads else "class"
    return save_pretrained(finetuned(found.encoder, found.head, text, task), target)


def _sembert_text(found: sembert_format.Converted, roles: str | None) -> dict[str, Any]:
    assert found.vocab is not None
    config = found.config
    kind = AuthorsRoles if config.compat else Roles
    annotators = [kind(Rules() if roles is None else Files(roles), config.aspects, "sembert22"), WordsApart()]
    return TextEncoder(Tokenizer.from_file(found.vocab), annotators, max_length=LENGTH).describe()
