"""Checkpoints of the SemBERT authors (Zhang et al., 2020): pytorch_model.bin, bert_config.json, vocab.txt."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from kplm.config import SemBertConfig
from kplm.convert import sembert_files as files
from kplm.convert.bert import ROWS, sizes_from
from kplm.convert.keys import KeyTable, matrix
from kplm.convert.settings import built_from, vocabulary
from kplm.errors import CheckpointError
from kplm.heads import Classify, Head, Regress
from kplm.models import SemBert
from kplm.role_tags import INVENTORIES

log = logging.getLogger(__name__)

OWN = """
    cnn.char_cnn                        encoder.words.windows
    tag_model.embed.tag_embeddings      encoder.roles.table
    tag_model.embed.LayerNorm           encoder.roles.norm
    dense                               encoder.roles.join
    pool                                encoder.pooler.dense
    classifier                          head.output
"""
TAG_ENCODERS = {
    "linear": "tag_model.fc  encoder.roles.encode",
    "gru": """
        tag_model.bigru  encoder.roles.encode.gru
        tag_model.fc     encoder.roles.encode.output
    """,
}
POOLER = "bert.pooler"
"""BERT's own, which is in the file and which nobody reads."""
DROPPED = (POOLER, "bert.embeddings.position_ids")
TABLE, JOIN, CLASSIFIER = "tag_model.embed.tag_embeddings.weight", "dense.weight", "classifier.weight"
SHAPES = {TABLE: "[tags, T]", JOIN: "[T, aspects * T]"}
RELEASED = INVENTORIES["sembert22"]


@dataclass(frozen=True)
class Converted:
    """What one of the authors' checkpoints holds."""

    config: SemBertConfig
    encoder: SemBert
    head: Head | None
    """Its classifier."""
    vocab: Path | None
    """The vocabulary file, if there is one."""


def read(
    source: str | Path, names: Sequence[str] | None = None, pooling: str = "max", compat: bool = False
) -> Converted:
    """Read a checkpoint of the authors.

    Args:
        source: a folder with a weights file, bert_config.json and usually vocab.txt, or the weights file itself with the other
            two beside it.
        names: class names, which the checkpoint does not store.
        pooling: 'max' for code of 2022 or later, 'first' for code of before 2021-05. The weights do not tell.
        compat: compute as the authors' code does, padding and all.

    Raises:
        CheckpointError: a file is missing, damaged or another system's, or keys and config do not fit.
    """
    path, state = files.weights(Path(source))
    source, found = files.config(path.parent)
    encoder = built_from(source, state, lambda: config_from(found, state, pooling, compat), SemBert)
    config = encoder.config
    model = nn.ModuleDict({"encoder": encoder})
    if (head := _head(encoder, state, names)) is not None:
        model["head"] = head
    model.load_state_dict(key_table(config).to_ours(state, model.state_dict()))
    return Converted(config, encoder, head, vocabulary(path.parent / files.VOCABULARY, config.vocab_size))


def config_from(found: Mapping[str, Any], state: Mapping[str, Tensor], pooling: str, compat: bool) -> SemBertConfig:
    """BERT's sizes from its config file, those of the roles from the weights.

    Raises:
        CheckpointError: the tags are not the released ones, or a shape makes no sense.
    """
    (rows, width), (_, joined) = (matrix(state, key, shape).shape for key, shape in SHAPES.items())
    if rows != len(RELEASED):
        raise CheckpointError(
            f"{TABLE} has {rows} rows, but the authors' inventory has {len(RELEASED)} tags, {', '.join(RELEASED[:5])}, ... "
            f"Nobody knows what the others mean. Use a checkpoint of the released inventory."
        )
    if joined % width:
        raise CheckpointError(
            f"{JOIN} joins {joined} numbers, which is no multiple of the tag width {width}. Use an unaltered checkpoint."
        )
    return SemBertConfig(
        **sizes_from(found),
        tags=RELEASED,
        tag_width=width,
        aspects=joined // width,
        tag_encoder="gru" if any(key.startswith("tag_model.bigru.") for key in state) else "linear",
        pooling=pooling,
        compat=compat,
    )


def key_table(config: SemBertConfig) -> KeyTable:
    """Their names and ours, those of the encoder and of its classifier."""
    pairs = (line.split() for line in ROWS.strip().splitlines())
    bert = "\n".join(f"bert.{theirs} encoder.{ours}" for theirs, ours in pairs if f"bert.{theirs}" != f"{POOLER}.dense")
    return KeyTable(f"{bert}\n{OWN}\n{TAG_ENCODERS[config.tag_encoder]}", DROPPED, i=range(config.layers))


def _head(encoder: SemBert, state: Mapping[str, Tensor], names: Sequence[str] | None) -> Head | None:
    """The classifier; one of a single row is the regression of STS-B."""
    if CLASSIFIER not in state:
        return None
    rows = len(matrix(state, CLASSIFIER))
    head: Head = Regress() if rows == 1 else Classify()
    head.build(encoder, _names(0 if rows == 1 else rows, names))
    return head


def _names(classes: int, names: Sequence[str] | None) -> list[str]:
    if names is None and classes:
        log.warning(f"the checkpoint does not name its {classes} classes; they are called 0 to {classes - 1}")
    if names is None:
        return [str(i) for i in range(classes)]
    if len(names) != classes:
        told = (
            f"has {classes} rows. Give one name a row, in order"
            if classes
            else "has one row: it gives a number. Give none"
        )
        raise CheckpointError(f"{len(names)} class names were given, but {CLASSIFIER} {told}.")
    return list(names)
