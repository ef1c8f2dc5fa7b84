"""SQuAD's scores of answers: exact match, and F1 over words (Rajpurkar et al., 2016 and 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

PARTS = ("no_answer", "has_answer")


class AnswerF1(Metric):
    """The means over questions, counted by torchmetrics as the official evaluation does; exact over any number of ranks.

    Where some questions have an answer and others have none, both kinds are told apart too.
    """

    exact: Tensor
    f1: Tensor
    questions: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("exact", "f1", "questions"):  # [2] each: without and with an answer
            self.add_state(name, torch.zeros(len(PARTS), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, answers: Sequence[str], right: Sequence[Sequence[str]]) -> None:
        """The answer to each question, '' for none, and the answers that are right, none where nothing answers it."""
        for answer, texts in zip(answers, right, strict=True):
            exact, f1 = answer_scores(answer, texts)
            part = int(bool(texts))
            self.exact[part] += exact
            self.f1[part] += f1
            self.questions[part] += 1

    def compute(self) -> dict[str, Tensor]:
        """``f1`` and ``exact``, and the same of each part where there are both, in [0, 1]."""
        sums, total = {"f1": self.f1, "exact": self.exact}, self.questions.sum().clamp(min=1)
        found = {name: (values.sum() / total).float() for name, values in sums.items()}
        if self.questions.all():
            for part, kind in enumerate(PARTS):
                share = {f"{name}_{kind}": (values / self.questions)[part].float() for name, values in sums.items()}
                found |= share
        return found


def answer_scores(answer: str, right: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of one answer, in [0, 1]; the best over the answers that are right.

    >>> answer_scores("the Eiffel Tower!", ["Eiffel tower", "tower"])
    (1.0, 1.0)
    """
    from torchmetrics.functional.text import squad  # comes late: it brings other libraries along

    scores = squad([{"id": "", "prediction_text": answer}], [{"id": "", "answers": {"text": [*right] or [""]}}])
    return float(scores["exact_match"]) / 100, float(scores["f1"]) / 100
