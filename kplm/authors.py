"""Checkpoints of the systems' authors to model folders of ours; a fine-tuned head comes along and can predict at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kg.facts import Selection
from kplm.convert import ernie_thu as ernie_format
from kplm.convert import kbert as kbert_format
from kplm.convert import vlbert as vlbert_format
from kplm.data.annotate import Entities, Tree
from kplm.data.encode import TextEncoder
from kplm.data.markers import ERNIE_MARKERS
from kplm.folder import write_tensors
from kplm.heads import Answer, Choose, Classify, Head
from kplm.hub import save_pretrained
from kplm.models import BaseEncoder
from kplm.objectives import MaskedWords, NextSentence, Weighted
from kplm.text import Tokenizer
from kplm.text.tokenizer import Specials
from kplm.training import Finetune

log = logging.getLogger(__name__)
BACKBONE = "backbone.safetensors"
VLBERT_TASKS: dict[str, type[Head]] = {"answers": Answer, "regions": Choose, "class": Classify}
"""VQA, RefCOCO+ and VCR."""


def convert_ernie_thu(
    source: str | Path, target: str | Path, labels: Sequence[str] | None = None, table: str | None = None
) -> Path:
    """Turn a folder of the ERNIE-THU authors into one of ours.

    Args:
        source: holds ernie_config.json, pytorch_model.bin and vocab.txt.
        target: folder to make.
        labels: class names of a fine-tuned checkpoint: the sorted labels of its training data.
        table: entity table that predictions take their vectors from.

    Raises:
        CheckpointError: keys, config or files do not fit each other.
    """
    found = ernie_format.read(Path(source), labels)
    text = None if found.vocab is None else _ernie_text(found.vocab, table)
    if found.head is None:
        return save_pretrained(found.encoder, target, text, found.objective)
    task = "set" if "labels" in found.head.reads else "class"
    return save_pretrained(_finetuned(found.encoder, found.head, text, task), target)


def convert_kbert(
    source: str | Path, target: str | Path, labels: Sequence[str] | None = None, graph: str | None = None
) -> Path:
    """Turn a checkpoint of the K-BERT authors, which is one of UER-py, into a folder of ours.

    Args:
        source: a folder with google_model.bin, google_config.json and google_vocab.txt, or a weights file that has the other
            two beside it.
        target: folder to make.
        labels: class names of a fine-tuned checkpoint, see :func:`kplm.convert.kbert.read`.
        graph: triples that predictions of a fine-tuned checkpoint grow their sentences with, such as a .spo file.

    Raises:
        CheckpointError: keys, config or files do not fit each other.
        KgError: the graph cannot be read.
    """
    found = kbert_format.read(source, labels)
    if found.vocab is None:
        log.warning(f"{source} comes without google_vocab.txt; the converted model has no tokenizer")
    task = "tags" if found.head is not None and "tags" in found.head.reads else "class"
    text = None if found.vocab is None else _kbert_text(found.vocab, graph, task)
    if found.head is None:
        return save_pretrained(found.encoder, target, text, _started(found.encoder))
    return save_pretrained(_finetuned(found.encoder, found.head, text, task), target)


def convert_vlbert(source: str | Path, target: str | Path, labels: Sequence[str] | None = None) -> Path:
    """Turn a checkpoint of the VL-BERT authors into a folder of ours.

    The backbone of an end-to-end checkpoint is written beside it, as ``backbone.safetensors`` with the names of torchvision's
    ResNets, for the region features that are to load it.

    Args:
        source: the checkpoint, or a folder with it and perhaps config.json (their yaml file), vocab.txt and answers_vqa.txt.
        target: folder to make.
        labels: answers of a VQA checkpoint, in order; by default those of answers_vqa.txt.

    Raises:
        CheckpointError: keys, config or files do not fit each other.
    """
    found = vlbert_format.read(source, labels)
    if found.vocab is None:
        log.warning(f"{source} comes without the vocab.txt of its BERT; the converted model has no tokenizer")
    text = None if found.vocab is None else TextEncoder(Tokenizer.from_file(found.vocab)).describe()
    if found.head is None:
        done = save_pretrained(found.encoder, target, text, found.objective)
    else:
        task = next(task for task, kind in VLBERT_TASKS.items() if isinstance(found.head, kind))
        done = save_pretrained(_finetuned(found.encoder, found.head, text, task), target)
    if found.backbone:
        write_tensors(done / BACKBONE, found.backbone)
        log.info(f"the backbone of this end-to-end checkpoint is in {done / BACKBONE}")
    return done


def _ernie_text(vocab: Path, table: str | None) -> dict[str, Any]:
    annotators = [] if table is None else [Entities(table, mentions="whitespace")]
    return TextEncoder(Tokenizer.from_file(vocab, split_cjk=False), annotators, ERNIE_MARKERS).describe()


def _kbert_text(vocab: Path, graph: str | None, task: str) -> dict[str, Any]:
    """As the authors' scripts read texts: by characters, cut plainly, the relation written before the object for classes only."""
    tags = task == "tags"
    select = Selection(most=2, words="{tail}" if tags else "{relation}{tail}")
    trees = [] if graph is None else [Tree(graph, match="forward", select=select)]
    specials: Specials = "none" if tags else "cls"
    return TextEncoder(Tokenizer.characters(vocab), trees, specials=specials, truncation="plain").describe()


def _started(encoder: BaseEncoder) -> Weighted | None:
    """The pretraining heads that came with the encoder."""
    terms = [
        term for term in (MaskedWords(), NextSentence()) if any(f".{term.name}." in name for name in encoder.beside)
    ]
    if not terms:
        return None
    objective = Weighted(terms)
    objective.build(encoder)
    return objective


def _finetuned(encoder: BaseEncoder, head: Head, text: dict[str, Any] | None, task: str) -> Finetune:
    weights = {f"head.{name}": value for name, value in head.state_dict().items()}
    weights |= {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    model = Finetune(encoder, head, head.names)
    model.load_state_dict(weights, strict=False)
    model.text = None if text is None else {**text, "task": task}
    return model
