"""The Lightning data module of every task on texts, with pictures or without."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.utils.data import Dataset

from kplm.data.annotate import Annotator
from kplm.data.collate import Collator
from kplm.data.encode import Row, TextEncoder, Truncation, answered, unlabelled
from kplm.data.example import Example
from kplm.data.loading import Collate, LengthBatched
from kplm.data.mirror import Mirror
from kplm.data.packing import Packing, row_steps
from kplm.data.questions import QuestionCollator, Questions, Windowed
from kplm.data.role_targets import RoleTargets
from kplm.data.sources import JsonLines, PlainText, Source
from kplm.data.span_targets import SpanTargets
from kplm.data.targets import (
    AnswerTargets,
    ChoiceTargets,
    ClassTargets,
    NumberTargets,
    RegionTargets,
    SenseTargets,
    SetTargets,
    TagTargets,
    Targets,
)
from kplm.errors import DataError
from kplm.knowledge import Knowledge
from kplm.locate import locate
from kplm.text import Tokenizer
from kplm.text.tokenizer import Specials

log = logging.getLogger(__name__)
Task = Literal["class", "set", "tags", "roles", "senses", "number", "spans", "answers", "regions", "choices"]
TARGETS: dict[str, type[Targets]] = {
    "class": ClassTargets,
    "set": SetTargets,
    "tags": TagTargets,
    "roles": RoleTargets,
    "senses": SenseTargets,
    "number": NumberTargets,
    "spans": SpanTargets,
    "answers": AnswerTargets,
    "regions": RegionTargets,
    "choices": ChoiceTargets,
}
OF_WORDS = ("tags", "roles", "senses")
"""Tasks that ask for something of every word; a raw text is cut into words first."""
TOGETHER = ("choices", "spans")
"""Tasks in which several rows belong to one question."""


class EncodedRows(Dataset[Row]):
    """Encoded examples in memory, the same in every epoch; pictures are opened when their row is asked for.

    Args:
        rows: what the encoder made.
        text: the encoder.
        mirror: mirrors a share of them, for training.
    """

    def __init__(self, rows: Sequence[Row], text: TextEncoder, mirror: Mirror | None = None) -> None:
        self.rows, self.fetch, self.mirror = rows, text.fetch, mirror
        self.lengths = np.array([text.length(row) for row in rows], np.int64)

    @property
    def positions(self) -> int:
        """Rows of the position table that are needed; branches of a tree count from their mention on."""
        return max((int(row["position_ids"].max()) + 1 for row in self.rows), default=0)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | tuple[int, int]) -> Row:
        number, epoch = index if isinstance(index, tuple) else (index, 0)
        row = self.rows[number]
        return self.fetch(row if self.mirror is None else self.mirror(row, number, epoch))


class TextData(LengthBatched):
    """Files to batches: read, link, mark, cut, encode, batch by length.

    Args:
        source: how ``train``, ``val`` and ``test`` are written.
        tokenizer: folder, file or name whose tokenizer.json or vocab.txt is used; the same as the encoder's.
        task: 'class' (one class an example), 'set' (any number), 'tags' (one tag a word), 'roles' (the same for semantic roles),
            'senses' (with several right ones), 'number' (one number an example), 'spans' (spans of the second text that answer the
            first), 'answers' (answers to a question, each with a score), 'regions' (regions of the picture) or 'choices' (one class
            a choice, several rows a question).
        train: training file.
        val: validation file.
        test: test file.
        predict: texts to predict: kplm's JSON lines, or one text a line in a .txt file.
        predict_source: how ``predict`` is written, where it is neither; such as the ``source`` of a test set.
        labels: class names, or a file with one name a line; by default the sorted names of the training file.
        least_count: classes that fewer training examples carry are left out of these names; for answers and roles.
        annotators: knowledge sources.
        knowledge: 'on', 'off', or 'shuffled' (right shape, wrong facts), for all annotators alike; or an ablation of K-BERT.
        graph: replaces the graph of all annotators that read one; a trained model can so be asked with another graph.
        markers: role of a marked span to the string written around it.
        max_length: longest row in tokens; longer texts are cut.
        specials: special tokens of a single text: 'both', only 'cls', or 'none'.
        truncation: 'window' keeps marked spans and whole branches; 'plain' cuts off what is behind max_length.
        stride: for 'spans': contexts that do not fit are read in windows, each of which begins so many tokens further on.
        batch_tokens: most positions in a batch, padding included.
        batch_rows: most rows in a batch; for 'choices' most questions, whose rows stay together.
        workers: processes that collate; 0 collates in the training process.
        packing: 'rows' lets examples share rows of the encoder's layers, which then compute less padding; a number does so in rows
            of at most so many positions, for a GPU, where long rows cost little. What comes out is the same.
        seed: fixes the order of the training rows, independent of every other seed.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: str,
        task: Task = "class",
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        predict: str | None = None,
        predict_source: Source | None = None,
        labels: str | list[str] | None = None,
        least_count: int = 1,
        annotators: list[Annotator] | None = None,
        knowledge: Knowledge = "on",
        graph: str | None = None,
        markers: dict[str, str] | None = None,
        max_length: int = 256,
        specials: Specials = "both",
        truncation: Truncation = "window",
        stride: int = 128,
        batch_tokens: int = 2048,
        batch_rows: int = 32,
        workers: int = 0,
        packing: Packing = "none",
        seed: int = 0,
    ) -> None:
        files = {"train": train, "val": val, "test": test, "predict": predict}
        super().__init__(files, batch_tokens, batch_rows, workers, seed)
        self.source, self.predict_source, self.task = source, predict_source, task
        self.labels, self.least_count, self.knowledge = labels, least_count, knowledge
        self.packing = row_steps(packing)
        rust = Tokenizer.from_file(locate(tokenizer))
        how: dict[str, Any] = {
            "specials": specials,
            "truncation": truncation,
            "stride": stride if task == "spans" else None,
        }
        self.text = TextEncoder(rust, annotators or [], markers, max_length, **how)
        self.text.switch(knowledge)
        if graph is not None:
            self.text.swap_graph(graph)

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The classes, in the order of the logits; none where the task asks for something else."""
        if not TARGETS[self.task].named:
            return ()
        if isinstance(self.labels, str):
            return tuple(line for line in Path(self.labels).read_text(encoding="utf-8").splitlines() if line)
        return tuple(self.labels) if self.labels else TARGETS[self.task].of(self.examples("train"), self.least_count)

    @property
    def writes(self) -> frozenset[str]:
        """Batch fields this module provides."""
        return self.text.writes | TARGETS[self.task].writes

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the encoder that these batches need, under the names of its config."""
        return {**self.text.sizes, "positions": self.positions}

    def examples(self, stage: str) -> list[Example]:
        """The examples of one file.

        Raises:
            DataError: no file is given for the stage, or it holds no example.
        """
        path = self.files[stage]
        if path is None:
            raise DataError(f"data.{stage} names no file; give one, for example --data.init_args.{stage} FILE.")
        source = self.source
        if stage == "predict":
            source = self.predict_source or (PlainText() if path.endswith(".txt") else JsonLines())
        found = list(source.read(path))
        if not found:
            raise DataError(f"{path} holds no example.")
        return self.text.with_words(found) if stage == "predict" and self.task in OF_WORDS else found

    def answers(self, found: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
        """Predictions by row, in input order, ready to write as JSON lines."""
        examples = self.examples("predict")
        return [answered(examples[row], found[row]) for row in sorted(found)]

    def pieces(self, names: Sequence[str]) -> list[list[int]]:
        """The sub-words of class names, as rows of the word table."""
        return [found.ids.tolist() for found in self.text.tokenizer.cut(list(names))]

    def suit(self, expects: Mapping[str, Any]) -> None:
        """See :meth:`LengthBatched.suit`."""
        self.text.suit(expects)

    def describe(self) -> dict[str, Any]:
        """How texts become batches, for the checkpoint."""
        return {"task": self.task, **self.text.describe()}

    @property
    def collator(self) -> Collate:
        """What makes a batch of rows."""
        collate = Collator([*(annotator.complete for annotator in self.text.annotators), *self.packing])
        return QuestionCollator(collate) if self.task in TOGETHER else collate

    def read(self, name: str) -> EncodedRows | Questions:
        """Read and encode one file."""
        examples = self.examples(name)
        log.info(f"{name}: {len(examples):,} examples from {self.files[name]}")
        self.text.targets = TARGETS[self.task]([] if name == "predict" else self.label_names)
        rows = self.text(unlabelled(examples) if name == "predict" else examples)
        mirror = Mirror.of(examples, self.text, self.seed) if name == "train" else None
        found = EncodedRows(rows, self.text, mirror)
        if self.task == "choices":
            return Questions(found, [row["group"] for row in rows])
        if self.task == "spans":  # in training every window is learnt from for itself
            return Windowed(found, range(len(rows)) if name == "train" else [row["row"] for row in rows])
        return found
