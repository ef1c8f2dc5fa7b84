"""Documents cut into sentences and sub-words, entities on the first sub-word of their mention (Zhang et al., 2019)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kplm.data.corpus.document import Document, Mention
from kplm.text.tokenizer import Tokenizer
from kplm.text.tokens import Ints

if TYPE_CHECKING:
    from kg.sentences import Sentences


@dataclass(frozen=True)
class Cut:
    """Many documents as flat arrays. T tokens without special ones, S sentences, N documents, M mentions."""

    ids: NDArray[np.int32]
    """``[T]``"""
    sentences: Ints
    """``[S + 1]`` the token at which each sentence begins, and T."""
    documents: Ints
    """``[N + 1]`` the sentence at which each document begins, and S."""
    positions: Ints
    """``[M]`` ascending, no token twice: the tokens that carry an entity."""
    entities: list[str]
    """M ids."""
    sources: list[str]
    """N names, for looking at."""

    @property
    def document_tokens(self) -> Ints:
        """``[N + 1]`` the token at which each document begins, and T."""
        return self.sentences[self.documents]


class Cutter:
    """Splits at sentences, never across a paragraph nor inside a mention, then cuts into sub-words.

    Args:
        tokenizer: cuts whole paragraphs.
        sentences: finds where sentences begin.
        longest: a sentence of more tokens is cut into pieces of so many.
    """

    def __init__(self, tokenizer: Tokenizer, sentences: Sentences, longest: int) -> None:
        self.tokenizer, self.sentences, self.longest = tokenizer, sentences, longest

    def __call__(self, documents: Sequence[Document], counts: Counter[str]) -> Cut:
        """Cut documents; those without a token vanish.

        Args:
            documents: their mentions are usable, see `kplm.data.corpus.mentions`; None is read as none.
            counts: grows by ``sentences``, ``sentences_cut``, ``documents_empty`` and ``mentions_without_token``.
        """
        texts = [document.text for document in documents]
        bases = [0, *accumulate(len(text) + 1 for text in texts)]  # places in "\n".join(texts)
        mentions = [
            Mention(base + one.start, base + one.end, one.entity)
            for base, document in zip(bases, documents)
            for one in document.mentions or ()
        ]
        paragraphs, begins = _paragraphs(texts)
        ids, spans = self._tokens(paragraphs, begins)
        firsts = _sentence_tokens(self._sentence_starts(paragraphs, begins, mentions), spans)
        sizes = np.diff(firsts)
        counts["sentences"] += len(sizes)
        counts["sentences_cut"] += int((sizes > self.longest).sum())
        firsts = _shorten(firsts, self.longest)
        own = np.searchsorted(spans[:, 0], bases)  # [N + 1] tokens
        filled = np.flatnonzero(np.diff(own))
        counts["documents_empty"] += len(documents) - len(filled)
        positions, entities = _align(mentions, spans, counts)
        bounds = np.searchsorted(firsts, own[np.append(filled, len(documents))])
        return Cut(ids, firsts, bounds, positions, entities, [documents[number].source for number in filled.tolist()])

    def _tokens(self, paragraphs: Sequence[str], begins: Ints) -> tuple[NDArray[np.int32], Ints]:
        """``[T]`` ids and ``[T, 2]`` where each token begins and ends among all characters."""
        pieces = self.tokenizer.cut(paragraphs, specials=False)  # a text that spells [SEP] stays text
        ids = np.concatenate([np.zeros(0, np.int32), *(piece.ids.astype(np.int32) for piece in pieces)])
        spans = [np.zeros((0, 2), np.int64), *(piece.offsets + begin for piece, begin in zip(pieces, begins))]
        return ids, np.concatenate(spans)

    def _sentence_starts(self, paragraphs: Sequence[str], begins: Ints, mentions: list[Mention]) -> Ints:
        found = [starts + begin for starts, begin in zip(self.sentences.starts(paragraphs), begins)]
        starts = np.unique(np.concatenate([begins, *found]))
        if not mentions:
            return starts
        bounds = np.array([(one.start, one.end) for one in mentions], np.int64)
        before = np.searchsorted(bounds[:, 0], starts) - 1  # the last mention that begins earlier
        return starts[(before < 0) | (starts >= bounds[before, 1])]


def _paragraphs(texts: Sequence[str]) -> tuple[list[str], Ints]:
    """The lines of all texts and where they begin; blank ones are left out."""
    every = "\n".join(texts).split("\n")
    begins = np.array([0, *accumulate(len(one) + 1 for one in every)][:-1], np.int64)
    filled = [number for number, one in enumerate(every) if one and not one.isspace()]
    return [every[number] for number in filled], begins[filled]


def _sentence_tokens(starts: Ints, spans: Ints) -> Ints:
    """``[S + 1]`` first tokens of the sentences that begin at characters ``starts``, empty ones left out, and T."""
    return np.unique(np.append(np.searchsorted(spans[:, 0], starts), len(spans)))


def _shorten(firsts: Ints, longest: int) -> Ints:
    """More first tokens, so that no sentence has more than ``longest``."""
    sizes = np.diff(firsts)
    if not len(sizes) or sizes.max() <= longest:
        return firsts
    long = np.flatnonzero(sizes > longest)
    more = [np.arange(firsts[one] + longest, firsts[one + 1], longest) for one in long]
    return np.unique(np.concatenate([firsts, *more]))


def _align(mentions: list[Mention], spans: Ints, counts: Counter[str]) -> tuple[Ints, list[str]]:
    """The first token that ends after the first character of each mention; a token carries only the first of two."""
    bounds = np.array([(one.start, one.end) for one in mentions], np.int64).reshape(-1, 2)
    tokens = np.searchsorted(spans[:, 1], bounds[:, 0], side="right")
    begins = np.append(spans[:, 0], np.iinfo(np.int64).max)[tokens]
    reached = np.flatnonzero(begins < bounds[:, 1])
    positions, first = np.unique(tokens[reached], return_index=True)
    counts["mentions_without_token"] += len(mentions) - len(reached)
    counts["mentions_overlapping"] += len(reached) - len(positions)
    return positions, [mentions[number].entity for number in reached[first]]


def joined(cuts: Sequence[Cut]) -> Cut:
    """Several cuts as one, in their order."""
    tokens = np.cumsum([0, *(len(cut.ids) for cut in cuts)])
    counts = np.cumsum([0, *(len(cut.sentences) - 1 for cut in cuts)])
    return Cut(
        np.concatenate([np.zeros(0, np.int32), *(cut.ids for cut in cuts)]),
        np.concatenate([*(cut.sentences[:-1] + base for cut, base in zip(cuts, tokens)), tokens[-1:]]),
        np.concatenate([*(cut.documents[:-1] + base for cut, base in zip(cuts, counts)), counts[-1:]]),
        np.concatenate([np.zeros(0, np.int64), *(cut.positions + base for cut, base in zip(cuts, tokens))]),
        [entity for cut in cuts for entity in cut.entities],
        [source for cut in cuts for source in cut.sources],
    )
