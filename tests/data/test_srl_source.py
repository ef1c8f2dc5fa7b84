"""PropBank files to rows of a labeller, and their fields: the marked predicate, pairs of tags, words without sub-words."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from kplm.data.annotate import Indicator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example, Mark, join_words
from kplm.data.module import TextData
from kplm.data.role_targets import RoleTargets
from kplm.data.sources import Srl
from kplm.errors import DataError, LabelError
from kplm.fields import IGNORE
from kplm.text import Tokenizer
from tests.conftest import write_rows

GIVES = {"index": 1, "roleset": "give.01", "tags": ["B-ARG0", "B-V", "B-ARG1", "I-ARG1", "O", "O"]}
SINGS = {"index": 5, "roleset": "sing.01", "tags": ["B-ARG0", "O", "O", "O", "B-ARGM-DIS", "B-V"]}
ROW = {"sent_id": "s1", "words": ["rome", "gives", "the", "river", "and", "sings"], "predicates": [SINGS, GIVES]}
BARE = {"sent_id": "s2", "words": ["paris"], "predicates": []}
COLUMNS = """#begin document (made/up); part 000
made/up 0 0 rome  NNP * -     - - x (GPE) (ARG0*) (ARG0*) -
made/up 0 1 gives VBZ * give 01 1 x *     (V*)    *       -
made/up 0 2 the   DT  * -     - - x *     (ARG1*  *       (1
made/up 0 3 river NN  * river - 2 x *     *)      *       1)
made/up 0 4 and   CC  * -     - - x *     *       (ARGM-DIS*) -
made/up 0 5 sings VBZ * sing 01 1 x *     *       (V*)    -

