"""What the rows promise: BERT's pairs, packed texts, entities on the first sub-token."""

from __future__ import annotations

import random
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kg.sentences import Sentences
from kplm.data.corpus.cut import Cut, Cutter
from kplm.data.corpus.document import Document, Mention
from kplm.data.corpus.mentions import usable
from kplm.data.corpus.packed import _pack
from kplm.data.corpus.pairs import Pairs
from kplm.data.corpus.plan import PlannedRow, Stretch
from kplm.text import Tokenizer
from tests.conftest import write_rows
from tests.data.corpus.made_up import corpus, linked_file, linked_rows

CLS, SEP = 2, 3
SENTENCES = Sentences()


def texts(row: dict[str, Any]) -> list[list[int]]:
    """The texts of a row, special tokens included."""
    ends = list(accumulate(row["lengths"]))
    return [row["input_ids"][end - size : end] for end, size in zip(ends, row["lengths"])]


def test_a_pair_is_cls_text_sep_text_sep_and_never_too_long(tmp_path: Path, tiny_bert: Path) -> None:
    made = corpus(linked_file(tmp_path), tmp_path / "out", tiny_bert, block_bytes=2000)
    assert len(made.rows) > 60
    for row in made.rows:
        first, second = texts(row)
        assert sum(row["lengths"]) == len(row["input_ids"]) <= 48
        assert (first[0], first[-1], second[-1]) == (CLS, SEP, SEP)
        assert not {CLS, SEP} & {*first[1:-1], *second[:-1]}
        assert row["next_sentence"] in (0, 1)


def letters(number: int) -> str:
    """A document of sentences that are all made of one letter."""
    return " ".join(f"{' '.join(2 * 'abcdefgh'[number] for _ in range(1 + at % 4))}." for at in range(20))


def test_a_random_next_comes_from_another_document_and_a_real_one_from_the_same(
    tmp_path: Path, tiny_bert: Path, tokenizer: Tokenizer
) -> None:
    source = write_rows(tmp_path / "a.jsonl", [{"text": letters(n), "links": [], "id": f"d{n}"} for n in range(8)])
    made = corpus(source, tmp_path / "out", tiny_bert)
    dot = tokenizer.rust.token_to_id(".")
    labels = []
    for row in made.rows:
        first, second = ({token for token in text if token > SEP} for text in texts(row))
        assert bool(first & second - {dot}) == (row["next_sentence"] == 0)
        labels.append(row["next_sentence"])
    assert 0.4 < np.mean(labels) < 0.7


def place(part: list[int], whole: list[int]) -> int:
    """Where ``part`` lies in ``whole``."""
    return next(at for at in range(len(whole)) if whole[at : at + len(part)] == part)


def test_a_real_next_goes_on_where_the_first_text_ends(tmp_path: Path, tiny_bert: Path, tokenizer: Tokenizer) -> None:
    rows = linked_rows(1, seed=7)
    long = {
        "id": "long",
        "text": " ".join(f"the river {2 * chr(97 + n)} lives {2 * chr(97 + n)}." for n in range(26)),
        "links": [],
    }
    made = corpus(write_rows(tmp_path / "a.jsonl", [long, *rows]), tmp_path / "out", tiny_bert, max_length=24)
    whole = tokenizer.cut([long["text"]])[0].ids.tolist()
    real = [row for row in made.rows if row["next_sentence"] == 0 and row["source"] == "long"]
    assert real
    for row in real:
        first, second = texts(row)
        assert place(first[1:-1], whole) + len(first) - 2 <= place(second[:-1], whole)


def test_the_only_document_of_a_block_gives_real_pairs_and_single_texts(tmp_path: Path, tiny_bert: Path) -> None:
    one = write_rows(tmp_path / "one.jsonl", [{"text": "the river lives in rome.", "links": []}])
    row = corpus(one, tmp_path / "a", tiny_bert).rows[0]
    assert (row["next_sentence"], len(row["lengths"])) == (-100, 1)
    many = write_rows(tmp_path / "many.jsonl", [{"text": letters(0), "links": []}])
    assert {row["next_sentence"] for row in corpus(many, tmp_path / "b", tiny_bert).rows} <= {0, -100}


