"""Checkpoints of the K-BERT authors, which are UER-py's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kg.facts import Selection
from kplm.authors.finetuned import finetuned
from kplm.convert import kbert as kbert_format
from kplm.data.annotate import Tree
from kplm.data.encode import TextEncoder
from kplm.hub import save_pretrained
from kplm.models import BaseEncoder
from kplm.objectives import MaskedWords, NextSentence, Weighted
from kplm.text import Tokenizer
from kplm.text.tokenizer import Specials

log = logging.getLogger(__name__)


def convert_kbert(
    source: str | Path, target: str | Path, labels: Sequence[str] | None = None, graph: str | None = None
) -> Path:
    """Turn a checkpoint of the K-BERT authors, which is one of UER-py, into a folder of ours.

    Args:
        source: a folder with google_model.bin, google_config.json and google_vocab.txt, or a weights file that has the other
            two beside it.
        target: folder to make.
        labels: class names of a fine-tuned checkpoint, which does not store them; of a tagger [PAD], [ENT], then the tags in
            the order in which they first occur in its training data.
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
    return save_pretrained(finetuned(found.encoder, found.head, text, task), target)


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
