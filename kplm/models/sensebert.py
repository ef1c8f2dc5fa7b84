"""SenseBERT: words and their WordNet supersenses, tied at input and output (Levine et al., ACL 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from kplm.config import SenseBertConfig
from kplm.errors import KplmError
from kplm.models.encoder import Encoder
from kplm.nn.embeddings import Embeddings, bert_terms


class SensedWords(nn.Embedding):
    """A word table that adds to each word the sum of the supersenses WordNet allows it: ``W x + S M x`` (Levine et al., 2020, eq. 8).

    The table of supersenses is also the one that scores them at the output. What is allowed belongs to the model and is saved with
    it, so that a saved model needs no WordNet. Products with the small table are made in the precision of its weights even under
    autocast; they cost next to nothing.

    Args:
        config: sizes, and the names of the supersenses.
    """

    allowed: Tensor
    """``[V, C]`` bool, which supersenses each word may have; none for special tokens, so that [MASK] tells nothing."""
    continues: Tensor
    """``[V]`` bool, the tokens that go on with the word before them."""

    def __init__(self, config: SenseBertConfig) -> None:
        super().__init__(config.vocab_size, config.hidden)
        self.senses = nn.Parameter(torch.empty(len(config.senses), config.hidden))
        nn.init.normal_(self.senses, std=config.init_std)
        self.register_buffer("allowed", torch.zeros(config.vocab_size, len(config.senses), dtype=torch.bool))
        self.register_buffer("continues", torch.zeros(config.vocab_size, dtype=torch.bool))

    def forward(self, ids: Tensor) -> Tensor:
        """``[...]`` int to ``[..., D]``; one row of ``allowed`` is gathered a token."""
        with torch.autocast(ids.device.type, enabled=False):
            return super().forward(ids) + self.allowed[ids].to(self.senses.dtype) @ self.senses

    def scores(self, states: Tensor) -> Tensor:
        """Score every supersense: ``[..., D]`` to ``[..., C]``."""
        with torch.autocast(states.device.type, enabled=False):
            return states.to(self.senses.dtype) @ self.senses.T


class SenseBert(Encoder):
    """BERT whose words carry their supersenses.

    Args:
        config: sizes.
        stack: layers; ``config.layers`` BERT layers by default.
    """

    config: SenseBertConfig

    def __init__(self, config: SenseBertConfig, stack: nn.Module | None = None) -> None:
        terms = bert_terms(config) | {"input_ids": SensedWords(config)}
        super().__init__(config, Embeddings(terms, config), stack)

    @property
    def words(self) -> SensedWords:
        """The word table with all that is known of supersenses."""
        found = self.embeddings.terms["input_ids"]
        assert isinstance(found, SensedWords)
        return found

    @property
    def sense_table(self) -> nn.Parameter:
        """``[C, D]``, a vector a supersense; ``config.senses`` names the rows."""
        return self.words.senses

    @torch.no_grad()
    def know(self, allowed: Tensor, continues: Tensor) -> None:
        """Take over what the words of the vocabulary may mean.

        Args:
            allowed: ``[V, C]`` bool, see :attr:`SensedWords.allowed`; columns in the order of ``config.senses``.
            continues: ``[V]`` bool, see :attr:`SensedWords.continues`.

        Raises:
            KplmError: the shapes are not those of this model.
        """
        for name, given in {"allowed": allowed, "continues": continues}.items():
            own = getattr(self.words, name)
            if given.shape != own.shape:
                raise KplmError(
                    f"{name} has the shape {list(given.shape)}, but this model has {self.config.vocab_size} words and "
                    f"{len(self.config.senses)} supersenses, so {list(own.shape)} is needed. Make it for the vocabulary of this model."
                )
            own.copy_(given)

    @torch.no_grad()
    def arrange(self, senses: Sequence[str]) -> None:
        """Put the supersenses in another order.

        Args:
            senses: the names of ``config.senses``, each once.
        """
        rows, words = [self.config.senses.index(name) for name in senses], self.words
        words.senses.copy_(words.senses[rows])
        words.allowed.copy_(words.allowed[:, rows])
        self.config = replace(self.config, senses=tuple(senses))

    @torch.no_grad()
    def start_from(self, encoder: Encoder) -> frozenset[str]:
        """Copy a plain encoder's weights; returns the names of the weights that stay fresh, which are the supersenses."""
        missing = self.load_state_dict(encoder.state_dict(), strict=False).missing_keys
        return frozenset(missing) & {name for name, _ in self.named_parameters()}
