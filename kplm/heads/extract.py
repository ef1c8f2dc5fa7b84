"""Extractive question answering: the answer is a span of a context (Devlin et al., 2019, sections 4.2 and 4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, inf
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection

from kplm.errors import KplmError
from kplm.fields import IGNORE, Batch, written
from kplm.heads.answer_f1 import AnswerF1
from kplm.heads.base import Head, unrounded
from kplm.heads.whole_words import word_edges
from kplm.models import BaseEncoder
from kplm.nn.dropout import Dropout

BEST = 5
"""Answers that are told of a question."""


class Extract(Head):
    """A linear map from each token to two scores: how well an answer begins and how well it ends there.

    The best of all windows of a context is the answer; with ``data.task: spans`` they come in one batch where answers are asked for.
    Where tokens carry the states of words, as in SemBERT, answers are whole words.

    Args:
        no_answer: whether there may be none, as in SQuAD 2.0; in SQuAD 1.1 every question has one.
        threshold: by how much [CLS] must be better than the best span for there to be none; chosen on a development set, see
            ``kplm score squad``.
        longest: tokens of an answer at most.
        dropout: probability before the linear map.
    """

    reads = frozenset({"answer_tokens", "character_spans", "characters", "right_answers", "row"})
    headline = "f1"
    named = False

    def __init__(
        self, no_answer: bool = False, threshold: float = 0.0, longest: int = 30, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if longest < 1:
            raise KplmError(f"longest={longest}, but an answer has a token at least.")
        self.no_answer, self.threshold, self.longest = no_answer, threshold, longest
        self.dropout = Dropout(dropout)
        self.init_args = {"no_answer": no_answer, "threshold": threshold, "longest": longest, "dropout": dropout}

    def build(self, encoder: BaseEncoder, names: Sequence[str] = ()) -> None:
        """A linear map from the encoder's width to the two scores; the pooler goes."""
        super().build(encoder, names)
        encoder.pooler = None
        self.output = nn.Linear(encoder.width, 2)
        nn.init.normal_(self.output.weight, std=encoder.config.init_std)
        nn.init.zeros_(self.output.bias)

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Tensor:
        """Score the tokens: ``[B, L, 2]`` float32, minus infinity where no answer can begin or end; [CLS] stands for none."""
        states = encoder.tokens(encoder(batch), batch)  # [B, L, D]
        able = (batch["character_spans"] >= 0) & _edges(batch).eq(_places(batch))
        able[:, 0] = True
        return unrounded(self.output, self.dropout(states)).float().masked_fill(~able, -inf)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy over the tokens of the context and [CLS], mean of beginning and end over the windows with gold."""
        known = batch["answer_tokens"]  # [B, 2]
        edges = _edges(batch).gather(1, known.clamp(min=0)[:, None])[:, 0]
        gold = torch.where(known < 0, known, edges)
        total = F.cross_entropy(logits, gold, ignore_index=IGNORE, reduction="sum")
        return total / (gold != IGNORE).sum().clamp(min=1)

    def metrics(self) -> MetricCollection:
        """SQuAD's F1 and exact match."""
        return MetricCollection({"squad": AnswerF1()})

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """Each question counts once, however many windows its context has."""
        known, right = (batch["answer_tokens"] != IGNORE).all(1).tolist(), batch["right_answers"].cpu().numpy()
        told = self._told(logits, batch)
        asked = [(answer, windows[0]) for answer, windows in told if known[windows[0]]]
        golds = [[text for text in map(written, right[window]) if text] for _, window in asked]
        metrics.update([answer["answer"] for answer, _ in asked], golds)

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """For each window the answer to its question.

        ``{"answer", "score", "start", "end", "scores"}``: the text, its probability among all spans, its characters in the context,
        and the five best answers. Where there may be none, there is also ``no_answer``: by how much [CLS] scores over the best span;
        above the threshold the answer is ''. Where there is no span at all, that is null.
        """
        found = {window: answer for answer, windows in self._told(logits, batch) for window in windows}
        return [found[window] for window in range(len(logits))]

    def spans(self, logits: Tensor) -> Tensor:
        """The score of every span: ``[B, L - 1, A]`` float by its first token, [CLS] left out, and the tokens behind that, at most A."""
        starts, ends = logits[:, 1:].unbind(-1)
        lasts = F.pad(ends, (0, self.longest - 1), value=-inf).unfold(1, self.longest, 1)
        return starts[..., None] + lasts

    def _told(self, logits: Tensor, batch: Batch) -> list[tuple[dict[str, Any], list[int]]]:
        """The answer to each question, and the rows that are its windows."""
        windows, members = list(self._windows(logits, batch)), dict[int, list[int]]()
        for window, number in enumerate(batch["row"].tolist()):
            members.setdefault(number, []).append(window)
        return [(self._best([windows[one] for one in own]), own) for own in members.values()]

    def _windows(self, logits: Tensor, batch: Batch) -> Iterator[_Window]:
        scores = self.spans(logits).flatten(1)  # [B, (L - 1) * A]
        best = scores.topk(min(BEST, scores.shape[1]))
        first = best.indices // self.longest + 1  # [B, 5]
        last = (first + best.indices % self.longest).clamp(max=logits.shape[1] - 1)
        begins, ends = batch["character_spans"].unbind(-1)  # [B, L]
        offset = begins.masked_fill(begins < 0, torch.iinfo(begins.dtype).max).amin(1)  # [B]
        places = torch.stack([begins.gather(1, first), ends.gather(1, last)], -1)  # [B, 5, 2]
        tensors = (best.values, places, offset, scores.logsumexp(1), logits[:, 0].sum(1))
        texts = batch["characters"].cpu().numpy()
        for text, values, spans, at, total, none in zip(texts, *(one.tolist() for one in tensors)):
            known = [(value, start, end) for value, (start, end) in zip(values, spans) if value > -inf]
            yield _Window(
                none, total, [_Span(v, start, end, written(text[start - at : end - at])) for v, start, end in known]
            )

    def _best(self, windows: Sequence[_Window]) -> dict[str, Any]:
        """The answer among the spans of all windows; [CLS] says no where it does so in every window."""
        none = min(window.none for window in windows)
        spans = sorted(
            (span for window in windows for span in window.spans), key=lambda span: (-span.score, span.start)
        )
        totals = [window.total for window in windows] + ([none] if self.no_answer else [])
        total = float(torch.tensor(totals, dtype=torch.float64).logsumexp(0))
        chances: dict[str, float] = {}
        for span in spans:
            chances.setdefault(span.text, round(exp(span.score - total), 6))
        chances = dict(list(chances.items())[:BEST])
        margin = none - spans[0].score if spans else None
        if not self.no_answer:
            return _answer(spans[:1], chances)
        chances[""] = round(exp(none - total), 6)
        kept = spans[:1] if margin is not None and margin <= self.threshold else []
        return {**_answer(kept, chances), "no_answer": margin and round(margin, 6)}


def _places(batch: Batch) -> Tensor:
    """``[L, 1]``: 0, 1, 2, ..."""
    return torch.arange(batch["input_ids"].shape[1], device=batch["input_ids"].device)[:, None]


def _edges(batch: Batch) -> Tensor:
    """First and last token of the word of each token ``[B, L, 2]``; tokens are words of their own where the batch knows no words."""
    if "word_of" in batch:
        return word_edges(batch["word_of"])
    return _places(batch).expand(*batch["input_ids"].shape, 2)


@dataclass(frozen=True, slots=True)
class _Span:
    """Characters of the context that may be the answer."""

    score: float
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Window:
    """What one window says: its score of no answer, the log of what all its spans have together, and the best of them."""

    none: float
    total: float
    spans: list[_Span]


def _answer(best: Sequence[_Span], chances: dict[str, float]) -> dict[str, Any]:
    text, start, end = (best[0].text, best[0].start, best[0].end) if best else ("", None, None)
    return {"answer": text, "score": chances.get(text, 0.0), "start": start, "end": end, "scores": chances}
