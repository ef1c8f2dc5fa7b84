"""Next sentence prediction."""

from __future__ import annotations

from kplm.objectives.pooled import PooledTerm


class NextSentence(PooledTerm):
    """Tell whether the second text follows the first (0) or is a random one (1; Devlin et al., 2019, section 3.1)."""

    name = "next_sentence"
    reads = frozenset({"next_sentence"})
