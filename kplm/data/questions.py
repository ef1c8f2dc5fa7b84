"""Questions with several choices: the rows of one are fetched and batched together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from kplm.data.collate import Collator
from kplm.data.encode import Row
from kplm.data.loading import Rows


class Questions(Dataset[list[Row]]):
    """The rows of one question as one item, so that whatever draws, shuffles or shares items out keeps choices together.

    Args:
        rows: the choices.
        groups: the number of each row's question.
    """

    def __init__(self, rows: Rows, groups: Sequence[int]) -> None:
        self.rows = rows
        found: dict[int, list[int]] = {}
        for row, group in enumerate(groups):
            found.setdefault(group, []).append(row)
        self.members = list(found.values())
        most = max(map(len, self.members), default=1)  # so that no batch of unequal questions passes the budget
        self.lengths = np.array([most * rows.lengths[of].max() for of in self.members], np.int64)

    @property
    def positions(self) -> int:
        """See :class:`kplm.data.loading.Rows`."""
        return self.rows.positions

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int | tuple[int, int]) -> list[Row]:
        if isinstance(index, tuple):
            return [self.rows[row, index[1]] for row in self.members[index[0]]]
        return [self.rows[row] for row in self.members[index]]


class Windowed(Questions):
    """The windows of a context as one item, as the best answer in any of them is the answer.

    Only a context whose first window is full has more than one, so no batch of such items passes the budget.
    """

    def __init__(self, rows: Rows, groups: Sequence[int]) -> None:
        super().__init__(rows, groups)
        self.lengths = np.array([len(of) * rows.lengths[of].max() for of in self.members], np.int64)


class QuestionCollator:
    """Questions to one batch, a row a choice.

    Args:
        collate: makes a batch of rows.
    """

    def __init__(self, collate: Collator) -> None:
        self.collate = collate

    def __call__(self, questions: Sequence[Sequence[Row]]) -> dict[str, Tensor]:
        """See :class:`kplm.data.collate.Collator`."""
        return self.collate([row for question in questions for row in question])
