"""From a recorded visible matrix back to the integers of a tree."""

from __future__ import annotations

import torch
from torch import Tensor


def tree_fields(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """``branch``, ``anchor`` and ``position_ids`` ``[B, L]`` that the recorded trees must have been grown with.

    Two injected tokens are in one branch when they see each other; the word a branch hangs from is what it sees of the trunk.
    """
    rows = [_row(*one) for one in zip(inputs["visible_matrix"] > 0, inputs["vm_tag"] > 0, inputs["row_valid"] > 0)]
    return {name: torch.stack([row[name] for row in rows]) for name in ("branch", "anchor", "position_ids")}


def _row(visible: Tensor, injected: Tensor, real: Tensor) -> dict[str, Tensor]:
    branch, anchor = torch.zeros(len(real), dtype=torch.int64), torch.zeros(len(real), dtype=torch.int64)
    trunk = real & ~injected
    position = torch.cumsum(trunk.long(), 0) - 1
    for token in injected.nonzero().flatten().tolist():
        if branch[token]:
            continue
        own, word = visible[token] & injected, visible[token] & trunk
        branch[own] = int(branch.max()) + 1
        anchor[own | word] = anchor[word].max() if anchor[word].any() else anchor.max() + 1
        position[own] = position[word].max() + 1 + torch.arange(int(own.sum()))
    return {"branch": branch, "anchor": anchor, "position_ids": position}