def test_documents_of_one_sentence_have_a_forced_random_next(tmp_path: Path, tiny_bert: Path) -> None:
    rows = [{"text": f"the river {name}.", "links": []} for name in "abcd"]
    made = corpus(write_rows(tmp_path / "a.jsonl", rows), tmp_path / "out", tiny_bert)
    assert [row["next_sentence"] for row in made.rows] == [1, 1, 1, 1]


def test_packed_rows_hold_every_token_once_each_text_with_its_own_special_tokens(
    tmp_path: Path, tiny_bert: Path, tokenizer: Tokenizer
) -> None:
    source = linked_file(tmp_path)
    made = corpus(source, tmp_path / "out", tiny_bert, shape="packed", block_bytes=3000)
    inside = []
    for row in made.rows:
        assert sum(row["lengths"]) == len(row["input_ids"]) <= 48
        assert row["next_sentence"] == -100
        for text in texts(row):
            assert (text[0], text[-1]) == (CLS, SEP)
            inside += text[1:-1]
    expected = [token for piece in tokenizer.cut([row["text"] for row in linked_rows(60)]) for token in piece.ids]
    assert sorted(inside) == sorted(expected)
    filled = np.mean([len(row["input_ids"]) for row in made.rows])
    assert filled > 40, "short texts share a row"


def test_an_entity_sits_on_the_first_sub_token_of_its_mention(
    tmp_path: Path, tiny_bert: Path, tokenizer: Tokenizer
) -> None:
    for shape in ("pairs", "packed"):
        made = corpus(linked_file(tmp_path), tmp_path / shape, tiny_bert, shape=shape)
        names = {tokenizer.rust.token_to_id("rome"): "Q1", tokenizer.rust.token_to_id("paris"): "Q2"}
        for row in made.rows:
            expected = [(at, names[token]) for at, token in enumerate(row["input_ids"]) if token in names]
            assert list(zip(row["entity_positions"], row["entities"])) == expected


def test_a_mention_of_many_sub_tokens_has_one_entity_on_the_first(
    tmp_path: Path, tiny_bert: Path, tokenizer: Tokenizer
) -> None:
    text = "the xyz qrs. river good."
    rows = [{"text": text, "links": [[4, 11, "Q9"]]}]
    row = corpus(write_rows(tmp_path / "a.jsonl", rows), tmp_path / "out", tiny_bert, shape="packed").rows[0]
    assert row["entities"] == ["Q9"]
    assert row["entity_positions"] == [2]
    assert row["input_ids"][2] == tokenizer.rust.token_to_id("x")


WORDS_OR_SIGNS = st.lists(
    st.sampled_from(["rome", "xyz", "good,", "a.", "(b)", "  ", "é", "\n", "paris."]), max_size=25
)


@given(WORDS_OR_SIGNS, st.lists(st.tuples(st.integers(0, 90), st.integers(1, 9)), max_size=8))
def test_an_entity_is_where_its_first_character_is(
    tokenizer: Tokenizer, words: list[str], places: list[tuple[int, int]]
) -> None:
    text = " ".join(words)
    given = [Mention(start, min(start + size, len(text)), f"E{start}") for start, size in places if start < len(text)]
    kept = usable(text, given, Counter())
    cut = Cutter(tokenizer, SENTENCES, 1000)([Document(text, kept, "d")], Counter())
    tokens = tokenizer.join(tokenizer.cut([text.replace("\n", " ")])[0])
    found: dict[int, str] = {}
    for mention in kept:
        at = int(tokens.holding(np.array([mention.start]))[0])
        if at < 0:  # before the first token
            at = 1 if len(cut.ids) else -1
        if at > 0 and tokens.offsets[at, 0] < mention.end and tokens.offsets[at, 1] > mention.start:
            found.setdefault(at - 1, mention.entity)
    assert dict(zip(cut.positions.tolist(), cut.entities)) == found


def test_a_sentence_does_not_end_inside_a_mention(tmp_path: Path, tiny_bert: Path) -> None:
    text = "good st. paris river. bad river."
    for links, expected in (([], 3), ([[5, 14, "Q2"]], 2)):
        rows = [{"text": text, "links": links}]
        made = corpus(write_rows(tmp_path / "a.jsonl", rows), tmp_path / "out", tiny_bert, shape="packed")
        assert made.counts["sentences"] == expected


