"""Semantic roles as fields: which structures are read, which word a token belongs to, what is withheld, and what bad roles do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kplm.data.annotate import AuthorsRoles, Roles, Tree
from kplm.data.annotate.roles import owners
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example, Mark, Structures, join_words
from kplm.data.roles.base import Predicate, RoleSource
from kplm.errors import DataError, KplmError
from kplm.heads import Classify
from kplm.hub import load_finetuned, save_pretrained
from kplm.predict import Predictor
from kplm.role_tags import INVENTORIES
from kplm.text import Tokenizer
from kplm.training import Finetune
from tests.conftest import VOCABULARY
from tests.models.sembert_batch import tiny_sembert

TAGS = INVENTORIES["sembert22"]
SILENT = "\u200b"
"""A word of which no piece is left."""


class Verbs(RoleSource):
    """Every word of a list is a predicate, the word before it its ARG0; words stand between blanks."""

    def __init__(self, verbs: list[str]) -> None:
        self.init_args = {"verbs": verbs}
        self.verbs = verbs
        self.asked: list[list[str]] = []

    def __call__(self, sentences: Sequence[Sequence[str]]) -> list[tuple[Predicate, ...]]:
        """The predicates of each sentence."""
        self.asked += map(list, sentences)
        return [tuple(self._found(words)) for words in sentences]

    def words(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """What stands between blanks."""
        return [list(join_words(text.split())[1]) for text in texts]

    def _found(self, words: Sequence[str]) -> list[Predicate]:
        where = [at for at, word in enumerate(words) if word in self.verbs]
        return [Predicate(at, tags(len(words), {at - 1: "B-ARG0", at: "B-V"})) for at in where]


def tags(size: int, found: dict[int, str]) -> tuple[str, ...]:
    return tuple(found.get(at, "O") for at in range(size))


def sentence(words: str, *rows: str, part: int = 0) -> tuple[str, Structures]:
    """A text and its structures: ``"_ V ARG0 -ARG0"`` tags four words, ``-`` goes on with what is before."""
    text, spans = join_words(words.split(" "))
    kinds = {"_": "O"}
    made = [tuple(kinds.get(x) or (f"I{x}" if x[0] == "-" else f"B-{x}") for x in row.split()) for row in rows]
    predicates = tuple(Predicate(row.index("B-V") if "B-V" in row else 0, row) for row in made)
    return text, Structures(spans, predicates, part)


def example(*parts: tuple[str, Structures], **more: Any) -> Example:
    return Example(*(text for text, _ in parts), roles=tuple(found for _, found in parts), **more)


def encoded(tokenizer: Tokenizer, roles: Roles, *examples: Example, **options: Any) -> list[dict[str, Any]]:
    return TextEncoder(tokenizer, [roles], **options)(examples)


def released(aspects: int = 3, kind: type[Roles] = Roles, source: RoleSource | None = None) -> Roles:
    return kind(source, aspects, "sembert22")


def shown(row: dict[str, Any]) -> list[str]:
    """Each structure as one would write it: the tags of the words, specials included."""
    return [" ".join(TAGS[tag].removeprefix("B-").replace("I-", "-") for tag in line) for line in row["role_tags"]]


def words(row: dict[str, Any]) -> list[str]:
    """The pieces of each word."""
    found: dict[int, str] = {}
    for number, token in zip(row["word_of"], row["input_ids"]):
        found[int(number)] = f"{found.get(int(number), '')} {VOCABULARY[token]}".strip()
    return [found[number] for number in sorted(found)]


def test_every_word_has_its_pieces_and_its_tag(tokenizer: Tokenizer) -> None:
    [row] = encoded(tokenizer, released(1), example(sentence("rome lives in xyz .", "ARG0 V ARG2 -ARG2 _")))
    assert words(row) == ["[CLS]", "rome", "lives", "in", "x ##y ##z", ".", "[SEP]"]
    assert shown(row) == ["[CLS] ARG0 V ARG2 -ARG2 O [SEP]"]
    assert row["word_of"].tolist() == [1, 2, 3, 4, 5, 5, 5, 6, 7]


def test_of_many_structures_the_first_are_read(tokenizer: Tokenizer) -> None:
    rows = [f"{'_ ' * at}V {'_ ' * (59 - at)}".strip() for at in range(60)]
    [row] = encoded(tokenizer, released(3), example(sentence(" ".join(["was"] * 60), *rows)))
    assert row["role_tags"].shape == (3, 62)
    assert (row["role_tags"] == TAGS.index("B-V")).nonzero()[1].tolist() == [1, 2, 3]


def test_of_few_structures_the_fullest_is_repeated_counted_before_tags_are_forgotten(tokenizer: Tokenizer) -> None:
    text = sentence("rome was in paris .", "_ V _ _ _", "ARGM-NEG V ARG3 -ARG3 _", "_ V ARG1 -ARG1 ARG0")
    [row] = encoded(tokenizer, released(5), example(text))
    first, second, third = "[CLS] O V O O O [SEP]", "[CLS] O V O O O [SEP]", "[CLS] O V ARG1 -ARG1 ARG0 [SEP]"
    assert shown(row) == [first, second, third, second, second], "of two that are as full the first"
    [whole] = encoded(tokenizer, Roles(aspects=5), example(text))
    names = [INVENTORIES["full"][tag] for tag in whole["role_tags"][3]]
    assert names == ["[CLS]", "B-ARGM-NEG", "B-V", "B-ARG3", "I-ARG3", "O", "[SEP]"]


def test_without_a_predicate_all_is_outside(tokenizer: Tokenizer) -> None:
    [row] = encoded(tokenizer, released(2), example(sentence("rome .")))
    assert shown(row) == ["[CLS] O O [SEP]"] * 2


def test_the_structures_of_a_pair_share_rows(tokenizer: Tokenizer) -> None:
    one, two = sentence("rome was", "ARG1 V"), sentence("paris lives was", "ARG0 V _", "_ _ V", part=1)
    [row] = encoded(tokenizer, released(2), example(one, two))
    assert words(row) == ["[CLS]", "rome", "was", "[SEP]", "paris", "lives", "was", "[SEP]"]
    assert shown(row) == ["[CLS] ARG1 V [SEP] ARG0 V O [SEP]", "[CLS] ARG1 V [SEP] O O V [SEP]"]


@pytest.mark.parametrize("kind", [Roles, AuthorsRoles])
def test_a_text_without_words_is_no_error(tokenizer: Tokenizer, kind: type[Roles]) -> None:
    empty = ("", Structures((), (), 1))
    [one, two] = encoded(
        tokenizer, released(1, kind), example(sentence("rome", "V"), empty), example(sentence(SILENT, "V"))
    )
    assert shown(one) == ["[CLS] V [SEP] [SEP]"]
    assert words(two) == ["[CLS]", "[SEP]"]
    assert shown(two) == ["[CLS] [SEP]"]


def test_a_word_without_pieces_loses_its_tag_and_keeps_it_in_the_authors_code(tokenizer: Tokenizer) -> None:
    text = example(
        sentence(f"the {SILENT} rome was fine", "ARG0 -ARG0 -ARG0 V ARG2"), sentence("rome was", "ARG1 V", part=1)
    )
    [right], [theirs] = (encoded(tokenizer, released(1, kind), text) for kind in (Roles, AuthorsRoles))
    assert words(right) == ["[CLS]", "the", "rome", "was", "fine", "[SEP]", "rome", "was", "[SEP]"]
    assert shown(right) == ["[CLS] ARG0 -ARG0 V ARG2 [SEP] ARG1 V [SEP]"]
    assert words(theirs) == words(right)
    assert shown(theirs) == ["[CLS] ARG0 -ARG0 -ARG0 V ARG2 [SEP] ARG1 V"]


def test_truncation_cuts_words_and_tags_alike(tokenizer: Tokenizer) -> None:
    text = sentence("rome lives xyz in paris", "ARG0 V ARG1 ARG2 -ARG2")
    [row] = encoded(tokenizer, released(1), example(text), max_length=6)
    assert words(row) == ["[CLS]", "rome", "lives", "x ##y", "[SEP]"]
    assert shown(row) == ["[CLS] ARG0 V ARG1 [SEP]"]
    pair = sentence("was fine", "V ARG2", part=1)
    [row] = encoded(tokenizer, released(1), example(text, pair), max_length=9)
    assert words(row) == ["[CLS]", "rome", "lives", "x ##y", "[SEP]", "was", "fine", "[SEP]"]
    assert shown(row) == ["[CLS] ARG0 V ARG1 [SEP] V ARG2 [SEP]"]


@pytest.mark.parametrize("specials", ["cls", "none"])
def test_texts_with_fewer_special_tokens(tokenizer: Tokenizer, specials: Any) -> None:
    [row] = encoded(tokenizer, released(1), example(sentence("rome was", "ARG1 V")), specials=specials)
    assert shown(row) == [{"cls": "[CLS] ARG1 V", "none": "ARG1 V"}[specials]]


def test_markers_around_a_word_are_words_of_their_own_and_within_it_they_are_pieces(tokenizer: Tokenizer) -> None:
    text = example(
        sentence("the xyz was", "_ ARG1 V"), sentence("rome", "V", part=1),
        marks=(Mark(4, 7, "head"), Mark(4, 5, "tail"), Mark(0, 4, "head", 1)),
    )  # fmt: skip
    [row] = encoded(tokenizer, released(1), text, markers={"head": "#", "tail": "$"})
    assert words(row) == ["[CLS]", "the", "#", "$", "x $ y ##z", "#", "was", "[SEP]", "#", "rome", "#", "[SEP]"]
    assert shown(row) == ["[CLS] O O O ARG1 O V [SEP] O V O [SEP]"]


def test_a_token_belongs_to_the_word_of_its_first_character(tokenizer: Tokenizer) -> None:
    found = Structures(((0, 2), (2, 4), (5, 8)), (Predicate(0, ("B-V", "B-ARG1", "B-ARG2")),))
    [row] = encoded(tokenizer, released(1), Example("rome xyz", roles=(found,)))
    assert words(row) == ["[CLS]", "rome", "x ##y ##z", "[SEP]"]
    assert shown(row) == ["[CLS] V ARG2 [SEP]"]


def test_grown_branches_are_words_of_their_own(tokenizer: Tokenizer, tmp_path: Any) -> None:
    (tmp_path / "graph.spo").write_text("rome\tin\tparis\n")
    encoder = TextEncoder(tokenizer, [Tree(str(tmp_path / "graph.spo")), released(1)])
    [row] = encoder([example(sentence("rome was", "ARG1 V"))])
    assert words(row) == ["[CLS]", "rome", "in", "paris", "was", "[SEP]"]
    assert shown(row) == ["[CLS] ARG1 O O V [SEP]"]


@given(st.lists(st.sampled_from(["rome", "xyz", "was", SILENT, "a.b", "."]), max_size=9), st.integers(3, 14))
def test_words_count_from_one_without_gaps_and_each_column_has_its_tag(found: list[str], length: int) -> None:
    tokenizer = Tokenizer.from_json(_tokenizer_json())
    rows = [" ".join(["V"] + ["_"] * (len(found) - 1))] if found else []
    text, structures = sentence(" ".join(found), *rows) if found else ("", Structures((), ()))
    roles = released(2)
    [row] = encoded(tokenizer, roles, Example(text, roles=(structures,)), max_length=length)
    numbers = row["word_of"]
    assert numbers[0] == 1
    assert set(np.diff(numbers).tolist()) <= {0, 1}
    assert row["role_tags"].shape == (2, numbers[-1])
    assert len(numbers) == len(row["input_ids"])


def _tokenizer_json() -> str:
    from tokenizers import Tokenizer as Rust
    from tokenizers import models, normalizers, pre_tokenizers

    vocab = {word: row for row, word in enumerate(VOCABULARY)}
    rust = Rust(models.WordPiece(vocab, unk_token="[UNK]"))
    rust.normalizer, rust.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    return rust.to_str()


class TestSources:
    def test_raw_texts_and_pairs_get_their_roles_from_the_source_each_once(self, tokenizer: Tokenizer) -> None:
        source = Verbs(["was"])
        texts = [Example("rome was fine", "paris was"), Example("rome was fine"), Example("rome was fine", "rome")]
        rows = encoded(tokenizer, released(1, source=source), *texts)
        assert [shown(row)[0] for row in rows] == [
            "[CLS] ARG0 V O [SEP] ARG0 V [SEP]",
            "[CLS] ARG0 V O [SEP]",
            "[CLS] ARG0 V O [SEP] O [SEP]",
        ]
        assert source.asked == [["rome", "was", "fine"], ["paris", "was"], ["rome"]]

    def test_roles_that_are_there_are_kept(self, tokenizer: Tokenizer) -> None:
        source = Verbs(["was"])
        [row] = encoded(tokenizer, released(1, source=source), example(sentence("rome was", "V ARG1")))
        assert shown(row) == ["[CLS] V ARG1 [SEP]"]
        assert not source.asked

    def test_words_that_are_tagged_are_the_words_of_the_roles(self, tokenizer: Tokenizer) -> None:
        source = Verbs(["was"])
        text = Example("rome-was", words=((0, 4), (4, 5), (5, 8)), tags=("a", "b", "a"))
        [row] = encoded(tokenizer, released(1, source=source), text)
        assert source.asked == [["rome", "-", "was"]]
        assert shown(row) == ["[CLS] O ARG0 V [SEP]"]

    def test_long_texts_can_be_read_sentence_by_sentence(self, tokenizer: Tokenizer) -> None:
        text = Example("rome was fine . paris was poor . good", "the river was .")
        source = Verbs(["was"])
        rows = encoded(tokenizer, Roles(source, 1, "sembert22", sentences=True), text)
        assert source.asked == [["rome", "was", "fine", "."], ["paris", "was", "poor", "."], ["good"],
                                ["the", "river", "was", "."]]  # fmt: skip
        assert shown(rows[0]) == ["[CLS] ARG0 V O O ARG0 V O O O [SEP] O ARG0 V O [SEP]"]

    def test_a_source_that_leaves_sentences_out_is_named(self, tokenizer: Tokenizer) -> None:
        class Silent(Verbs):
            def __call__(self, sentences: Sequence[Sequence[str]]) -> list[tuple[Predicate, ...]]:
                return []

        with pytest.raises(KplmError, match="Silent gave 0 answers for 1 sentences"):
            encoded(tokenizer, released(source=Silent([])), Example("rome was"))

    def test_without_a_source_a_text_must_bring_its_roles(self, tokenizer: Tokenizer) -> None:
        with pytest.raises(DataError, match=r"a.tsv:3 brings no semantic roles, and no source finds them. Give kplm"):
            encoded(tokenizer, released(), Example("rome was", where="a.tsv:3"))

    def test_tags_and_words_of_different_length_are_named(self) -> None:
        found = Structures(((0, 4), (5, 8)), (Predicate(1, ("O", "B-V", "O")),))
        with pytest.raises(DataError, match="b.tsv:7: the predicate at word 1 has 3 role tags for 2 words"):
            Example("rome was", roles=(found,), where="b.tsv:7")

    def test_choices_that_make_no_sense(self) -> None:
        with pytest.raises(KplmError, match="aspects=0; read one structure"):
            Roles(aspects=0)
        with pytest.raises(KplmError, match="no inventory of role tags called 'all'"):
            Roles(inventory="all")  # type: ignore[arg-type]

    def test_a_list_of_tags_is_an_inventory(self, tokenizer: Tokenizer) -> None:
        own = ["[PAD]", "[CLS]", "[SEP]", "O", "B-V"]
        roles = Roles(aspects=1, inventory=own)
        [row] = encoded(tokenizer, roles, example(sentence("rome was", "ARG1 V")))
        assert row["role_tags"].tolist() == [[1, 3, 4, 2]]
        assert roles.sizes == {"aspects": 1, "tag_rows": 5}


class TestKnowledge:
    TEXTS = (
        example(sentence("rome was", "ARG1 V")),
        example(sentence("the rome was fine .", "_ ARG1 V ARG2 _", "_ _ _ V ARG3"), sentence("was", "V", part=1)),
        example(sentence("paris")),
    )

    def test_off_drops_all_and_keeps_the_words(self, tokenizer: Tokenizer) -> None:
        roles = released(2)
        on = encoded(tokenizer, roles, *self.TEXTS)
        roles.switch("off")
        off = encoded(tokenizer, roles, *self.TEXTS)
        for one, other in zip(on, off):
            assert np.array_equal(one["word_of"], other["word_of"])
            assert one["role_tags"].shape == other["role_tags"].shape
            assert set(other["role_tags"].ravel().tolist()) <= {1, 2, 21}

    def test_shuffled_gives_the_roles_of_a_sentence_that_is_about_as_long(self, tokenizer: Tokenizer) -> None:
        roles = released(1)
        roles.switch("shuffled")
        texts = [
            sentence("rome was fine .", "ARG1 V ARG2 _"),
            sentence("paris", "V"),
            sentence("paris was", "ARG0 V"),
            sentence("the river was fine .", "_ _ _ V ARG3"),
        ]
        rows = encoded(tokenizer, roles, *map(example, texts))
        assert [shown(row)[0] for row in rows] == [
            "[CLS] ARG0 V O O [SEP]",
            "[CLS] O [SEP]",  # of the longest, whose predicate is not among the first words
            "[CLS] V O [SEP]",
            "[CLS] ARG1 V ARG2 O O [SEP]",
        ]

    def test_shuffled_alone_has_nobody_to_take_from(self, tokenizer: Tokenizer) -> None:
        roles = released(1)
        roles.switch("shuffled")
        [row] = encoded(tokenizer, roles, self.TEXTS[0])
        assert shown(row) == ["[CLS] O O [SEP]"]

    def test_the_summary_counts_what_is_there_and_what_is_not_read(
        self, tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            encoded(tokenizer, Roles(aspects=1, inventory="sembert22"), *self.TEXTS)
        assert (
            "roles (on): 4 predicates in 3 of 4 sentences, of which 1 have more than the 1 that are read" in caplog.text
        )
        assert "not in the inventory" not in caplog.text
        assert "; 12.5% of their tags are not in the inventory" in released(2).summary(self.TEXTS)


def test_padding_and_owners_of_several_sentences(tokenizer: Tokenizer) -> None:
    roles = released(1)
    rows = encoded(tokenizer, roles, example(sentence("rome was", "ARG1 V")), example(sentence("xyz", "V")))
    batch = Collator()(rows)
    assert batch["word_of"].tolist() == [[1, 2, 3, 4, 0], [1, 2, 2, 2, 3]]
    assert batch["role_tags"].tolist() == [[[1, 7, 3, 2]], [[1, 3, 2, 0]]]
    tokens = tokenizer.join(*tokenizer.cut(["rome was the", "the river"]))
    found = [Structures(((0, 4),), ()), Structures(((5, 8),), ()), Structures(((4, 9),), (), 1)]
    assert owners(found, tokens).tolist() == [-1, 0, 1, -1, -1, -1, 2, -1]


def test_a_saved_model_predicts_on_raw_text_with_its_source(tokenizer: Tokenizer, tmp_path: Any) -> None:
    text = TextEncoder(tokenizer, [Roles(Verbs(["was"]), 2, "sembert22")])
    model = Finetune(tiny_sembert(), Classify(), ["a", "b"])
    model.text = {"task": "class", **text.describe()}
    found, described = load_finetuned(save_pretrained(model, tmp_path / "model"))
    again = TextEncoder.from_description(described)
    [annotator] = again.annotators
    assert isinstance(annotator, Roles)
    assert isinstance(annotator.source, Verbs)
    assert annotator.init_args["inventory"] == "sembert22"
    predictor = Predictor(found, again, "class")
    one, two = predictor.predict(["rome was fine", {"text": "paris was", "pair": "the river was poor"}])
    assert one["label"] in "ab"
    assert annotator.source.asked == [["rome", "was", "fine"], ["paris", "was"], ["the", "river", "was", "poor"]]
    alone = predictor.predict([{"text": "paris was", "pair": "the river was poor"}])
    assert torch.tensor(alone[0]["score"]).isclose(torch.tensor(two["score"]), atol=1e-5)
