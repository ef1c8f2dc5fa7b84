"""The words of texts by frequency, as a tokenizer sees words before it cuts them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import Event

from tokenizers import Tokenizer as Rust
from tokenizers import models
from tokenizers.trainers import WordLevelTrainer
from tqdm import tqdm

from kplm.data.corpus.stream import first_line
from kplm.errors import DataError
from kplm.text import Tokenizer

log = logging.getLogger(__name__)
CHUNK = 1 << 12
"""Bytes of text, in whole lines, that one core takes at a time; of longer strings the normalizer makes slow work."""
ALL = 1 << 31
CANDIDATES = 8192
"""Words that are cut at once to see whether they are split."""


def words_by_frequency(tokenizer: Tokenizer, files: Sequence[Path], least_count: int = 1) -> list[str]:
    """All words of plain texts, the most frequent first, ties in alphabetical order.

    Counted in Rust on all cores with the tokenizer's own normalizer and pre-tokenizer. The texts are read as a stream; memory
    grows with the number of different words alone. Ctrl-C stops it at once.

    Args:
        tokenizer: decides what a word is, and how it is normalised.
        files: UTF-8 text.
        least_count: rarer words are left out.

    Raises:
        DataError: a file cannot be read, or holds JSON lines.
    """
    for path in files:
        if first_line([path]).startswith(b"{"):
            raise DataError(f"{path} looks like JSON lines; words are counted in plain text. Give .txt files.")
    counter = Rust(models.WordLevel({}, unk_token="[UNK]"))
    if tokenizer.rust.normalizer is not None:
        counter.normalizer = tokenizer.rust.normalizer
    if tokenizer.rust.pre_tokenizer is not None:
        counter.pre_tokenizer = tokenizer.rust.pre_tokenizer
    trainer = WordLevelTrainer(vocab_size=ALL, min_frequency=least_count, special_tokens=[], show_progress=False)
    stopped = Event()
    with ThreadPoolExecutor(1) as pool:  # the main thread stays free for Ctrl-C
        try:
            pool.submit(counter.train_from_iterator, _chunks(files, stopped), trainer).result()
        except OSError as error:
            raise DataError(f"Cannot read the texts: {error}.") from error
        finally:
            stopped.set()
    found = counter.get_vocab()
    return sorted(found, key=found.__getitem__)


def split_words(tokenizer: Tokenizer, words: Sequence[str], letters_only: bool = True) -> Iterator[str]:
    """Those words, in their order, that the tokenizer cuts into several known pieces.

    Args:
        tokenizer: cuts them.
        words: normalised words.
        letters_only: leave out words with digits, signs or anything else that is no letter.
    """
    unknown = tokenizer.rust.token_to_id("[UNK]")
    kept = (word for word in words if (word.isalpha() if letters_only else not word.startswith("##")))
    while batch := list(islice(kept, CANDIDATES)):
        for word, pieces in zip(batch, tokenizer.cut(batch, specials=False)):
            if len(pieces.ids) > 1 and unknown not in pieces.ids:
                yield word


def _chunks(files: Sequence[Path], stopped: Event) -> Iterator[str]:
    size = sum(path.stat().st_size for path in files)
    with tqdm(total=size, unit="B", unit_scale=True, desc="counting words", disable=None) as bar:
        for path in files:
            broken = False
            with path.open("rb") as file:
                while not stopped.is_set() and (lines := b"".join(file.readlines(CHUNK))):
                    text = lines.decode("utf-8", "replace")
                    broken = broken or "\ufffd" in text
                    yield text
                    bar.update(len(lines))
            if broken:
                log.warning(f"{path} is not all UTF-8; words with characters that cannot be read are passed over")
