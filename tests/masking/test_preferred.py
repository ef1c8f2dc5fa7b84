"""Preferred words: the budget holds and is filled, a share of them comes first and stays below its cap, the rest is chance."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kplm.errors import KplmError
from kplm.masking import Budget, MaskWords, Preferred
from kplm.text import Tokenizer
from tests.conftest import VOCABULARY
from tests.masking.test_words import CLS, CONTINUES, SEP, chosen

LIKED, OTHER, PIECE = (VOCABULARY.index(word) for word in ("rome", "good", "##x"))
kinds = st.lists(st.sampled_from((LIKED, OTHER, PIECE)), min_size=1, max_size=60)
shares = st.sampled_from((0.0, 0.1, 0.25, 0.4, 0.5, 0.7, 1.0))


class Cities(Preferred):
    """Prefers one word, and a piece, which it should not get."""

    def preferred(self, tokenizer: Tokenizer) -> Tensor:
        """``[V]`` bool."""
        return torch.tensor([row in (LIKED, PIECE) for row in range(len(tokenizer))])


def built(tokenizer: Tokenizer, share: float = 0.5, cap: float = 0.4) -> Cities:
    select = Cities(share, cap)
    select.build(tokenizer)
    return select


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """``[CLS] tokens [SEP]`` rows and where their tokens are."""
    length = max(map(len, rows)) + 2
    ids = torch.tensor([[CLS, *row, SEP, *[0] * (length - 2 - len(row))] for row in rows])
    return ids, (ids != CLS) & (ids != SEP) & (ids != 0)


def single(row: list[int]) -> int:
    """How many preferred words of one token a row has."""
    return sum(token == LIKED and after != PIECE for token, after in zip(row, [*row[1:], SEP]))


@given(
    rows=st.lists(kinds, min_size=1, max_size=4),
    budgets=st.lists(st.integers(0, 20), min_size=4, max_size=4),
    share=shares,
    cap=shares,
    seed=st.integers(0, 99),
)
def test_the_budget_is_filled_the_share_is_kept_and_the_cap_holds(
    tokenizer: Tokenizer, rows: list[list[int]], budgets: list[int], share: float, cap: float, seed: int
) -> None:
    ids, allowed = padded(rows)
    budget, select = torch.tensor(budgets[: len(rows)]), built(tokenizer, share, cap)
    found = select(ids, allowed, budget, torch.Generator().manual_seed(seed))
    first = select.first(ids, allowed, budget, torch.Generator().manual_seed(seed))
    assert not (found & ~allowed).any()
    assert torch.equal(found.sum(1), torch.minimum(budget, allowed.sum(1))), (
        "never over the budget, filled when possible"
    )
    assert not (first & ~found).any(), "what comes first is taken"
    for row, most, taken in zip(rows, budget.tolist(), first.sum(1).tolist()):
        assert taken == min(round(share * single(row)), math.floor(cap * most + 1e-9))
        assert taken <= most
    followed = torch.zeros_like(allowed)
    followed[:, :-1] = ids[:, 1:] == PIECE
    assert (ids[first] == LIKED).all()
    assert not (first & followed).any(), "no first piece of a split word"
    again = select(ids, allowed, budget, torch.Generator().manual_seed(seed))
    assert torch.equal(found, again)


@given(rows=st.lists(kinds, min_size=1, max_size=3), seed=st.integers(0, 20))
def test_what_is_not_allowed_is_never_taken(tokenizer: Tokenizer, rows: list[list[int]], seed: int) -> None:
    ids, allowed = padded(rows)
    generator = torch.Generator().manual_seed(seed)
    allowed &= torch.rand(ids.shape, generator=generator) < 0.5
    found = built(tokenizer)(ids, allowed, torch.full((len(rows),), 99), generator)
    assert torch.equal(found, allowed), "and all of it where the budget is larger"


def test_the_rest_is_drawn_at_random_from_all_that_is_left_preferred_words_among_it(tokenizer: Tokenizer) -> None:
    """20 preferred words of 60, 15 to hide: 6 at first, then 9 of 54, of which 14 are preferred."""
    row = [LIKED] * 20 + [OTHER] * 40
    ids, allowed = padded([row] * 2000)
    found = built(tokenizer)(ids, allowed, torch.full((2000,), 15), torch.Generator().manual_seed(0))
    counts = found[:, 1:-1].float().mean(0)
    liked = (6 + 9 * 14 / 54) / 20
    other = 9 / 54
    torch.testing.assert_close(counts[:20], torch.full((20,), liked), atol=0.05, rtol=0)
    torch.testing.assert_close(counts[20:], torch.full((40,), other), atol=0.05, rtol=0)
    assert counts[:20].mean().item() == pytest.approx(liked, abs=0.005)


def test_the_cap_is_a_part_of_the_budget_not_of_the_row(tokenizer: Tokenizer) -> None:
    """Of 126 words 19 are hidden; with many preferred ones 7 of these are such (40 % of the 15 %), with few half of them."""
    for liked, taken in ((60, 7), (8, 4), (2, 1), (0, 0)):
        ids, allowed = padded([[LIKED] * liked + [OTHER] * (126 - liked)])
        budget = Budget()(torch.tensor([126]))
        first = built(tokenizer).first(ids, allowed, budget, torch.Generator().manual_seed(1))
        assert (budget.item(), first.sum().item()) == (19, taken)


def test_it_stands_in_a_masker_like_any_other_rule(tokenizer: Tokenizer) -> None:
    masker = MaskWords(Cities())
    masker.build(tokenizer)
    ids = torch.tensor([[CLS, *[LIKED, OTHER, CONTINUES[1]] * 20, SEP]])
    out = masker({"input_ids": ids, "document": torch.ones_like(ids)}, torch.Generator().manual_seed(0))
    assert chosen(out).sum().item() == 9
    assert (out["mlm_labels"] == LIKED).sum().item() >= 3


@pytest.mark.parametrize(("share", "cap"), [(1.5, 0.4), (0.5, -0.1)])
def test_shares_that_are_no_shares_are_refused(share: float, cap: float) -> None:
    with pytest.raises(KplmError, match="parts of a whole"):
        Cities(share, cap)
