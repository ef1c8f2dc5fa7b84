"""What a SenseBERT takes the words of a sentence for: a distribution over supersenses for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kg.errors import KgError
from kg.wordnet import Exceptions, WordNet
from kg.wordnet.allowed import words_of
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example
from kplm.errors import KplmError
from kplm.inspect.shape import counted, printable
from kplm.models import BaseEncoder, SenseBert
from kplm.objectives import Supersenses
from kplm.objectives.word_mean_senses import span_means
from kplm.text import Tokenizer

TERM = f"terms.{Supersenses.name}."


@dataclass(frozen=True)
class Word:
    """One word, of one piece or several."""

    text: str
    shares: np.ndarray
    """``[C]`` float, sums to 1."""
    allowed: np.ndarray
    """``[C]`` bool, the supersenses WordNet allows; none for words it does not know, short ones and function words."""

    def best(self, most: int) -> list[int]:
        """The likeliest supersenses, in falling order."""
        return np.argsort(-self.shares, kind="stable")[:most].tolist()


@dataclass(frozen=True)
class Reading:
    """A sentence as a SenseBERT reads it."""

    senses: tuple[str, ...]
    """Names of the C supersenses."""
    words: tuple[Word, ...]
    notes: tuple[str, ...] = ()
    """What must be known beside the numbers."""

    @property
    def summary(self) -> str:
        """The reading in numbers, in one line."""
        known = [word for word in self.words if word.allowed.any()]
        if not known:
            return (
                "No word of the sentence has a supersense in WordNet, which leaves short words and function words out; "
                "what is shown is the model's guess from the context alone."
            )
        right = sum(bool(word.allowed[word.best(1)].all()) for word in known)
        return (
            f"{len(known)} of {counted(len(self.words), 'word')} have supersenses in WordNet; "
            f"for {right} of them the likeliest one is allowed"
        )


@torch.no_grad()
def sensed(encoder: BaseEncoder, tokenizer: Tokenizer, sentence: str, wordnet: str | None = None) -> Reading:
    """The supersenses of every word, from the mean of its pieces' states (Levine et al., 2020).

    Args:
        encoder: a SenseBERT.
        tokenizer: its own.
        sentence: the text; a [MASK] in it is a word that the model does not see.
        wordnet: folder of WordNet, which is only asked what words of several pieces may mean.

    Raises:
        KplmError: the sentence is empty or too long, or the model has no sense table.
    """
    if not isinstance(encoder, SenseBert):
        raise KplmError(
            f"the model is of the kind {type(encoder).__name__}, which knows no supersenses. Give a SenseBert, such as one trained with "
            f"lightning_configs/sensebert/pretrain.yaml."
        )
    [pieces] = tokenizer.cut([sentence])
    _check_length(len(pieces.ids), encoder.config.positions)
    spans = _spans(encoder.words.continues[pieces.ids])
    [row] = TextEncoder(tokenizer, max_length=len(pieces.ids) + 2)([Example(sentence)])
    term = _term(encoder.eval())
    states = encoder(Collator()([row]))[:, 1:]  # [1, L, D], without [CLS]
    shares = term.logits(encoder, span_means(states, spans[None])[0]).softmax(-1).numpy()
    allowed, notes = _allowed(encoder, tokenizer, [pieces.ids[start:end] for start, end in spans.tolist()], wordnet)
    texts = (sentence[pieces.offsets[start][0] : pieces.offsets[end - 1][1]] for start, end in spans.tolist())
    words = tuple(Word(printable(text), *pair) for text, *pair in zip(texts, shares, allowed))
    return Reading(encoder.config.senses, words, notes)


def _check_length(pieces: int, positions: int) -> None:
    if not pieces:
        raise KplmError("the sentence is empty. Give a text, in quotes.")
    if pieces + 2 > positions:
        raise KplmError(
            f"the sentence has {pieces} tokens, but the model reads at most {positions - 2} beside [CLS] and [SEP]. "
            f"Give a shorter one."
        )


def _spans(continues: Tensor) -> Tensor:
    """First piece of each word and the one behind its last, ``[N, 2]`` int."""
    first = ~continues
    first[0] = True
    starts = first.nonzero().flatten()
    return torch.stack([starts, torch.cat([starts[1:], torch.tensor([len(continues)])])], 1)


def _term(encoder: SenseBert) -> Supersenses:
    """The prediction head that the model was trained with."""
    own = {name.removeprefix(TERM): value for name, value in encoder.beside.items() if name.startswith(TERM)}
    term = Supersenses("transform" if own else "states")
    term.build(encoder)
    term.load_state_dict(own)
    return term.eval()


def _allowed(
    encoder: SenseBert, tokenizer: Tokenizer, words: Sequence[np.ndarray], wordnet: str | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """``[N, C]`` bool what each word may mean: of one piece what the model knows, of several what WordNet says."""
    found = np.stack([encoder.words.allowed[ids[0]].numpy() & (len(ids) == 1) for ids in words])
    several = {
        number: "".join(str(tokenizer.rust.id_to_token(piece)).removeprefix("##") for piece in ids.tolist())
        for number, ids in enumerate(words)
        if len(ids) > 1
    }
    if not several:
        return found, ()
    try:
        opened = WordNet.open(wordnet)
    except KgError as error:
        if wordnet is not None:
            raise
        why = str(error).splitlines()[0].split(". ")[0]
        return found, (f"What {', '.join(several.values())} may mean is not marked, as they are split: {why}.",)
    for number, word in zip(several, words_of(list(several.values()), Exceptions())):
        mine = opened.supersenses(word) if word else ()
        found[number] = [name in mine for name in encoder.config.senses]
    return found, ()
