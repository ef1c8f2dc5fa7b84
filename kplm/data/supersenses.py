"""WordNet's supersenses on the way to a batch: which words to hide first, and what split words may mean."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from kg.wordnet import SUPERSENSES, Exceptions, WordNet, allowed_supersenses
from kg.wordnet.allowed import words_of
from kplm.fields import IGNORE, Batch
from kplm.masking import Masker, Preferred
from kplm.masking.select.base import continuations
from kplm.text import Tokenizer

log = logging.getLogger(__name__)


class SingleSense(Preferred):
    """Words with exactly one supersense first, whose label is certain (Levine et al., 2020); see :class:`kplm.masking.Preferred`.

    Args:
        wordnet: folder of WordNet; by default it is looked for.
        share: part of these words of a row that is taken first.
        cap: part of the row's budget that they may fill.
        shortest: shorter words have no supersense, in characters.
        stop_words: words that have none; by default English function words.
    """

    def __init__(
        self,
        wordnet: str | None = None,
        share: float = 0.5,
        cap: float = 0.4,
        shortest: int = 4,
        stop_words: list[str] | None = None,
    ) -> None:
        super().__init__(share, cap)
        self.wordnet, self.exceptions = wordnet, Exceptions(shortest, stop_words)

    def preferred(self, tokenizer: Tokenizer) -> Tensor:
        """``[V]`` bool.

        Raises:
            KgError: WordNet is not found or damaged, or of another language than the vocabulary.
        """
        return allowed_of(tokenizer, len(tokenizer), self.wordnet, self.exceptions).sum(1) == 1


class SplitWords(Masker):
    """Writes what the hidden split words may mean, for :class:`kplm.objectives.WordMeanSenses` (Levine et al., 2020).

    Runs behind :class:`kplm.masking.MaskWords` with whole words; a word of which a piece is still there is left out. The columns
    are WordNet's 45 supersenses, in its order.

    Args:
        wordnet: folder of WordNet; by default it is looked for.
        shortest: shorter words have no supersense, in characters.
        stop_words: words that have none; by default English function words.
    """

    reads = frozenset({"input_ids", "mlm_labels"})
    writes = frozenset({"sense_spans", "sense_allowed"})

    def __init__(self, wordnet: str | None = None, shortest: int = 4, stop_words: list[str] | None = None) -> None:
        self.wordnet, self.exceptions = wordnet, Exceptions(shortest, stop_words)
        self._found: dict[tuple[int, ...], np.ndarray] = {}

    def build(self, tokenizer: Tokenizer) -> None:
        """Open WordNet and remember the pieces.

        Raises:
            KgError: WordNet is not found or damaged.
        """
        self._continues = continuations(tokenizer)
        self._tokens, self._open = tokens_of(tokenizer, len(tokenizer)), WordNet.open(self.wordnet)
        self._found.clear()

    def __call__(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        """Write ``sense_spans`` ``[B, N, 2]`` and ``sense_allowed`` ``[B, N, C]``; N is the most such words of a row."""
        hidden = batch["mlm_labels"] != IGNORE
        ids = torch.where(hidden, batch["mlm_labels"], batch["input_ids"])
        first, size, whole = split_words(self._continues[ids], hidden)
        number, count = whole.cumsum(1) - 1, int(whole.sum(1).max())
        spans = torch.full((len(ids), count, 2), -1)
        allowed = torch.zeros(len(ids), count, len(SUPERSENSES), dtype=torch.bool)
        for row, word in whole.nonzero().tolist():
            start, end, at = int(first[row, word]), int(first[row, word] + size[row, word]), int(number[row, word])
            spans[row, at] = torch.tensor([start, end])
            allowed[row, at] = torch.from_numpy(self._senses(tuple(ids[row, start:end].tolist())))
        return {**batch, "sense_spans": spans, "sense_allowed": allowed}

    def _senses(self, pieces: tuple[int, ...]) -> np.ndarray:
        """``[C]`` bool, looked up once a word."""
        if pieces not in self._found:
            text = "".join(self._tokens[piece].removeprefix("##") for piece in pieces)
            [word] = words_of([text], self.exceptions)
            found = np.zeros(len(SUPERSENSES), np.bool_)
            found[self._open.supersense_numbers(word) if word else []] = True
            self._found[pieces] = found
        return self._found[pieces]


def split_words(continues: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The words of several tokens that are hidden whole; rows begin with a token of its own, [CLS].

    Args:
        continues: ``[B, L]`` bool, tokens that go on with the word before them.
        hidden: ``[B, L]`` bool.

    Returns: for each word of a row in turn its first position and its number of tokens, ``[B, L]`` int, and whether it is
        such a word, ``[B, L]`` bool.
    """
    word = (~continues).cumsum(1) - 1  # [B, L], number of the word in its row
    places, none = torch.arange(word.shape[1]).expand_as(word), torch.zeros_like(word)
    first = none.scatter_reduce(1, word, places, "amin", include_self=False)
    size = none.scatter_add(1, word, torch.ones_like(word))
    return first, size, (size > 1) & (none.scatter_add(1, word, hidden.long()) == size)


def allowed_of(
    tokenizer: Tokenizer,
    rows: int,
    wordnet: str | None,
    exceptions: Exceptions = Exceptions(),  # noqa: B008 (frozen)
    senses: Sequence[str] = SUPERSENSES,
) -> Tensor:
    """Which supersenses each token may have, the matrix M of SenseBERT (Levine et al., 2020, section 3.2).

    Args:
        tokenizer: whose vocabulary it is.
        rows: V, which may be more than the tokenizer has words.
        wordnet: folder of WordNet; by default it is looked for.
        exceptions: which tokens have none.
        senses: names of the columns, in any case; those that WordNet does not have are allowed for no token.

    Returns: ``[V, C]`` bool.

    Raises:
        KgError: WordNet is not found or damaged, or of another language than the vocabulary.
    """
    found = allowed_supersenses(tokens_of(tokenizer, rows), wordnet, exceptions)  # [V, 45]
    places = {name.lower(): column for column, name in enumerate(SUPERSENSES)}
    if unknown := [name for name in senses if name.lower() not in places]:
        log.warning(f"WordNet has no supersense {', '.join(unknown)}; no word is allowed to have it")
    columns = np.array([places.get(name.lower(), -1) for name in senses])
    return torch.from_numpy(found[:, columns] & (columns >= 0))


def tokens_of(tokenizer: Tokenizer, rows: int) -> Sequence[str]:
    """The words of the first ``rows`` ids; empty where there is none."""
    return [tokenizer.rust.id_to_token(row) or "" for row in range(rows)]