def test_a_sentence_longer_than_a_row_is_cut_and_its_mentions_stay_aligned(
    tmp_path: Path, tiny_bert: Path, tokenizer: Tokenizer
) -> None:
    words = ["rome" if n % 7 == 0 else "good" for n in range(100)]
    text = " ".join(words)
    links = [[5 * n, 5 * n + 4, f"E{n}"] for n in range(100) if n % 7 == 0]
    source = write_rows(tmp_path / "a.jsonl", [{"text": text, "links": links}])
    made = corpus(source, tmp_path / "out", tiny_bert, shape="packed", max_length=12)
    assert made.counts["sentences_cut"] == 1
    assert [row["lengths"] for row in made.rows] == [[12]] * 10
    rome = tokenizer.rust.token_to_id("rome")
    assert all(row["input_ids"][at] == rome for row in made.rows for at in row["entity_positions"])
    assert [entity for row in made.rows for entity in row["entities"]] == [f"E{n}" for n in range(100) if n % 7 == 0]


def test_rows_with_few_entities_are_dropped_and_counted(tmp_path: Path, tiny_bert: Path) -> None:
    source = linked_file(tmp_path)
    every = corpus(source, tmp_path / "a", tiny_bert)
    some = corpus(source, tmp_path / "b", tiny_bert, min_entities=5)
    assert some.rows == [row for row in every.rows if len(row["entities"]) >= 5]
    assert some.counts["rows_dropped"] == len(every.rows) - len(some.rows) > 0


def test_entities_that_the_table_lacks_are_left_out_and_counted(
    tmp_path: Path, tiny_bert: Path, tiny_table: Path
) -> None:
    rows = [{"text": "rome good paris.", "links": [[0, 4, "Q1"], [10, 15, "Q77"]]}]
    made = corpus(write_rows(tmp_path / "a.jsonl", rows), tmp_path / "out", tiny_bert, table=str(tiny_table))
    assert made.rows[0]["entities"] == ["Q1"]
    assert made.counts["mentions_not_in_table"] == 1


def cut_of(sizes: list[list[int]]) -> Cut:
    """Documents of sentences of so many tokens."""
    flat = [size for document in sizes for size in document]
    sentences = np.cumsum([0, *flat])
    documents = np.cumsum([0, *map(len, sizes)])
    return Cut(np.arange(sentences[-1], dtype=np.int32), sentences, documents, np.zeros(0, np.int64), [], [])


def bert_sizes(first: int, second: int, room: int) -> tuple[int, int]:
    """``truncate_seq_pair`` of BERT, one token at a time."""
    while first + second > room:
        if first > second:
            first -= 1
        else:
            second -= 1
    return first, second


@given(st.integers(1, 400), st.integers(1, 400), st.integers(8, 256))
def test_a_pair_is_truncated_as_berts_loop_does(first: int, second: int, max_length: int) -> None:
    pairs = Pairs(cut_of([[1], [1]]), max_length, 0.1, random.Random(first))
    row = pairs._pair(Stretch(10, 10 + first), Stretch(1000, 1000 + second), 0)
    assert tuple(text.size for text in row.texts) == bert_sizes(first, second, max_length - 3)
    assert 10 <= row.texts[0].begin < row.texts[0].end <= 10 + first


class Untruncated(Pairs):
    """Pairs before they are made to fit."""

    def _pair(self, first: Stretch, second: Stretch, label: int) -> PlannedRow:
        return PlannedRow((first, second), label)


@given(st.lists(st.lists(st.integers(1, 29), min_size=1, max_size=9), min_size=2, max_size=6), st.integers(0, 99))
def test_first_texts_and_real_seconds_use_every_sentence_of_a_document_in_order(
    sizes: list[list[int]], seed: int
) -> None:
    cut = cut_of(sizes)
    at = 0
    for row in Untruncated(cut, 64, 0.3, random.Random(seed)).rows():
        first, second = row.texts
        assert first.begin == at, "the sentences of a chunk that a random next replaced are used again"
        at = second.end if row.next_sentence == 0 else first.end
    assert at == cut.sentences[-1]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_packing_loses_nothing_and_overfills_nothing(sizes: list[int]) -> None:
    rows = _pack(sizes, 40)
    assert sorted(number for row in rows for number in row) == list(range(len(sizes)))
    assert all(sum(sizes[number] for number in row) <= 40 for row in rows)
    assert len(rows) <= max(1, 2 * sum(sizes) / 40 + 1)
