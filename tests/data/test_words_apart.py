"""Words that touch are cut into sub-words one by one, and the text is otherwise what it was."""

from __future__ import annotations

import pytest

from kplm.data.annotate import Roles, WordsApart
from kplm.data.encode import TextEncoder
from kplm.data.example import Example, Mark, Structures
from kplm.data.roles import Predicate
from kplm.errors import DataError
from kplm.text import Tokenizer
from tests.conftest import VOCABULARY

TOUCHING = Structures(((0, 2), (2, 4), (5, 8)), (Predicate(0, ("B-V", "B-ARG1", "B-ARG2")),))


def pieces(tokenizer: Tokenizer, *examples: Example) -> list[str]:
    rows = TextEncoder(tokenizer, [Roles(aspects=1), WordsApart()])(examples)
    return [" ".join(VOCABULARY[i] for i in row["input_ids"]) for row in rows]


def test_no_sub_word_is_of_two_words(tokenizer: Tokenizer) -> None:
    example = Example("xyxy was", roles=(TOUCHING,))
    [row] = TextEncoder(tokenizer, [Roles(aspects=1, inventory="sembert22"), WordsApart()])([example])
    assert [VOCABULARY[i] for i in row["input_ids"]] == ["[CLS]", "x", "##y", "x", "##y", "was", "[SEP]"]
    assert row["word_of"].tolist() == [1, 2, 2, 3, 3, 4, 5]
    assert row["role_tags"].tolist() == [[1, 3, 7, 9, 2]]
    assert example.text == "xyxy was", "what is shown to people stays"


def test_both_texts_of_a_pair_and_sentences_that_touch(tokenizer: Tokenizer) -> None:
    second = [Structures(((0, 4), (4, 4), (4, 5)), (), 1), Structures(((5, 8),), (), 1)]
    [row] = pieces(tokenizer, Example("rome was", "rome.was", roles=(Structures(((0, 4), (5, 8)), ()), *second)))
    assert row == "[CLS] rome was [SEP] rome . was [SEP]"


def test_texts_without_roles_or_words_that_touch_stay(tokenizer: Tokenizer) -> None:
    examples = [Example("rome was", roles=(Structures(((0, 4), (5, 8)), ()),)), Example("", roles=())]
    assert WordsApart().annotate(examples) == examples


def test_what_it_does_not_move_is_refused() -> None:
    marked = Example("xyxy was", roles=(TOUCHING,), marks=(Mark(5, 8, "target"),), where="a.tsv:3")
    with pytest.raises(DataError, match=r"a.tsv:3 has marks, which WordsApart does not move. Leave it out of data"):
        WordsApart().annotate([marked])
