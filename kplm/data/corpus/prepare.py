"""``kplm prepare``: linked text to a corpus of pretraining rows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from kg.blocks.lines import line_blocks
from kg.blocks.make import bytes_bar, make
from kg.blocks.part import Part
from kg.blocks.summary import Found
from kg.blocks.threads import threads_restored
from kg.lines import BadLines
from kg.places import read_meta
from kplm.data.corpus.build import report, write_corpus
from kplm.data.corpus.formats import FORMATS, format_name
from kplm.data.corpus.settings import Settings
from kplm.data.corpus.store import BlockStore
from kplm.data.corpus.stream import source_files
from kplm.data.corpus.titles import Titles
from kplm.data.corpus.worker import Preparing
from kplm.data.stored import KIND
from kplm.errors import KplmError
from kplm.locate import locate
from kplm.text import Tokenizer

BLOCK_BYTES = 4 << 20


def prepare(
    source: str,
    out: str,
    *,
    tokenizer: str,
    format: Literal["auto", "linked", "plain", "wiki"] = "auto",
    shape: Literal["pairs", "packed"] = "pairs",
    max_length: int = 256,
    graph: str | None = None,
    titles: str | None = None,
    table: str | None = None,
    min_entities: int = 0,
    language: str = "en",
    short_seq_prob: float = 0.1,
    seed: int = 0,
    processes: int = 0,
    shards: int = 1,
    block_bytes: int = BLOCK_BYTES,
    part: str | None = None,
    max_bad: int = 10,
) -> None:
    """Turn linked text into pretraining rows, as Arrow files that open at once whatever their size.

    The rows depend on the text, the settings and block_bytes alone: any number of processes, parts and shards, and any
    split into files between two documents, gives the same rows in the same order. A run that was stopped, even by
    kill -9 or a full disk, goes on where it was when the same command is given again.

    Args:
        source: a file, a folder (all files below it), or a glob in quotes.
        out: the folder for the corpus; written whole or not at all.
        tokenizer: a model folder, tokenizer.json, vocab.txt, package:NAME/folder, or a hub name.
        format: linked is JSON lines with text and links ([[start, end, id], ...]), one document a line; plain is text, a
            paragraph a line, blank lines between documents; wiki is what WikiExtractor writes with -l, also with --json;
            auto looks at the first line. Newlines in a linked text separate paragraphs.
        shape: pairs is two segments a row for next sentence prediction, half of the second ones random; packed is full
            sentences of one document, short texts packed into one row, each with special tokens of its own.
        max_length: of a row in tokens, special tokens included.
        graph: links the texts that come without links: a graph, or a saved linker, which opens faster.
        titles: for wiki pages, a file of title TAB id; without it the title is the id.
        table: an entity table; entities that it does not know are left out.
        min_entities: rows with fewer entities are dropped (the authors of ERNIE-THU ask for 5).
        language: of the sentence splitter, a code of spaCy such as en, or xx for any.
        short_seq_prob: for pairs, how many documents become shorter rows of random length.
        seed: of all randomness.
        processes: how many work at a time; 0 for one a core.
        shards: how many files the corpus has. With more shards than rows some are empty.
        block_bytes: text that one process takes at a time, from which documents random next sentences are also drawn.
        part: K/N makes every Nth block from the Kth on and stops, for many machines on one disk; join/N then puts the
            corpus together, and says what is missing if something is. Without part all is made and put together.
        max_bad: so many bad lines are passed over with a warning, one more is an error.
    """
    start = time.monotonic()
    target, files = Path(out).expanduser().absolute(), source_files(source)
    _refuse(target, Path(source).expanduser(), shards)
    settings = Settings(
        tokenizer=tokenizer,
        format=format_name(format, files),
        shape=shape,
        max_length=max_length,
        graph=graph,
        titles=titles,
        table=table,
        min_entities=min_entities,
        language=language,
        short_seq_prob=short_seq_prob,
        seed=seed,
        block_bytes=block_bytes,
    )
    cutter, share = Tokenizer.from_file(locate(tokenizer)), Part.of(part)
    store, found = BlockStore(target, settings.key(cutter)), Found(BadLines(max_bad))
    if titles and share.turn and not store.titles.exists():
        Titles.build(titles, store.titles, max_bad)
    cut = line_blocks(files, block_bytes, lambda line: len(line) + 1, FORMATS[settings.format].closes)
    bar = bytes_bar(files, "Preparing")
    with threads_restored():
        stamps = make(Preparing(settings, store), cut, store, share, processes, found.add, bar)
    if share.joins:
        write_corpus(store, stamps, settings, cutter, found, shards)
    told = {"out": out, **share.told(len(stamps))}
    print(report(told, settings.shape, found, time.monotonic() - start))


def _refuse(target: Path, source: Path, shards: int) -> None:
    """Raise now what would else be found only after the work."""
    if source.is_dir() and target.resolve().is_relative_to(source.resolve()):
        raise KplmError(f"{target} lies inside of {source}, so that it would be read as text. Give another path.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())) and read_meta(target).get("kind") != KIND:
        raise KplmError(f"{target} is there already and holds no corpus, so it is not replaced. Give another path.")
    if shards < 1:
        raise KplmError(f"shards is {shards}; it must be 1 or more.")
