"""Tokenizer and weights with more words: new ids at the end, new rows that begin as the mean of the pieces' rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import chain

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer as Rust
from torch import Tensor

from kplm.convert.keys import State
from kplm.errors import CheckpointError, KplmError
from kplm.text import Tokenizer

TABLES = (
    "embeddings.terms.input_ids.weight",
    "embeddings.word_embeddings.weight",
    "cls.predictions.decoder.weight",
)
BIASES = ("terms.masked_words.bias", "cls.predictions.bias", "cls.predictions.decoder.bias")
"""How the names of what has a row a word end, in our models and in those of Hugging Face."""


def next_id(tokenizer: Tokenizer) -> int:
    """The first id that no token has."""
    return max(tokenizer.rust.get_vocab().values()) + 1


def grown_tokenizer(tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """The tokenizer with new whole words in its WordPiece vocabulary, under the ids that follow.

    All else is cut as before, but for words that *begin* with a new word: greedy longest-match gives them that as first piece.

    Raises:
        KplmError: it is no WordPiece, or a word is empty, there twice, or in the vocabulary already.
    """
    content = json.loads(tokenizer.to_json())
    model = content["model"]
    if model["type"] != "WordPiece":
        raise KplmError(
            f"the tokenizer is a {model['type']}; only WordPiece vocabularies, such as BERT's, can take whole words in."
        )
    times, have = Counter(words), model["vocab"]
    if bad := [word for word, count in times.items() if count > 1 or word in have or not word.strip()]:
        told = ", ".join(map(repr, bad[:5]))
        raise KplmError(
            f"{told} cannot be new words: each must be there once, not empty and not in the vocabulary yet."
        )
    model["vocab"] |= {word: row for row, word in enumerate(words, next_id(tokenizer))}
    return Tokenizer(Rust.from_str(json.dumps(content, ensure_ascii=False)))


def grown_state(state: State, tokenizer: Tokenizer, words: Sequence[str]) -> tuple[State, int]:
    """The weights with a row for each new word, the mean of the rows of its pieces; biases too.

    So the score of a new word in masked language modelling is at first the mean of its pieces' scores.

    Args:
        state: of a model of ours or of a Hugging Face BERT.
        tokenizer: of that model, which still splits the words.
        words: they get the first free ids, in this order.

    Returns: the weights, and the number of rows of the word table.

    Raises:
        CheckpointError: there is no word table, or it has fewer rows than the tokenizer has tokens.
    """
    grown = {name: value for name, value in state.items() if name.endswith(TABLES + BIASES)}
    first, rows = next_id(tokenizer), {len(value) for name, value in grown.items() if name.endswith(TABLES)}
    if not rows:
        raise CheckpointError(f"the weights hold no word table; looked for names that end in {' or '.join(TABLES)}.")
    if min(rows) < first:
        raise CheckpointError(
            f"the word table has {min(rows)} rows, but the tokenizer has {first} tokens. Use the tokenizer of this model."
        )
    pieces = [cut.ids.tolist() for cut in tokenizer.cut(words, specials=False)]
    return {
        **state,
        **{name: with_rows(value, first, _means(value, pieces)) for name, value in grown.items()},
    }, max(first + len(words), *rows)


def with_rows(table: Tensor, first: int, rows: Tensor) -> Tensor:
    """A table with new rows from ``first`` on, where unused ones may lie, and as long as needed."""
    new = table.new_zeros((max(len(table), first + len(rows)), *table.shape[1:]))
    new[: len(table)] = table
    new[first : first + len(rows)] = rows
    return new


def _means(table: Tensor, pieces: Sequence[Sequence[int]]) -> Tensor:
    """The mean of some rows of ``[V, ...]`` for each word, ``[N, ...]``; summed in float32 or wider."""
    flat = torch.tensor(list(chain.from_iterable(pieces)))
    starts = torch.tensor([0, *(len(one) for one in pieces[:-1])]).cumsum(0)
    wide = table.to(torch.promote_types(table.dtype, torch.float32)).reshape(len(table), -1)
    return F.embedding_bag(flat, wide, starts, mode="mean").to(table.dtype).reshape(len(pieces), *table.shape[1:])
