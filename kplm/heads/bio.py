"""The best sequence of BIO tags among those that are well formed, exactly (Viterbi, 1967)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BEGIN, INSIDE = "B-", "I-"
ANY = -1
"""Stands for: whatever the tag before is."""


def openers(names: Sequence[str]) -> list[int]:
    """For each tag 'I-X' the number of 'B-X', which alone may begin what it continues; C, where there is none; `ANY` for other tags.

    >>> openers(["O", "B-V", "I-V", "I-ARG0"])
    [-1, -1, 1, 4]
    """
    number = {name: i for i, name in enumerate(names)}
    begins = [name.replace(INSIDE, BEGIN, 1) if name.startswith(INSIDE) else None for name in names]
    return [ANY if begin is None else number.get(begin, len(names)) for begin in begins]


def best_path(scores: Tensor, opener: Tensor) -> Tensor:
    """The tags with the highest sum of scores in which 'I-X' only follows 'B-X' or 'I-X'.

    All tags but the inside ones may follow any tag, so a step needs no C x C table: it takes the best tag before, and for an
    inside tag the better one of two.

    Args:
        scores: ``[B, S, C]`` float, any real numbers; minus infinity where a word cannot have a tag.
        opener: ``[C]`` int, see :func:`openers`.

    Returns: ``[B, S]`` int.
    """
    inside, own = opener != ANY, torch.arange(len(opener), device=scores.device)
    total = scores[:, 0].masked_fill(inside, -torch.inf) if scores.shape[1] else scores.new_zeros(len(scores), 0)
    before = []
    for step in scores.unbind(1)[1:]:
        opened = torch.cat([total, total.new_full((len(total), 1), -torch.inf)], 1)[:, opener.clamp(min=0)]
        continued = total > opened
        best, at = total.max(-1, keepdim=True)
        before.append(torch.where(inside, torch.where(continued, own, opener), at))  # [B, C]
        total = step + torch.where(inside, torch.maximum(total, opened), best)
    return _followed(total, before)


def _followed(total: Tensor, before: Sequence[Tensor]) -> Tensor:
    """The best last tag, and from it the way back: ``[B, S]``."""
    if not total.shape[1]:
        return total.long()
    path = [total.argmax(-1, keepdim=True)]
    for choice in reversed(before):
        path.append(choice.gather(1, path[-1]))
    return torch.cat(path[::-1], 1)
