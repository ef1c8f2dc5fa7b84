"""Masked language modelling: hide words, keep what they were."""

from __future__ import annotations

from torch import Generator, Tensor

from kplm.fields import IGNORE, Batch
from kplm.masking.base import Masker
from kplm.masking.budget import Budget
from kplm.masking.corrupt import Corrupt
from kplm.masking.select import Selector, Tokens
from kplm.text import Tokenizer


class MaskWords(Masker):
    """Hides words of the text for :class:`kplm.objectives.MaskedWords` (Devlin et al., 2019, section 3.1).

    Args:
        select: which positions: 'kplm.masking.Tokens' or 'kplm.masking.WholeWords'.
        corrupt: what replaces them; by default 80 % [MASK], 10 % a random word, 10 % unchanged.
        budget: how many; by default 15 % of a row.
    """

    reads = frozenset({"input_ids", "document"})
    writes = frozenset({"mlm_labels"})

    def __init__(
        self, select: Selector | None = None, corrupt: Corrupt | None = None, budget: Budget | None = None
    ) -> None:
        self.select, self.corrupt, self.budget = select or Tokens(), corrupt or Corrupt(), budget or Budget()

    def build(self, tokenizer: Tokenizer) -> None:
        """Tell the parts about the vocabulary."""
        self.select.build(tokenizer)
        self.corrupt.build(tokenizer)
        self._kept = tokenizer.cls, tokenizer.sep

    def __call__(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        """Exchange ``input_ids`` and write ``mlm_labels``, both ``[B, L]``; [CLS] and [SEP] are never hidden."""
        ids, real = batch["input_ids"], batch["document"] != 0
        allowed = real & (ids != self._kept[0]) & (ids != self._kept[1])
        chosen = self.select(ids, allowed, self.budget(real.sum(1)), generator)
        hidden = self.corrupt(ids, chosen, generator)
        return {**batch, "input_ids": hidden, "mlm_labels": ids.masked_fill(~chosen, IGNORE)}
