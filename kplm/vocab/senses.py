"""Which supersenses the words of a vocabulary may have, in a model's own order of the senses."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from kg.wordnet import SUPERSENSES, Exceptions
from kplm.data.supersenses import allowed_of
from kplm.text import Tokenizer

log = logging.getLogger(__name__)


def allowed_by_name(
    tokenizer: Tokenizer,
    rows: int,
    senses: Sequence[str],
    wordnet: str | None,
    exceptions: Exceptions = Exceptions(),  # noqa: B008 (frozen)
) -> Tensor:
    """The matrix M of SenseBERT from WordNet (Levine et al., 2020, section 3.2).

    Args:
        tokenizer: whose vocabulary it is.
        rows: V, which may be more than the tokenizer has words.
        senses: names of the model's supersenses; those that WordNet does not have are allowed for no word.
        wordnet: folder of WordNet; by default it is looked for.
        exceptions: which words have none.

    Returns: ``[V, C]`` bool.

    Raises:
        KgError: WordNet is not found or damaged, or of another language than the vocabulary.
    """
    columns = {name.lower(): column for column, name in enumerate(SUPERSENSES)}
    if unknown := [name for name in senses if name.lower() not in columns]:
        log.warning(f"WordNet has no supersense {', '.join(unknown)}; no word is allowed to have it")
    found = allowed_of(tokenizer, rows, wordnet, exceptions)
    none = torch.zeros(rows, dtype=torch.bool)
    return torch.stack([found[:, columns[name.lower()]] if name.lower() in columns else none for name in senses], 1)