made/up 0 0 paris NNP * - - - x * -
#end document
"""


def tags_of(example: Example) -> list[str]:
    return [str(tag) for tag in example.tags or ()]


def test_a_sentence_becomes_a_row_for_its_predicates_and_one_for_each_of_them(tmp_path: Path) -> None:
    rows = list(Srl().read(write_rows(tmp_path / "x.jsonl", [ROW, BARE])))
    assert [row.id for row in rows] == ["s1", "s1:1", "s1:5", "s2"]
    assert tags_of(rows[0]) == ["O", "B-V", "O", "O", "O", "B-V"]
    assert [tags_of(row) for row in rows[1:3]] == [GIVES["tags"], SINGS["tags"]]
    assert rows[1].marks == (Mark(5, 10, "predicate"),)
    assert rows[0].marks == rows[3].marks == ()
    assert {row.text for row in rows[:3]} == {"rome gives the river and sings"}
    assert rows[3].where == "x.jsonl:2"


def test_either_kind_of_rows_can_be_had_alone(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "x.jsonl", [ROW, BARE])
    assert [row.id for row in Srl("sentences").read(file)] == ["s1", "s2"]
    assert [row.id for row in Srl("predicates").read(file)] == ["s1:1", "s1:5"]


def test_columns_say_the_same_as_json_lines(tmp_path: Path) -> None:
    (tmp_path / "x.gold_conll").write_text(COLUMNS)
    rows = list(Srl().read(write_rows(tmp_path / "x.jsonl", [ROW, BARE])))
    columns = list(Srl().read(tmp_path / "x.gold_conll"))
    assert [(row.text, row.tags, row.marks) for row in columns] == [(row.text, row.tags, row.marks) for row in rows]


def test_an_inside_tag_that_continues_nothing_is_refused_or_begins_its_span(tmp_path: Path) -> None:
    one = {"index": 1, "tags": ["I-ARG0", "B-V", "B-ARG1", "I-ARG2", "O", "O"]}
    file = write_rows(tmp_path / "x.jsonl", [{**ROW, "predicates": [one]}])
    with pytest.raises(DataError, match="'I-ARG0' behind 'O'"):
        list(Srl().read(file))
    assert tags_of(list(Srl(repair=True).read(file))[1]) == ["B-ARG0", "B-V", "B-ARG1", "B-ARG2", "O", "O"]


def test_rows_that_cannot_be_are_named_with_their_line(tmp_path: Path) -> None:
    short = {**ROW, "predicates": [{**GIVES, "tags": ["O", "B-V"]}]}
    with pytest.raises(DataError, match=r"x.jsonl:2: predicates\[0\]: 2 tags for 6 words"):
        list(Srl().read(write_rows(tmp_path / "x.jsonl", [ROW, short])))


def sentence(words: list[str], predicate: int | None, tags: list[str] | None = None) -> Example:
    text, spans = join_words(words)
    marks = () if predicate is None else (Mark(*spans[predicate], "predicate"),)
    return Example(text, words=spans, marks=marks, tags=None if tags is None else tuple(tags))


def test_the_segment_shows_every_piece_of_the_predicate_and_nothing_else(tokenizer: Tokenizer) -> None:
    encode = TextEncoder(tokenizer, [Indicator()], targets=RoleTargets(["O", "B-V"]))
    marked, bare = encode([sentence(["rome", "flows", "in"], 1), sentence(["rome", "flows", "in"], None)])
    assert marked["segment_ids"].tolist() == [0, 0, 1, 1, 1, 1, 1, 0, 0]
    assert bare["segment_ids"].tolist() == [0] * 9
    assert marked["mark_positions"].tolist() == [2]
    assert bare["mark_positions"].tolist() == []


def test_no_setting_of_knowledge_hides_the_predicate(tokenizer: Tokenizer) -> None:
    encode = TextEncoder(tokenizer, [Indicator()])
    for knowledge in ("off", "shuffled"):
        encode.switch(knowledge)
        assert encode([sentence(["rome", "was"], 1)])[0]["segment_ids"].tolist() == [0, 0, 1, 0]
    again = TextEncoder.from_description(encode.describe())
    assert isinstance(again.annotators[0], Indicator)
    assert again.annotators[0].role == "predicate"


def test_the_second_text_of_a_pair_keeps_its_segment(tokenizer: Tokenizer) -> None:
    pair = Example("rome was", pair="paris was", marks=(Mark(5, 8, "predicate"), Mark(0, 5, "other", 1)))
    assert TextEncoder(tokenizer, [Indicator()])([pair])[0]["segment_ids"].tolist() == [0, 0, 1, 0, 1, 1, 1]


def test_a_word_that_loses_all_its_pieces_is_at_no_token_and_no_other_word_takes_its_tag(tokenizer: Tokenizer) -> None:
    words = ["rome", "\u200b", "was", "\u00ad", ""]
    row = TextEncoder(tokenizer, targets=RoleTargets(["O", "B-V"]))(
        [sentence(words, None, ["O", "O", "B-V", "O", "O"])]
    )[0]
    assert np.asarray(row["word_positions"]).tolist() == [1, -1, 2, -1, -1]
    assert row["tags"] == [0, 0, 1, 0, 0]


def test_both_tags_of_every_role_are_classes_and_rare_roles_are_left_out() -> None:
    rows = [sentence(["a"], 0, ["B-ARG0"]), sentence(["a", "b"], 0, ["B-V", "B-ARG0"]), sentence(["b"], None)]
    assert RoleTargets.of(rows) == ("O", "B-V", "I-V", "B-ARG0", "I-ARG0")
    assert RoleTargets.of(rows, 3) == ("O", "B-V", "I-V")


def test_a_role_that_is_no_class_is_told_once_and_numbered_behind_the_classes(
    tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "kplm")
    encode = TextEncoder(tokenizer, targets=RoleTargets(["O", "B-V"]))
    rows = encode([sentence(["in", "the", "was"], 2, ["B-ARG9", "I-ARG9", "B-V"])] * 2)
    assert rows[0]["tags"] == rows[1]["tags"] == [2, 3, 1]
    assert caplog.text.count("the role 'ARG9' is no class") == 1
    with pytest.raises(LabelError, match="'noun' is no tag of a role"):
        encode([sentence(["in"], None, ["noun"])])


def test_the_data_module_offers_what_the_head_reads(tiny_bert: Path, tmp_path: Path) -> None:
    file = str(write_rows(tmp_path / "x.jsonl", [ROW, BARE]))
    data = TextData(Srl(), str(tiny_bert), "roles", train=file, val=file, annotators=[Indicator()], least_count=2)
    assert data.label_names == ("O", "B-V", "I-V", "B-ARG0", "I-ARG0")
    data.setup("fit")
    [batch] = list(data.train_dataloader())
    assert {"tags", "word_positions", "mark_positions", "segment_ids"} <= data.writes & set(batch)
    assert sorted(batch["mark_positions"].flatten().tolist())[:2] == [-1, -1]
    assert int(batch["tags"][batch["row"] == 3].ne(IGNORE).sum()) == 1
