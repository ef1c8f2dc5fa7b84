"""Masked words: the budget holds, whole words stay whole, specials stay, and the seed decides."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.masking import Budget, Corrupt, MaskWords, Tokens, WholeWords
from kplm.text import Tokenizer
from tests.conftest import VOCABULARY

CLS, SEP, MASK = (VOCABULARY.index(name) for name in ("[CLS]", "[SEP]", "[MASK]"))
STARTS = [VOCABULARY.index(word) for word in ("good", "bad", "rome", "a", "b")]
CONTINUES = [VOCABULARY.index(f"##{letter}") for letter in "xyz"]
words = st.lists(st.integers(0, 6), min_size=1, max_size=30)
"""Continuations of each word of a row."""


def batch_of(rows: list[list[int]]) -> dict[str, Tensor]:
    """``[CLS] words [SEP]`` rows, padded; a word is a start and so many continuations."""
    rows = [[CLS, *_tokens(row), SEP] for row in rows]
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    real = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    return {"input_ids": ids, "document": real}


def _tokens(row: list[int]) -> list[int]:
    return [token for i, more in enumerate(row) for token in [STARTS[i % 5], *(CONTINUES[j % 3] for j in range(more))]]


def built(masker: MaskWords, tokenizer: Tokenizer) -> MaskWords:
    masker.build(tokenizer)
    return masker


def chosen(batch: dict[str, Tensor]) -> Tensor:
    return batch["mlm_labels"] != IGNORE


@given(rows=st.lists(words, min_size=1, max_size=4), seed=st.integers(0, 99), whole=st.booleans())
def test_what_is_hidden_can_be_put_back_and_specials_and_padding_stay(
    tokenizer: Tokenizer, rows: list[list[int]], seed: int, whole: bool
) -> None:
    batch = batch_of(rows)
    masker = built(MaskWords(WholeWords() if whole else Tokens()), tokenizer)
    out = masker(batch, torch.Generator().manual_seed(seed))
    hidden = chosen(out)
    assert torch.equal(torch.where(hidden, out["mlm_labels"], out["input_ids"]), batch["input_ids"])
    special = (batch["input_ids"] == CLS) | (batch["input_ids"] == SEP) | (batch["document"] == 0)
    assert not (hidden & special).any()
    assert hidden.any(1).all(), "every row has something to predict"
    again = masker(batch, torch.Generator().manual_seed(seed))
    assert all(torch.equal(out[name], again[name]) for name in out)


@given(rows=st.lists(words, min_size=1, max_size=4), seed=st.integers(0, 99))
def test_tokens_fill_the_budget_exactly(tokenizer: Tokenizer, rows: list[list[int]], seed: int) -> None:
    batch = batch_of(rows)
    out = built(MaskWords(Tokens(), budget=Budget(share=0.3, most=5)), tokenizer)(
        batch, torch.Generator().manual_seed(seed)
    )
    sizes = batch["document"].sum(1)
    budget = (sizes * 0.3).round().long().clamp(1, 5)
    assert torch.equal(chosen(out).sum(1), torch.minimum(budget, sizes - 2))


@given(rows=st.lists(words, min_size=1, max_size=4), seed=st.integers(0, 99))
def test_whole_words_are_taken_whole_and_stay_within_the_budget(
    tokenizer: Tokenizer, rows: list[list[int]], seed: int
) -> None:
    batch = batch_of(rows)
    hidden = chosen(built(MaskWords(WholeWords()), tokenizer)(batch, torch.Generator().manual_seed(seed)))
    for row, marks, document in zip(rows, hidden.tolist(), batch["document"]):
        spans, at = [], 1
        for more in row:
            spans.append(marks[at : at + more + 1])
            at += more + 1
        assert all(len(set(span)) == 1 for span in spans)
        taken = [len(span) for span in spans if span[0]]
        assert len(taken) == 1 or sum(taken) <= max(1, round(0.15 * int(document.sum())))


def test_every_word_gets_its_turn(tokenizer: Tokenizer) -> None:
    masker = built(MaskWords(WholeWords()), tokenizer)
    batch = batch_of([[0, 3, 1, 0, 2, 0, 0, 5]])
    counts = torch.zeros(batch["input_ids"].shape)
    for seed in range(400):
        counts += chosen(masker(batch, torch.Generator().manual_seed(seed)))
    assert (counts[0, 1:-1] > 10).all()


def test_a_piece_that_follows_a_special_token_begins_a_word_of_its_own(tokenizer: Tokenizer) -> None:
    """A sentence that was cut in two leaves such pieces behind [CLS] and [SEP]."""
    ids = torch.tensor([[CLS, CONTINUES[0], CONTINUES[1], SEP]])
    batch = {"input_ids": ids, "document": torch.ones_like(ids)}
    out = built(MaskWords(WholeWords()), tokenizer)(batch, torch.Generator().manual_seed(0))
    assert chosen(out).tolist() == [[False, True, True, False]]


def test_eight_of_ten_become_mask_one_another_word_one_stays(tokenizer: Tokenizer) -> None:
    batch = batch_of([[0] * 100 for _ in range(200)])
    out = built(MaskWords(budget=Budget(share=0.5)), tokenizer)(batch, torch.Generator().manual_seed(0))
    hidden = chosen(out)
    now, then = out["input_ids"][hidden], out["mlm_labels"][hidden]
    masked, same = (now == MASK).float().mean(), (now == then).float().mean()
    assert masked.item() == pytest.approx(0.8, abs=0.01)
    assert same.item() == pytest.approx(0.1 * (1 + 1 / len(VOCABULARY)), abs=0.01)
    drawn = now[(now != MASK) & (now != then)]
    assert not torch.isin(drawn, torch.tensor(sorted(tokenizer.special_ids))).any()
    assert len(drawn.unique()) > 0.9 * (len(VOCABULARY) - 5)


@pytest.mark.parametrize(("mask", "random"), [(0.9, 0.2), (-0.1, 0.5), (0.5, 1.1)])
def test_shares_that_are_no_shares_are_refused(mask: float, random: float) -> None:
    with pytest.raises(KplmError, match="sum to 1 or less"):
        Corrupt(mask, random)
