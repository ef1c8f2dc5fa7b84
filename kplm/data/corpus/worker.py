"""One block of the input to one Arrow file: a pure function of the block, its number and the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from random import Random

import pyarrow as pa

from kg import EntityTable, Linker
from kg.blocks.lines import Complain, Pieces, lines, noting
from kg.blocks.part import Block
from kg.blocks.summary import Complaint, Summary
from kg.blocks.threads import limit_threads
from kg.link import open_linker
from kg.sentences import Sentences
from kplm.data.corpus import packed, pairs
from kplm.data.corpus.cut import Cut, Cutter, joined
from kplm.data.corpus.document import Document, Mention
from kplm.data.corpus.formats import FORMATS
from kplm.data.corpus.layout import entity_counts, table
from kplm.data.corpus.mentions import usable
from kplm.data.corpus.plan import RANDOM, Plan
from kplm.data.corpus.settings import Settings
from kplm.data.corpus.store import BlockStore
from kplm.data.corpus.titles import Titles
from kplm.locate import locate
from kplm.text import Tokenizer

BATCH_CHARACTERS = 1 << 18
"""Texts cut at a time; sub-words with their strings need much more memory than the arrays that stay."""


@dataclass(frozen=True)
class Preparing:
    """Opens, once in each process, what makes blocks and puts them into the store."""

    settings: Settings
    store: BlockStore

    def __call__(self, turn: int) -> Callable[[Block[Pieces]], Summary]:
        """A function that makes, writes and sums up one block."""
        limit_threads()
        worker = Worker(self.settings, self.store.titles if self.settings.titles else None)

        def make(block: Block[Pieces]) -> Summary:
            made = worker(block)
            self.store.write(block, made)
            return made.summary

        return make


@dataclass(frozen=True)
class Made:
    """The rows of one block and what there is to tell about them."""

    rows: pa.Table
    summary: Summary


class Worker:
    """Makes rows out of blocks; opens tokenizer, linker, titles and table once.

    Args:
        settings: what to do.
        titles: the file that `Titles.build` wrote; None without titles.
    """

    def __init__(self, settings: Settings, titles: Path | None = None) -> None:
        self.settings = settings
        self.format = FORMATS[settings.format]
        self.tokenizer = Tokenizer.from_file(locate(settings.tokenizer))
        specials = pairs.SPECIALS if settings.shape == "pairs" else packed.SPECIALS
        self.cutter = Cutter(self.tokenizer, Sentences(settings.language), settings.max_length - specials)
        self.titles = titles and Titles(titles)
        self.table = settings.table and EntityTable.open(settings.table)

    def __call__(self, block: Block[Pieces]) -> Made:
        """The rows of a block."""
        counts: Counter[str] = Counter()
        complaints: list[Complaint] = []
        cut = joined([self.cutter(batch, counts) for batch in self._batches(block.content, counts, complaints)])
        plan = self._plan(cut, block.number)
        entities = entity_counts(cut, plan)
        enough = entities >= self.settings.min_entities
        counts["rows_dropped"] += int((~enough).sum())
        plan = plan.keep(enough)
        rows = table(cut, plan, self.tokenizer.cls, self.tokenizer.sep)
        counts["rows"] += len(rows)
        counts["tokens"] += len(rows["input_ids"].combine_chunks().flatten())
        counts["texts"] += len(plan.texts)
        counts["entities"] += int(entities[enough].sum())
        counts["random_next"] += int((plan.next_sentence == RANDOM).sum())
        return Made(rows, Summary(counts, complaints))

    @cached_property
    def linker(self) -> Linker | None:
        """Opened when the first text without links is met; None without a graph."""
        return open_linker(self.settings.graph) if self.settings.graph else None

    def _plan(self, cut: Cut, number: int) -> Plan:
        settings = self.settings
        if settings.shape == "packed":
            return Plan.of(packed.packed_rows(cut, settings.max_length))
        draw = Random(f"{settings.seed} {number}")
        return Plan.of(pairs.Pairs(cut, settings.max_length, settings.short_seq_prob, draw).rows())

    def _batches(self, pieces: Pieces, counts: Counter[str], complaints: list[Complaint]) -> Iterator[list[Document]]:
        """Documents with usable mentions, about ``BATCH_CHARACTERS`` at a time."""
        held: list[Document] = []
        size = 0
        for document in self._read(pieces, noting(complaints)):
            counts["documents"] += 1
            held.append(self._linked(document, counts))
            size += len(document.text)
            if size >= BATCH_CHARACTERS:
                yield self._known(held, counts)
                held, size = [], 0
        if held:
            yield self._known(held, counts)

    def _read(self, pieces: Pieces, complain: Complain) -> Iterator[Document]:
        return chain.from_iterable(self.format.read(lines(piece, complain), complain) for piece in pieces)

    def _linked(self, document: Document, counts: Counter[str]) -> Document:
        mentions = document.mentions
        if mentions is None and self.linker is not None:
            mentions = [Mention(link.start, link.end, link.entity) for link in self.linker.link(document.text)]
        counts["mentions"] += len(mentions or ())
        return replace(document, mentions=usable(document.text, mentions or [], counts))

    def _known(self, documents: list[Document], counts: Counter[str]) -> list[Document]:
        """Mentions with the ids that the titles have for them, and only those that the table knows."""
        if not self.titles and not self.table:
            return documents
        mentions = [mention for document in documents for mention in document.mentions or ()]
        ids: list[str | None] = [mention.entity for mention in mentions]
        if self.titles:
            ids = self.titles.ids([mention.entity for mention in mentions])
            counts["mentions_without_id"] += ids.count(None)
        if self.table:
            rows = iter(self.table.rows([entity for entity in ids if entity is not None]))
            found = [entity if entity is None or next(rows) >= 0 else None for entity in ids]
            counts["mentions_not_in_table"] += found.count(None) - ids.count(None)
            ids = found
        each = iter(ids)
        return [replace(document, mentions=_renamed(document.mentions or [], each)) for document in documents]


def _renamed(mentions: list[Mention], ids: Iterator[str | None]) -> list[Mention]:
    named = zip(mentions, islice(ids, len(mentions)))
    return [Mention(mention.start, mention.end, entity) for mention, entity in named if entity is not None]
