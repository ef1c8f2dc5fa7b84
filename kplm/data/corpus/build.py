"""The steps of a preparation: make the blocks that are missing, join them, tell about it."""

from __future__ import annotations

import glob
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from kg.errors import KgError
from kg.lines import BadLines
from kg.places import whole_folder, write_meta
from kplm.data.corpus.pool import run
from kplm.data.corpus.settings import VERSION, Settings, digest
from kplm.data.corpus.shards import write_shards
from kplm.data.corpus.store import BlockStore, Summary
from kplm.data.corpus.stream import Block
from kplm.data.stored import KIND, META
from kplm.errors import DataError, KplmError
from kplm.text import Tokenizer

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Found:
    """What all blocks told."""

    counts: Counter[str]
    bad: BadLines

    def add(self, summary: Summary) -> None:
        """Add what one block told.

        Raises:
            KgError: with it there are too many bad lines.
        """
        self.counts.update(summary.counts)
        for complaint in summary.complaints:
            self.bad.report(*complaint)


def make(settings: Settings, store: BlockStore, blocks: Mapping[int, Block], processes: int, max_bad: int) -> Found:
    """Make the blocks that the store lacks.

    Args:
        settings: what to do.
        store: where finished blocks are.
        blocks: by number.
        processes: how many at a time.
        max_bad: so many bad lines are tolerated in all blocks together.

    Raises:
        KgError: more lines are bad, or a knowledge file cannot be read.
        KplmError: a block cannot be made or written.
    """
    store.begin()
    if settings.titles and not store.titles.exists():
        from kplm.data.corpus.titles import Titles

        Titles.build(settings.titles, store.titles, max_bad)
    found = Found(Counter(), BadLines(max_bad))
    finished = {number: summary for number in blocks if (summary := store.summary(number))}
    with tqdm(total=len(blocks), desc="Preparing", unit=" blocks", initial=len(finished)) as bar:
        for summary in finished.values():
            found.add(summary)
        missing = {number: block for number, block in blocks.items() if number not in finished}
        try:
            _make_missing(settings, store, missing, processes, found, bar)
        except KeyboardInterrupt:
            print(f"\nStopped. Finished blocks are kept in {store.root}; the same command goes on.", file=sys.stderr)
            raise
    return found


def _make_missing(
    settings: Settings,
    store: BlockStore,
    blocks: Mapping[int, Block],
    processes: int,
    found: Found,
    bar: tqdm,
) -> None:
    if not blocks:
        return
    for summary in run(settings, store, blocks, processes):
        found.add(summary)
        bar.set_postfix(documents=found.counts["documents"], rows=found.counts["rows"], refresh=False)
        bar.update()


def write_corpus(
    out: Path, settings: Settings, tokenizer: Tokenizer, store: BlockStore, found: Found, blocks: int, shards: int
) -> None:
    """Join all blocks into the folder ``out`` and remove them.

    Raises:
        DataError: there are no rows.
        KgError: the folder cannot be written; the blocks stay.
    """
    counts = found.counts
    if not counts["rows"]:
        store.remove()
        raise DataError(_empty(counts, settings.min_entities))
    _sweep(out)
    about = {
        "version": VERSION,
        **asdict(settings),
        "tokenizer_sha256": digest(tokenizer),
        "vocab_size": len(tokenizer),
        "counts": {**dict(sorted(counts.items())), "bad_lines": len(found.bad.seen)},
    }
    try:
        with whole_folder(out, KIND) as folder:
            about["fingerprint"] = write_shards(folder, store, blocks, counts["rows"], shards)
            (folder / TOKENIZER).write_text(tokenizer.to_json(), encoding="utf-8")
            text = json.dumps({"kind": KIND, **about}, ensure_ascii=False, indent=1)
            (folder / META).write_text(text + "\n", encoding="utf-8")
            write_meta(folder, KIND, {})
    except KgError as error:
        raise KplmError(f"{error} The same command goes on: finished blocks are kept in {store.root}.") from error
    store.remove()


def _empty(counts: Counter[str], min_entities: int) -> str:
    if not counts["rows_dropped"]:
        return (
            f"The corpus would have no row: {counts['documents']:,} documents, none with text. Check source and format."
        )
    dropped = f"min_entities={min_entities} drops all {counts['rows_dropped']:,} of them"
    return f"The corpus would have no row: {dropped}. Lower it, or give texts with more links."


def _sweep(out: Path) -> None:
    """Remove what a run that was killed while it joined blocks has left."""
    for path in out.parent.glob(f".{glob.escape(out.name)}.????????.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def report(out: str, shape: str, found: Found, seconds: float) -> str:
    """A few lines for people, and one in JSON."""
    counts = found.counts
    rows = max(counts["rows"], 1)
    lines = [
        f"{counts['documents']:,} documents, {counts['sentences']:,} sentences, {counts['rows']:,} rows of "
        f"{counts['tokens'] / rows:.1f} tokens and {counts['entities'] / rows:.2f} entities",
        *([f"{counts['random_next'] / rows:.1%} of the rows have a random next"] if shape == "pairs" else []),
        _left_out(counts),
        f"{len(found.bad.seen)} bad lines; {seconds:.1f} seconds",
    ]
    about = {"out": out, **dict(sorted(counts.items())), "bad_lines": len(found.bad.seen), "seconds": round(seconds, 1)}
    return "\n".join([*lines, json.dumps(about)])


def _left_out(counts: Counter[str]) -> str:
    names = [name for name in counts if name.startswith(("mentions_", "rows_", "documents_")) and counts[name]]
    listed = ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in sorted(names))
    return f"left out: {listed or 'nothing'}"
