"""The input of an encoder as a sum of named terms."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from kplm.config import EncoderConfig
from kplm.errors import MissingFieldError
from kplm.fields import Batch
from kplm.nn.dropout import Dropout


class Embeddings(nn.Module):
    """Sum of named terms, LayerNorm, dropout; a term is named after the batch field it reads, so a new input is a new term."""

    def __init__(self, terms: Mapping[str, nn.Module], config: EncoderConfig) -> None:
        super().__init__()
        self.terms = nn.ModuleDict(terms)
        self.norm = nn.LayerNorm(config.hidden, eps=config.eps)
        self.dropout = Dropout(config.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Read one ``[B, L]`` field a term and return ``[B, L, D]`` float.

        Raises:
            MissingFieldError: the batch has no field of a term's name.
        """
        return self.close(self.total(batch))

    def total(self, batch: Batch) -> Tensor:
        """The first half: the sum of the terms, ``[B, L, D]``."""
        total: Tensor | None = None
        for name, term in self.terms.items():
            if name not in batch:
                raise MissingFieldError(type(self).__name__, name, batch)
            total = term(batch[name]) if total is None else total + term(batch[name])
        assert total is not None, "an encoder has at least its words as input"
        return total

    def close(self, total: Tensor) -> Tensor:
        """The second half: LayerNorm and dropout of ``[B, L, D]``; a model may put elements of its own beside the tokens before."""
        return self.dropout(self.norm(total))


def bert_terms(config: EncoderConfig) -> dict[str, nn.Module]:
    """BERT's three inputs: word, position and segment tables (Devlin et al., 2019, figure 2)."""
    return {
        "input_ids": nn.Embedding(config.vocab_size, config.hidden),
        "position_ids": nn.Embedding(config.positions, config.hidden),
        "segment_ids": nn.Embedding(config.segments, config.hidden),
    }
