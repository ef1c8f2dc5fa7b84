"""``kplm vocab extend``: a larger vocabulary for a model, from the words of a corpus."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from kg.places import whole_folder, write_meta
from kg.wordnet import Exceptions
from kplm.convert.keys import State
from kplm.convert.weights import NAMES, read_weights
from kplm.data.corpus.stream import source_files
from kplm.data.supersenses import allowed_of
from kplm.errors import DataError, KplmError
from kplm.folder import FORMAT, read_config, write_folder, write_tensors
from kplm.locate import locate
from kplm.text import Tokenizer
from kplm.vocab.grow import grown_state, grown_tokenizer, next_id, with_rows
from kplm.vocab.words import split_words, words_by_frequency

log = logging.getLogger(__name__)
KIND = "kplm.vocab"
ALLOWED, CONTINUES = "terms.input_ids.allowed", "terms.input_ids.continues"
"""How the names of SenseBERT's two buffers with a row a word end."""


def extend(
    model: str,
    out: str,
    texts: list[str],
    *,
    size: int = 60_000,
    least_count: int = 5,
    letters_only: bool = True,
    wordnet: str | None = None,
) -> Path:
    """Give a model more whole words: the most frequent words of texts that its tokenizer splits today.

    Old ids keep their meaning. The row of a new word, and its bias in a head of masked words, begin as the mean of its pieces'.
    SenseBERT's paper goes from 30K to 60K words this way, so that more words have supersenses; train on before use.

    Args:
        model: a model folder, package:NAME/folder or hub name with weights and tokenizer; or only a tokenizer, of which then
            only the tokenizer is written.
        out: the folder to write; whole or not at all.
        texts: plain text: files, folders (all files below them) or globs in quotes.
        size: of the new vocabulary.
        least_count: rarer words stay split.
        letters_only: take no words with digits or signs.
        wordnet: for a SenseBERT, the folder of WordNet; by default it is looked for.
    """
    found = locate(model)
    tokenizer = _tokenizer(found)
    room = _room(tokenizer, size, least_count)
    files = sorted({file for text in texts for file in source_files(text)})
    with whole_folder(out, KIND) as folder:
        new = _new_words(tokenizer, files, least_count, letters_only, room)
        larger = grown_tokenizer(tokenizer, new)
        if _has_weights(found):
            _write_model(folder, found, tokenizer, larger, new, wordnet)
        (folder / "tokenizer.json").write_text(larger.to_json(), encoding="utf-8")
        write_meta(folder, KIND, {"start": model, "new_words": len(new), "least_count": least_count, "texts": texts})
    if len(new) < room:
        log.warning(
            f"only {len(new):,} new words for {room:,} places; more text or a lower --least_count would give more"
        )
    log.info(f"{next_id(larger):,} words, {len(new):,} of them new, from '{new[0]}' to '{new[-1]}'")
    return Path(out)


def _tokenizer(found: Path) -> Tokenizer:
    if found.suffix == ".ckpt":
        raise KplmError(f"{found} is the checkpoint of a training run. Make a folder of it first: kplm export.")
    return Tokenizer.from_file(found)


def _room(tokenizer: Tokenizer, size: int, least_count: int) -> int:
    """How many words are asked for."""
    have = next_id(tokenizer)
    grown_tokenizer(tokenizer, [])  # raises now what would else be found only after the counting
    if size <= have:
        raise KplmError(f"size={size}, but the vocabulary has {have} words already. Give a larger --size.")
    if least_count < 1:
        raise KplmError(f"least_count={least_count}; it must be at least 1.")
    return size - have


def _new_words(
    tokenizer: Tokenizer, files: Sequence[Path], least_count: int, letters_only: bool, room: int
) -> list[str]:
    words = words_by_frequency(tokenizer, files, least_count)
    new = list(islice(split_words(tokenizer, words, letters_only), room))
    if not new:
        raise DataError(
            f"the texts have {len(words):,} different words that occur {least_count} times or more, but none of them is split "
            f"by this tokenizer. Give more text, or a lower --least_count."
        )
    return new


def _has_weights(found: Path) -> bool:
    return found.is_dir() and any((found / name).exists() for name in ("config.json", *NAMES))


def _write_model(
    folder: Path, found: Path, tokenizer: Tokenizer, larger: Tokenizer, words: Sequence[str], wordnet: str | None
) -> None:
    """A model of ours or of Hugging Face, in the format it has."""
    config = read_config(found)
    state, rows = grown_state(read_weights(found), tokenizer, words)
    if FORMAT in config:
        sizes = config["encoder"]["config"]["init_args"]
        state |= dict(_grown_senses(state, sizes, larger, words, wordnet))
        sizes["vocab_size"] = rows
        if config.get("text"):
            config["text"]["tokenizer"] = larger.to_json()
        write_folder(folder, {name: value for name, value in config.items() if name != FORMAT}, state)
    else:
        text = json.dumps({**config, "vocab_size": rows}, indent=2, ensure_ascii=False)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")
        write_tensors(folder / "model.safetensors", state)


def _grown_senses(
    state: State, sizes: dict[str, Any], larger: Tokenizer, words: Sequence[str], wordnet: str | None
) -> Iterator[tuple[str, torch.Tensor]]:
    """The buffers of SenseBERT: what WordNet allows the new words, none of which continues a word."""
    end = next_id(larger)
    first = end - len(words)
    for name, value in state.items():
        if name.endswith(CONTINUES):
            yield name, with_rows(value, first, value.new_zeros(len(words)))
        elif name.endswith(ALLOWED):
            found = allowed_of(larger, end, wordnet, Exceptions(least=0), sizes["senses"])
            yield name, with_rows(value, first, found[first:])
