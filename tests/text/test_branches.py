"""A grown text is the flat sentence tree of the paper, whatever it is grown from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_mask

from kplm.nn.visibility import Tree
from kplm.text import Tokens
from kplm.text.branches import Branches, fitting, graft
from kplm.text.tokens import Pieces


@dataclass(frozen=True)
class Word:
    """A word of one or more tokens, and the branches behind it."""

    size: int
    branches: tuple[int, ...]
    """Tokens of each branch."""


Sentence = tuple[Word, ...]
WORDS = st.builds(Word, st.integers(1, 3), st.lists(st.integers(1, 4), max_size=3).map(tuple))
SENTENCES = st.lists(WORDS, min_size=1, max_size=6).map(tuple)
LISTS = st.lists(SENTENCES, min_size=1, max_size=4)


def trunk(sentence: Sentence) -> Tokens:
    count = sum(word.size for word in sentence)
    offsets = np.stack([np.arange(count), np.arange(1, count + 1)], axis=1)
    return Tokens.framed((Pieces(np.arange(10, 10 + count), offsets),), (1,), (2,))


def grown(sentences: list[Sentence]) -> list[Tokens]:
    """All at once, as the annotator does it; every word counts as a mention if something hangs from it."""
    mentions, owners, branches, at = [], [], [], 0
    for sentence in sentences:
        at += 1
        for word in sentence:
            if word.branches:
                owners += [len(mentions)] * len(word.branches)
                mentions.append((at, at + word.size - 1))
                branches += [list(range(100 + len(branches), 100 + len(branches) + size)) for size in word.branches]
            at += word.size
        at += 1
    pairs = np.array(mentions, dtype=np.int64).reshape(-1, 2)
    return graft([trunk(one) for one in sentences], pairs, np.array(owners, dtype=np.int64), Branches.of(branches))


@dataclass(frozen=True)
class Slow:
    """A token by token account of the paper's definitions (sections 3.2 and 3.3), told apart by word and branch."""

    word: int
    branch: int
    position: int


def slow(sentence: Sentence) -> list[Slow]:
    found, position, branch = [Slow(-1, 0, 0)], 0, 0
    for number, word in enumerate(sentence):
        for _ in range(word.size):
            position += 1
            found.append(Slow(number, 0, position))
        for size in word.branches:
            branch += 1
            found += [Slow(number, branch, position + 1 + step) for step in range(size)]
    return [*found, Slow(-1, 0, position + 1)]


def sees(one: Slow, other: Slow) -> bool:
    if one.branch and other.branch:
        return one.branch == other.branch
    if one.branch or other.branch:
        return one.word == other.word
    return True


def visible(tokens: Tokens, pad: int = 0) -> torch.Tensor:
    document = torch.tensor([1] * len(tokens) + [0] * pad)[None]
    branch, anchor = (torch.tensor([*field, *[0] * pad])[None] for field in (tokens.branch, tokens.anchor))
    return Tree(document, branch, anchor).dense()[0]


@given(LISTS)
def test_order_soft_positions_and_visible_matrix_are_those_of_the_paper(sentences: list[Sentence]) -> None:
    for sentence, tokens in zip(sentences, grown(sentences), strict=True):
        want = slow(sentence)
        assert tokens.positions.tolist() == [one.position for one in want]
        assert tokens.branch.tolist() == [one.branch for one in want]
        assert torch.equal(visible(tokens), torch.tensor([[sees(one, other) for other in want] for one in want]))


@given(LISTS)
def test_many_texts_at_once_grow_like_each_alone(sentences: list[Sentence]) -> None:
    for sentence, tokens in zip(sentences, grown(sentences), strict=True):
        alone = grown([sentence])[0]
        same = tokens.table[1:] == alone.table[1:]  # the ids of branches were counted through
        assert same.all()


@given(SENTENCES)
def test_the_trunk_is_untouched_and_branches_are_nowhere_in_the_text(sentence: Sentence) -> None:
    before, after = trunk(sentence), grown([sentence])[0]
    on_trunk = after.branch == 0
    assert np.array_equal(after.table[:6, on_trunk], before.table[:6])
    assert (after.parts[~on_trunk] == -1).all()
    assert (after.offsets[~on_trunk] == -1).all()
    characters = np.arange(sum(word.size for word in sentence))
    assert np.array_equal(np.flatnonzero(on_trunk)[before.holding(characters)], after.holding(characters))


@given(SENTENCES, st.integers(1, 12))
def test_cutting_before_or_after_the_matrix_is_made_is_the_same(sentence: Sentence, length: int) -> None:
    whole = grown([sentence])[0]
    short = whole.cut(length)
    size = len(short)
    assert size == min(length, len(whole))
    assert torch.equal(visible(short), visible(whole)[:size, :size])


@given(st.lists(SENTENCES, min_size=2, max_size=3))
def test_trees_packed_in_one_row_see_only_themselves(sentences: list[Sentence]) -> None:
    trees = grown(sentences)
    document = torch.cat([torch.full((len(one),), number) for number, one in enumerate(trees, start=1)])[None]
    branch, anchor = (
        torch.cat([torch.tensor(getattr(one, name)) for one in trees])[None] for name in ("branch", "anchor")
    )
    packed = Tree(document, branch, anchor)
    assert torch.equal(packed.dense()[0], torch.block_diag(*[visible(one).float() for one in trees]).bool())
    flex = create_mask(packed.mask_mod, 1, 1, document.shape[1], document.shape[1], device="cpu")
    assert torch.equal(flex[0, 0], packed.dense()[0])


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(-2, 30), st.none() | st.integers(0, 5))
def test_whole_branches_fit_in_their_order_and_one_too_long_blocks_no_other(
    sizes: list[int], room: int, most: int | None
) -> None:
    keep = fitting(np.array(sizes, dtype=np.int64), room, most)
    kept = [size for size, one in zip(sizes, keep) if one]
    assert sum(kept) <= max(room, 0)
    assert most is None or len(kept) <= most
    possible = [size for size in sizes if size <= room]
    assert kept == possible[: len(kept)], "a prefix of those that could fit at all"
    if len(kept) < len(possible) and len(kept) != most:
        assert sum(possible[: len(kept) + 1]) > room


def test_branches_without_tokens_are_none() -> None:
    assert Branches.of([[], [4, 5], []]).lengths.tolist() == [2]
    assert len(Branches.of([])) == 0
