"""Semantic roles: who did what to whom, for one predicate a row (Shi and Lin, 2019, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from kplm.errors import KplmError
from kplm.fields import Batch
from kplm.heads.base import Pieces
from kplm.heads.bio import best_path, openers
from kplm.heads.metrics import SpanF1
from kplm.heads.tag import OUTSIDE, Tag
from kplm.models import BaseEncoder

PREDICATE, CONTINUED = "B-V", "I-V"
STRANGE = ("B-?", "I-?")
"""Gold roles that are no class."""


class TagRoles(Tag):
    """One tagger for both steps of role labelling; what it answers is always well-formed BIO.

    A row with a marked predicate asks for the arguments of that predicate: its word is 'B-V', no other word is. A row without
    one asks which words are predicates: each is 'B-V', all others are 'O'. The tags of a row are those with the highest joint
    probability under these rules.

    Args:
        dropout: probability before the linear map.
    """

    reads = frozenset({"tags", "word_positions", "mark_positions"})
    headline = "f1_arguments"

    def build(self, encoder: BaseEncoder, names: Sequence[str]) -> None:
        """A linear map from the encoder's width to the tags.

        Raises:
            KplmError: there is no class for predicates or for words outside all spans.
        """
        for needed in (OUTSIDE, PREDICATE):
            if needed not in names:
                raise KplmError(
                    f"TagRoles has no class '{needed}' among {', '.join(names[:8]) or 'none'}, ... Set data.task: roles, "
                    f"or name it in data.labels."
                )
        super().build(encoder, names)

    @torch.no_grad()
    def begin(self, encoder: BaseEncoder, pieces: Pieces) -> None:
        """Move the segment that shows the predicate away from the other, by as much as words differ, where both are close.

        In the packaged MiniLM, for one, they are nearly the same, so that nothing would be shown at first.
        """
        segments, words = (
            encoder.embeddings.terms[name].get_parameter("weight") for name in ("segment_ids", "input_ids")
        )
        spread = words.std(0)  # [D]
        if (segments[1] - segments[0]).norm() < spread.norm() / 2:
            segments[1] = segments[0] + spread * torch.randn_like(spread)

    def metrics(self) -> MetricCollection:
        """F1 over exact argument spans, V left out, of given predicates; and F1 over the predicates of sentences."""
        return MetricCollection({"f1_arguments": SpanF1(), "f1_predicates": SpanF1()}, compute_groups=False)

    def score(self, metrics: MetricCollection, logits: Tensor, batch: Batch) -> None:
        """Words that were cut away count as outside, gold roles that are no class as missed."""
        known = [[tag >= 0 for tag in row] for row in batch["tags"].tolist()]
        guess, gold = (self._named(tags, known) for tags in (self.best(logits, batch), batch["tags"]))
        marked = _mark(batch).ge(0).flatten().tolist()
        arguments, predicates = ([i for i, mark in enumerate(marked) if mark is kind] for kind in (True, False))
        metrics["f1_arguments"].update(*([_arguments(rows[i]) for i in arguments] for rows in (guess, gold)))
        metrics["f1_predicates"].update(*([rows[i] for i in predicates] for rows in (guess, gold)))

    def decode(self, logits: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """``{"tags"}``: one tag for each word of the row, padding words left out by the caller."""
        return [{"tags": [self.names[i] for i in row]} for row in self.best(logits, batch).tolist()]

    def gold(self, batch: Batch) -> Tensor:
        """The class of each scored position ``[B, S]``; roles that are no class are learnt as outside."""
        gold = super().gold(batch)
        return gold.masked_fill(gold >= len(self.names), self.outside)

    def best(self, logits: Tensor, batch: Batch) -> Tensor:
        """The best tags ``[B, S]`` that can be."""
        scores = logits.float().masked_fill(~self._possible(batch), -torch.inf)
        return best_path(scores, torch.tensor(openers(self.names), device=logits.device))

    def _possible(self, batch: Batch) -> Tensor:
        """Which tags each word may have: ``[B, S, C]`` bool."""
        words, mark = batch["word_positions"], _mark(batch)
        outside, verb = (self._only(name, words) for name in (OUTSIDE, PREDICATE))
        possible = torch.where((mark >= 0)[..., None], ~verb, outside | verb)  # [B, 1, C]
        possible = torch.where((words == mark)[..., None], verb, possible)  # [B, S, C]
        return torch.where((words < 0)[..., None], outside, possible)

    def _only(self, name: str, like: Tensor) -> Tensor:
        return torch.tensor([one == name for one in self.names], device=like.device)

    def _named(self, tags: Tensor, known: list[list[bool]]) -> list[list[str]]:
        names = (*self.names, *STRANGE)
        return [[names[i] for i, keep in zip(row, keeps) if keep] for row, keeps in zip(tags.tolist(), known)]


def _mark(batch: Batch) -> Tensor:
    """The first token of the marked predicate of each row, -1 where there is none: ``[B, 1]``."""
    marks = batch["mark_positions"]
    return marks[:, :1] if marks.shape[1] else marks.new_full((len(marks), 1), -1)


def _arguments(tags: Sequence[str]) -> list[str]:
    return [OUTSIDE if tag in (PREDICATE, CONTINUED) else tag for tag in tags]
