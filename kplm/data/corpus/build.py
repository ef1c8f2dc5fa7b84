"""The end of a preparation: join the blocks, tell about them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from kg.blocks.summary import Found
from kg.errors import KgError
from kg.places import whole_folder, write_meta
from kplm.data.corpus.settings import VERSION, Settings, digest
from kplm.data.corpus.shards import write_shards
from kplm.data.corpus.store import BlockStore
from kplm.data.stored import KIND, META
from kplm.errors import DataError, KplmError
from kplm.text import Tokenizer

TOKENIZER = "tokenizer.json"


def write_corpus(
    store: BlockStore, stamps: Sequence[str], settings: Settings, tokenizer: Tokenizer, found: Found, shards: int
) -> None:
    """Join all blocks into the folder that they are to become, and remove them.

    Raises:
        DataError: there are no rows.
        KgError: the folder cannot be written; the blocks stay.
    """
    counts, out = found.counts, store.out
    if not counts["rows"]:
        store.remove()
        raise DataError(_empty(counts, settings.min_entities))
    store.sweep()
    about = {
        "version": VERSION,
        **asdict(settings),
        "tokenizer_sha256": digest(tokenizer),
        "vocab_size": len(tokenizer),
        "counts": {**dict(sorted(counts.items())), "bad_lines": len(found.bad.seen)},
    }
    try:
        with whole_folder(out, KIND) as folder:
            about["fingerprint"] = write_shards(folder, store, stamps, counts["rows"], shards)
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


def report(told: Mapping[str, str], shape: str, found: Found, seconds: float) -> str:
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
    about = {**told, **dict(sorted(counts.items())), "bad_lines": len(found.bad.seen), "seconds": round(seconds, 1)}
    return "\n".join([*lines, json.dumps(about)])


def _left_out(counts: Counter[str]) -> str:
    names = [name for name in counts if name.startswith(("mentions_", "rows_", "documents_")) and counts[name]]
    listed = ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in sorted(names))
    return f"left out: {listed or 'nothing'}"
