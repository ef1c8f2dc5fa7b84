"""Examples to rows of batch fields: the part of the data side that training and prediction share."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from kplm.data.annotate import Annotator
from kplm.data.example import Example, Mark, Picture
from kplm.data.markers import mark_text
from kplm.data.targets import Targets
from kplm.data.windows import Windows
from kplm.errors import CheckpointError, DataError, KplmError, did_you_mean
from kplm.knowledge import Knowledge
from kplm.spec import UNFIT, from_spec, to_spec
from kplm.text import Tokenizer, Tokens
from kplm.text.tokenizer import Specials
from kplm.text.tokens import Ints, Pieces, holding
from kplm.text.truncate import Window

log = logging.getLogger(__name__)
Row = dict[str, Any]
Truncation = Literal["window", "plain"]
AROUND = {"both": 2, "cls": 1, "none": 0}
"""Special tokens of a single text."""
AROUND_PAIR = 3


class TextEncoder:
    """Links, marks, cuts, aligns: raw examples in, fields out, whole lists at a time.

    Args:
        tokenizer: text to ids.
        annotators: knowledge sources, applied in order.
        markers: role of a marked span to the string written around it; empty writes none.
        max_length: longest row in tokens, special tokens and branches included.
        targets: what turns gold labels into fields; None when there are none.
        specials: special tokens of a single text, see :meth:`kplm.text.Tokenizer.join`.
        truncation: 'window' keeps the stretch of a text that holds its marked spans, shortens the longer text of a pair,
            and gives branches of knowledge what room is left. 'plain' cuts off whatever stands behind ``max_length`` in the
            end, branches in the middle and [SEP] included, as K-BERT's authors do.
        stride: read a long second text in windows, each of which begins so many tokens behind the one before; a row a window.
            None: it is shortened.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        annotators: Sequence[Annotator] = (),
        markers: Mapping[str, str] | None = None,
        max_length: int = 256,
        targets: Targets | None = None,
        specials: Specials = "both",
        truncation: Truncation = "window",
        stride: int | None = None,
    ) -> None:
        self.tokenizer, self.annotators, self.markers = tokenizer, list(annotators), dict(markers or {})
        self.max_length, self.targets = max_length, targets
        self.specials, self.truncation, self.stride = specials, truncation, stride

    def describe(self) -> dict[str, Any]:
        """Everything needed to encode the same way again, as JSON; the inverse of :meth:`from_description`."""
        return {
            "tokenizer": self.tokenizer.to_json(),
            "annotators": to_spec(self.annotators),
            "markers": self.markers,
            "max_length": self.max_length,
            "specials": self.specials,
            "truncation": self.truncation,
            "stride": self.stride,
        }

    @classmethod
    def from_description(cls, found: Mapping[str, Any]) -> TextEncoder:
        """Rebuild the encoder a checkpoint was trained with.

        Raises:
            CheckpointError: it names a class that does not exist or is no annotator, or is damaged.
        """
        try:
            how = {name: found[name] for name in ("max_length", "specials", "truncation", "stride") if name in found}
            annotators = [from_spec(one, Annotator) for one in found["annotators"]]
            return cls(Tokenizer.from_json(found["tokenizer"]), annotators, found["markers"], **how)
        except UNFIT as error:
            raise CheckpointError(
                f"what the checkpoint tells of its texts is damaged: {error}. Copy it again."
            ) from error

    def switch(self, knowledge: Knowledge) -> None:
        """Set all knowledge sources to one setting; one that does not know it stays on.

        Raises:
            KplmError: none of them knows it.
        """
        known = {"on", "off", "shuffled"}.union(*(annotator.modes for annotator in self.annotators))
        if knowledge not in known:
            raise KplmError(
                f"knowledge='{knowledge}' is not possible here; these sources know {', '.join(sorted(known))}."
                f"{did_you_mean(knowledge, known)}"
            )
        for annotator in self.annotators:
            annotator.switch(knowledge if knowledge in annotator.modes else "on")

    def swap_graph(self, graph: str) -> None:
        """Give another graph to the sources that read one.

        Raises:
            KplmError: none of them does.
            KgError: there is no such graph.
        """
        readers = [annotator for annotator in self.annotators if annotator.reads_graph]
        if not readers:
            raise KplmError(
                f"there is no knowledge source that could read the graph {graph}. Name one in data.annotators."
            )
        for annotator in readers:
            annotator.swap_graph(graph)

    def suit(self, expects: Mapping[str, Any]) -> None:
        """Prepare pictures as the encoder expects them.

        Args:
            expects: see :attr:`kplm.models.BaseEncoder.pictures`.

        Raises:
            KplmError: they were to be prepared in another way.
        """
        for annotator in self.annotators:
            annotator.suit(expects)

    @property
    def flip(self) -> float:
        """Share of training rows that are mirrored."""
        return max((annotator.flip for annotator in self.annotators), default=0.0)

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the encoder that these rows need, under the names of its config; positions apart."""
        found = {"vocab_size": len(self.tokenizer)}
        for annotator in self.annotators:
            found |= annotator.sizes
        return found

    @property
    def writes(self) -> frozenset[str]:
        """Batch fields that come out."""
        fields = {"input_ids", "document", "position_ids", "segment_ids", "mark_positions", "row"}
        fields |= {field for annotator in self.annotators for field in annotator.writes}
        return frozenset(fields | (self.targets.writes if self.targets else set()))

    def __call__(self, examples: Sequence[Example]) -> list[Row]:
        """Encode examples; rows keep their order. Those of one example are its windows, and have the same ``row``.

        Raises:
            DataError: a text is not a string, or a question leaves no room for windows of its context.
            LabelError: a gold label has no class.
        """
        with _uncollected():
            return self._encoded(examples)

    def _encoded(self, examples: Sequence[Example]) -> list[Row]:
        for annotator in self.annotators:
            examples = annotator.annotate(examples)
            if len(examples) > 1 and (line := annotator.summary(examples)):
                log.info(line)
        marked = [mark_text(example, self.markers) for example in examples]
        window = self._window()
        numbers, tokens = self._tokens(marked, window)
        read = [marked[i] for i in numbers]
        rows = [self._row(*one) for one in zip(numbers, read, self._grown(read, tokens))]
        if window.cut:
            first = examples[window.cut[0]]
            log.warning(
                f"{len(window.cut)} of {len(examples)} texts were cut inside or before a marked span, because its marks are "
                f"more than max_length={self.max_length} tokens apart; the first is {first.where or 'row ' + str(window.cut[0])}."
            )
        return rows

    def fetch(self, row: Row) -> Row:
        """A row with all its fields, those included that are only opened now."""
        for annotator in self.annotators:
            row = annotator.fetch(row)
        return row

    def length(self, row: Row) -> int:
        """Elements of a row in the encoder: its tokens and what stands beside them."""
        return len(row["input_ids"]) + sum(annotator.beside(row) for annotator in self.annotators)

    def with_words(self, examples: Sequence[Example]) -> list[Example]:
        """Raw texts cut into words to tag; examples that come with words keep them."""
        return [one if one.words else replace(one, words=self.tokenizer.words(one.text)) for one in examples]

    def _window(self) -> Window:
        if self.truncation == "plain":
            return Window(None, None)
        return Window(self.max_length - AROUND[self.specials], self.max_length - AROUND_PAIR)

    def _tokens(self, examples: Sequence[Example], window: Window) -> tuple[Sequence[int], list[Tokens]]:
        """What is read, and of which example each is; several of one where its second text is read in windows."""
        for example in examples:
            if not isinstance(example.text, str):
                raise DataError(
                    f"{example.where or 'example'}: text is {type(example.text).__name__}, it must be a string."
                )
        texts = self.tokenizer.cut([example.text for example in examples])
        pairs = list(dict.fromkeys(example.pair for example in examples if example.pair is not None))
        cut: dict[str | None, Pieces] = dict(zip(pairs, self.tokenizer.cut(pairs)))  # many questions ask about one text
        both = [(example, text, cut.get(example.pair)) for example, text in zip(examples, texts)]
        if self.stride is None:
            return range(len(both)), [self._fit(i, *one, window) for i, one in enumerate(both)]
        windows = Windows(self.max_length - AROUND_PAIR, self.stride)
        found = [(i, one[1], part) for i, one in enumerate(both) for part in windows(*one)]
        return [i for i, *_ in found], [self.tokenizer.join(text, part) for _, text, part in found]

    def _fit(self, i: int, example: Example, text: Pieces, pair: Pieces | None, window: Window) -> Tokens:
        if pair is not None:
            return self.tokenizer.join(*window.pair(text, pair))
        around = [(m.start - self._room(m.role), m.end + self._room(m.role)) for m in example.marks]
        return self.tokenizer.join(window.single(i, text, around), specials=self.specials)

    def _grown(self, examples: Sequence[Example], tokens: list[Tokens]) -> list[Tokens]:
        """Tokens with what the knowledge sources write between them, at most ``max_length``."""
        length = self.max_length if self.truncation == "window" else None
        for annotator in self.annotators:
            tokens = annotator.grow(examples, tokens, self.tokenizer, length)
        return tokens if length is not None else [one.cut(self.max_length) for one in tokens]

    def _room(self, role: str) -> int:
        return len(self.markers[role]) + 1 if role in self.markers else 0

    def _opens(self, marks: Sequence[Mark], tokens: Tokens) -> Ints:
        """The token that opens each mark; 0, which is [CLS], where truncation cut it away."""
        if not marks:
            return np.zeros(0, dtype=np.int64)
        at, parts = np.array([(mark.start - self._room(mark.role), mark.part) for mark in marks], dtype=np.int64).T
        return np.maximum(holding([tokens], np.zeros_like(at), at, parts), 0)

    def _row(self, i: int, example: Example, tokens: Tokens) -> Row:
        row: Row = {
            "input_ids": tokens.ids,
            "document": np.ones(len(tokens), dtype=np.int64),
            "position_ids": tokens.positions,
            "segment_ids": tokens.segments,
            "mark_positions": self._opens(example.marks, tokens),
            "row": i,
        }
        for annotator in self.annotators:
            row |= annotator.encode(example, tokens)
        return row | (self.targets.encode(example, tokens) if self.targets else {})


@contextmanager
def _uncollected() -> Iterator[None]:
    """Many objects are made, none in a cycle: Python's collector would walk all that is in memory again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def unlabelled(examples: Sequence[Example]) -> list[Example]:
    """The examples without their gold labels, for prediction."""
    bare: dict[str, Any] = dict.fromkeys(("label", "labels", "tags", "tag_sets", "spans", "scores"))
    return [replace(one, **bare, picture=_ungraded(one)) for one in examples]


def _ungraded(example: Example) -> Picture | None:
    return example.picture and replace(example.picture, meant=None)


def answered(example: Example, answer: Mapping[str, Any]) -> dict[str, Any]:
    """One line of output: the example's id and text, then the answer; what is told of each word is cut to its words and shown beside them."""
    shown: dict[str, Any] = {"id": example.id, "text": example.text}
    if example.picture is not None:
        shown |= {"image": example.picture.name} | ({"group": example.group} if example.group else {})
    if "tags" in answer:
        words = [example.text[start:end] for start, end in example.words]
        return {**shown, "words": words, **{name: told[: len(words)] for name, told in answer.items()}}
    return {**shown, **answer}
