"""Sentence-image relation."""

from __future__ import annotations

from kplm.objectives.pooled import PooledTerm


class SentenceImage(PooledTerm):
    """Tell whether a caption belongs to the picture (1) or to another one (0).

    VL-BERT's authors tried it and left it out of their models: pairs that do not match hurt the other two tasks (Su et al., 2020,
    section 4.3).
    """

    name = "sentence_image"
    reads = frozenset({"sentence_image"})
