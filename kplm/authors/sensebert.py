"""The released SenseBERT, a TensorFlow SavedModel."""

from __future__ import annotations

import logging
from pathlib import Path

from kg.wordnet import SUPERSENSES
from kplm.convert import sensebert as sensebert_format
from kplm.data.encode import TextEncoder
from kplm.data.supersenses import allowed_of
from kplm.hub import save_pretrained
from kplm.masking.select.base import continuations
from kplm.text import Tokenizer

log = logging.getLogger(__name__)


def convert_sensebert(
    source: str | Path, target: str | Path, wordnet: str | None = None, leave: list[str] | None = None
) -> Path:
    """Turn the SavedModel of the SenseBERT authors into a folder of ours; needs TensorFlow.

    Args:
        source: the folder with variables/, saved_model.pb, vocab.txt and supersense_vocab.txt.
        target: folder to make.
        wordnet: folder of WordNet, for a checkpoint without the matrix of allowed supersenses; by default it is looked for.
        leave: names of variables to leave out, where the checkpoint has more than a SenseBERT needs.

    Raises:
        CheckpointError: a file is missing or damaged, or the variables are not those of a SenseBERT.
        KplmError: TensorFlow is not installed.
        KgError: WordNet is needed and not found.
    """
    found = sensebert_format.read(source, leave or ())
    assert found.vocab is not None
    tokenizer, rows = Tokenizer.from_file(found.vocab, split_cjk=False), found.config.vocab_size
    allowed = found.allowed
    if allowed is None:
        log.warning("the checkpoint does not hold the matrix of allowed supersenses; it is made anew from WordNet")
        allowed = allowed_of(tokenizer, rows, wordnet, senses=found.config.senses)
    found.encoder.know(allowed, continuations(tokenizer, rows))
    if set(found.config.senses) == set(SUPERSENSES):
        found.encoder.arrange(SUPERSENSES)  # maskers write what words may mean in WordNet's order
    return save_pretrained(found.encoder, target, TextEncoder(tokenizer).describe(), found.objective)
