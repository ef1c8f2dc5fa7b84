"""SemBERT: words and their semantic roles (Zhang et al., AAAI 2020).

The sub-words of a word become one state, and a vector of its tags in the predicate-argument structures of its sentence is put
beside it. Every token carries the state of its word, so what reads tokens reads words: the largest value among the tokens is that
among the words, the first token of a word is the word.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kplm.config import SemBertConfig
from kplm.errors import KplmError, MissingFieldError
from kplm.fields import Batch
from kplm.models.base import initialise
from kplm.models.encoder import Encoder
from kplm.nn.pooling import BertPooler, MaxPooler, taken
from kplm.nn.roles import AuthorsGruTags, GruTags, LinearTags, Roles
from kplm.nn.words import AuthorsWordStates, WordStates, at_tokens

FIELDS = ("role_tags", "word_of")


class SemBert(Encoder):
    """BERT, words made of its sub-words, and their roles beside them. States are ``hidden + tag_width`` wide.

    Args:
        config: sizes.
    """

    config: SemBertConfig

    def __init__(self, config: SemBertConfig) -> None:
        super().__init__(config)
        self.words = (AuthorsWordStates if config.compat else WordStates)(config)
        self.roles = Roles(config, _tag_encoder(config))
        self.pooler = _pooler(config)(config, self.width)
        for part in (self.roles, self.pooler):
            part.apply(lambda module: initialise(module, config.init_std))

    @property
    def width(self) -> int:
        """Width of a word with its roles."""
        return self.config.hidden + self.config.tag_width

    @property
    def reads(self) -> frozenset[str]:
        """Names of the batch fields the forward pass needs."""
        return super().reads | set(FIELDS)

    def forward(self, batch: Batch, positions: Tensor | None = None) -> Tensor:
        """Encode a batch into states ``[B, L, D + T]`` of the tokens; with ``config.compat`` those of the words stand behind them.

        With ``positions [B, P]`` int the states of these tokens alone.

        Raises:
            MissingFieldError: the batch lacks a field in :attr:`reads`.
            KplmError: it has another number of structures than this model reads.
        """
        words = self.described(super().forward(batch), batch)
        tokens = at_tokens(words, batch["word_of"])
        if positions is not None:
            return taken(tokens, positions)
        return torch.cat([tokens, words], dim=1) if self.config.compat else tokens

    def described(self, states: Tensor, batch: Batch) -> Tensor:
        """Words and their roles: the states ``[B, L, D]`` of BERT's last layer to ``[B, S, D + T]``."""
        tags, word_of = _required(batch, self.config.aspects)
        words = self.words(states, word_of, tags.shape[2])
        return torch.cat([words, self.roles(tags, word_of.amax(1))], dim=-1)

    def tokens(self, states: Tensor, batch: Batch) -> Tensor:
        """The states of the tokens ``[B, L, D + T]`` among those of :meth:`forward`."""
        return states[:, : batch["word_of"].shape[1]]

    @torch.no_grad()
    def start_from(self, encoder: Encoder) -> frozenset[str]:
        """Copy a plain encoder's weights but for its pooler; returns the names of the weights that stay fresh."""
        state = {name: value for name, value in encoder.state_dict().items() if not name.startswith("pooler.")}
        return frozenset(self.load_state_dict(state, strict=False).missing_keys)


class AuthorsMaxPooler(MaxPooler):
    """The largest value among the words, padding included, which stand behind the tokens where ``config.compat`` is set."""

    def picked(self, states: Tensor, batch: Batch | None) -> Tensor:
        """``[B, L + S, D]`` to ``[B, D]``."""
        assert batch is not None
        return states[:, batch["word_of"].shape[1] :].amax(1)


def _pooler(config: SemBertConfig) -> type[BertPooler]:
    if config.pooling == "first":
        return BertPooler
    return AuthorsMaxPooler if config.compat else MaxPooler


def _tag_encoder(config: SemBertConfig) -> nn.Module:
    if config.tag_encoder == "linear":
        return LinearTags(config.tag_width)
    return (AuthorsGruTags if config.compat else GruTags)(config.tag_width)


def _required(batch: Batch, aspects: int) -> tuple[Tensor, Tensor]:
    for field in FIELDS:
        if field not in batch:
            raise MissingFieldError(SemBert.__name__, field, batch)
    tags = batch["role_tags"]
    if tags.shape[1] != aspects:
        raise KplmError(
            f"the batch has {tags.shape[1]} predicate-argument structures a row, but this model reads aspects={aspects}. "
            f"Set aspects of kplm.data.annotate.Roles to that."
        )
    return tags, batch["word_of"]
