"""Sentences grown with triples: what grows, where it stands, what is withheld, and what bad graphs do."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kg import KgError
from kg.facts import Selection
from kplm.data.annotate import Entities, Tree
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example, Link, Mark
from kplm.data.targets import TagTargets
from kplm.errors import KplmError
from kplm.nn.visibility import Tree as Visible
from kplm.nn.visibility import by_fields
from kplm.text import Tokenizer
from tests.conftest import VOCABULARY, tiny_encoder

SPO = "rome\tin\tparis\nrome\twas\tgood\nparis\tof\triver\nriver\tfine\tpoor\n"
TEXT = "the rome was in paris"


@pytest.fixture
def graph(tmp_path: Path) -> str:
    path = tmp_path / "graph.spo"
    path.write_text(SPO)
    return str(path)


def encode(tokenizer: Tokenizer, tree: Tree, *examples: Example, **options: Any) -> list[dict[str, Any]]:
    return TextEncoder(tokenizer, [tree], **options)(examples)


def shown(row: dict[str, Any]) -> str:
    """The row as one would write it: branches in brackets."""
    out, before = "", 0
    for token, branch in zip(row["input_ids"], row["branch"]):
        if branch != before:
            out += (")" if before else "") + ("(" if branch else "")
        elif out:
            out += " "
        out += VOCABULARY[token]
        before = branch
    return out + (")" if before else "")


def test_triples_stand_behind_their_mention_in_the_order_of_the_file(tokenizer: Tokenizer, graph: str) -> None:
    [row] = encode(tokenizer, Tree(graph), Example(TEXT))
    assert shown(row) == "[CLS] the rome(in paris)(was good)was in paris(of river)[SEP]"
    assert row["position_ids"].tolist() == [0, 1, 2, 3, 4, 3, 4, 3, 4, 5, 6, 7, 6]
    assert row["anchor"].tolist() == [0, 0, 1, 1, 1, 1, 1, 0, 0, 2, 2, 2, 0]


@pytest.mark.parametrize("match", ["words", "longest", "forward"])
def test_only_names_that_have_something_to_tell_are_looked_for(tokenizer: Tokenizer, graph: str, match: Any) -> None:
    tree = Tree(graph, match, Selection(relations=["of"]))
    assert [link.entity for link in tree.annotate([Example(TEXT)])[0].links or ()] == ["paris"]


@pytest.mark.parametrize("match", ["words", "longest", "forward"])
def test_all_ways_to_match_find_plain_names(tokenizer: Tokenizer, graph: str, match: Any) -> None:
    [row] = encode(tokenizer, Tree(graph, match), Example("rome"))
    assert shown(row) == "[CLS] rome(in paris)(was good)[SEP]"


def test_caps_for_a_mention_and_for_a_text_and_other_words(tokenizer: Tokenizer, graph: str) -> None:
    one = Tree(graph, select=Selection(most=1, words="{tail}"))
    assert shown(encode(tokenizer, one, Example(TEXT))[0]) == "[CLS] the rome(paris)was in paris(river)[SEP]"
    two = Tree(graph, most=2)
    assert shown(encode(tokenizer, two, Example(TEXT))[0]) == "[CLS] the rome(in paris)(was good)was in paris [SEP]"
    assert not encode(tokenizer, Tree(graph, most=0), Example(TEXT))[0]["branch"].any()


def test_pairs_grow_on_both_sides_in_their_own_segment(tokenizer: Tokenizer, graph: str) -> None:
    [row] = encode(tokenizer, Tree(graph), Example("paris", pair="the river"))
    assert shown(row) == "[CLS] paris(of river)[SEP] the river(fine poor)[SEP]"
    assert row["segment_ids"].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_whole_branches_go_before_words_of_the_trunk(tokenizer: Tokenizer, graph: str) -> None:
    rows = [encode(tokenizer, Tree(graph), Example(TEXT), max_length=length)[0] for length in (13, 12, 10, 8, 7, 6)]
    assert [shown(row) for row in rows] == [
        "[CLS] the rome(in paris)(was good)was in paris(of river)[SEP]",
        "[CLS] the rome(in paris)(was good)was in paris [SEP]",
        "[CLS] the rome(in paris)was in paris [SEP]",
        "[CLS] the rome was in paris [SEP]",
        "[CLS] the rome was in paris [SEP]",
        "[CLS] the rome was in [SEP]",
    ]


def test_the_plain_cut_of_the_authors_may_end_in_a_branch_and_lose_the_end(tokenizer: Tokenizer, graph: str) -> None:
    [row] = encode(tokenizer, Tree(graph), Example(TEXT), max_length=6, truncation="plain")
    assert shown(row) == "[CLS] the rome(in paris)(was)"
    [pair] = encode(tokenizer, Tree(graph), Example("paris", pair="river"), max_length=6, truncation="plain")
    assert shown(pair) == "[CLS] paris(of river)[SEP] river"


def test_special_tokens_can_be_left_out_as_the_authors_do(tokenizer: Tokenizer, graph: str) -> None:
    kept = [
        shown(encode(tokenizer, Tree(graph), Example("paris"), specials=specials)[0])
        for specials in ("both", "cls", "none")
    ]
    assert kept == ["[CLS] paris(of river)[SEP]", "[CLS] paris(of river)", "paris(of river)"]
    [empty] = encode(tokenizer, Tree(graph), Example(""), specials="none")
    assert shown(empty) == "[CLS]"


def test_marks_words_and_entity_slots_stay_on_the_trunk(tokenizer: Tokenizer, graph: str, tiny_table: Path) -> None:
    tree, entities = Tree(graph), Entities(str(tiny_table))
    links = (Link(0, 4, "rome"), Link(12, 17, "Q1"))
    words = ((0, 4), (5, 8), (9, 11), (12, 17))
    example = Example("rome was in paris", marks=(Mark(12, 17, "tail"),), links=links, words=words, tags=tuple("abab"))
    encoder = TextEncoder(tokenizer, [tree, entities], {"tail": "$"}, targets=TagTargets(["a", "b"]))
    [row] = encoder([example])
    assert shown(row) == "[CLS] rome(in paris)(was good)was in $ paris $ [SEP]"
    assert row["mark_positions"].tolist() == [8]
    assert row["word_positions"].tolist() == [1, 6, 7, 9]
    assert row["entity_positions"] == [0, 9]


def test_given_links_count_unless_matching_again_is_asked_for(tokenizer: Tokenizer, graph: str) -> None:
    example = Example(TEXT, links=(Link(0, 3, "river"), Link(4, 8, "nobody"), Link(9, 12, "rome", 0.2)))
    assert (
        shown(encode(tokenizer, Tree(graph, threshold=0.3), example)[0])
        == "[CLS] the(fine poor)rome was in paris [SEP]"
    )
    again = encode(tokenizer, Tree(graph, relink=True), example)[0]
    assert shown(again) == "[CLS] the rome(in paris)(was good)was in paris(of river)[SEP]"


def test_of_overlapping_links_the_first_and_longest_grows(tokenizer: Tokenizer, graph: str) -> None:
    links = (Link(4, 8, "paris"), Link(4, 12, "river"), Link(9, 12, "rome"), Link(13, 13, "rome"))
    [row] = encode(tokenizer, Tree(graph), Example(TEXT, links=links))
    assert shown(row) == "[CLS] the rome was(fine poor)in paris [SEP]"
    assert row["anchor"].tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0]


def test_off_grows_nothing_and_the_fields_stay(tokenizer: Tokenizer, graph: str) -> None:
    tree = Tree(graph)
    encoder = TextEncoder(tokenizer, [tree])
    encoder.switch("off")
    [row] = encoder([Example(TEXT)])
    assert shown(row) == "[CLS] the rome was in paris [SEP]"
    assert not row["branch"].any()
    assert by_fields(Collator()([row])).dense().all()


def test_shuffled_grows_what_belongs_to_another_name(tokenizer: Tokenizer, graph: str) -> None:
    tree = Tree(graph)
    encoder = TextEncoder(tokenizer, [tree])
    plain = shown(encoder([Example("rome")])[0])
    encoder.switch("shuffled")
    assert shown(encoder([Example("rome")])[0]) != plain
    told = {shown(encoder([Example(name)])[0]).partition("(")[2] for name in ("rome", "paris", "river")}
    assert told == {"in paris)(was good)[SEP]", "of river)[SEP]", "fine poor)[SEP]"}
    encoder.switch("on")
    assert shown(encoder([Example("rome")])[0]) == plain


def test_the_two_ablations_of_the_paper(tokenizer: Tokenizer, graph: str) -> None:
    encoder = TextEncoder(tokenizer, [Tree(graph)])
    encoder.switch("no_soft_positions")
    [hard] = encoder([Example("the rome")])
    assert hard["position_ids"].tolist() == list(range(8))
    assert hard["branch"].any()
    encoder.switch("no_visible_matrix")
    [open_] = encoder([Example("the rome")])
    assert open_["position_ids"].tolist() == [0, 1, 2, 3, 4, 3, 4, 3]
    assert by_fields(Collator()([open_])).dense().all()


def test_an_ablation_no_source_knows_is_refused_and_others_stay_on(
    tokenizer: Tokenizer, graph: str, tiny_table: Path
) -> None:
    entities = Entities(str(tiny_table))
    with pytest.raises(
        KplmError, match="'no_visible_matrix' is not possible here; these sources know off, on, shuffled"
    ):
        TextEncoder(tokenizer, [entities]).switch("no_visible_matrix")
    TextEncoder(tokenizer, [Tree(graph), entities]).switch("no_visible_matrix")
    assert entities.knowledge == "on"


def test_another_graph_grows_without_anything_else_changing(tokenizer: Tokenizer, graph: str, tmp_path: Path) -> None:
    other = tmp_path / "other.tsv"
    other.write_text("rome\tof\triver\nwas\tin\tparis\n")
    encoder = TextEncoder(tokenizer, [Tree(graph, "longest")])
    encoder([Example(TEXT)])
    encoder.swap_graph(str(other))
    assert shown(encoder([Example(TEXT)])[0]) == "[CLS] the rome(of river)was(in paris)in paris [SEP]"
    again = TextEncoder.from_description(encoder.describe())
    assert shown(again([Example(TEXT)])[0]) == shown(encoder([Example(TEXT)])[0])
    with pytest.raises(KplmError, match="no knowledge source that could read the graph"):
        TextEncoder(tokenizer).swap_graph(str(other))


def test_what_a_checkpoint_keeps_rebuilds_the_same_rows(tokenizer: Tokenizer, graph: str) -> None:
    tree = Tree(graph, "forward", Selection(most=1, words="{tail}"), most=3)
    encoder = TextEncoder(tokenizer, [tree], max_length=9, specials="cls", truncation="plain")
    again = TextEncoder.from_description(encoder.describe())
    [one], [two] = encoder([Example(TEXT)]), again([Example(TEXT)])
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert pickle.loads(pickle.dumps(tree)).select == tree.select


def test_a_branch_changes_its_mention_and_reaches_other_words_only_through_it(tokenizer: Tokenizer, graph: str) -> None:
    """One layer: only the mention reads its branch. Two layers: what it read travels on (section 3.3)."""
    rows = encode(tokenizer, Tree(graph), Example(TEXT))
    batch = Collator()([{name: value for name, value in rows[0].items() if name != "row"}])
    changed = {**batch, "input_ids": torch.where(batch["branch"] == 1, VOCABULARY.index("fine"), batch["input_ids"])}
    trunk = batch["branch"][0] == 0
    for layers, reached in ((1, [2]), (2, list(range(7)))):
        encoder = tiny_encoder(layers=layers).eval()
        moved = (encoder(batch) - encoder(changed)).abs().sum(-1)[0][trunk]
        assert (moved > 1e-6).nonzero().flatten().tolist() == reached


def test_a_step_on_trees_is_the_same_alone_and_padded(tokenizer: Tokenizer, graph: str) -> None:
    rows = encode(tokenizer, Tree(graph), Example(TEXT), Example("rome"), Example("good"))
    encoder, collate = tiny_encoder().eval().double(), Collator()
    together = encoder(collate(rows))
    for i, row in enumerate(rows):
        alone = encoder(collate([row]))[0]
        torch.testing.assert_close(together[i, : len(alone)], alone, rtol=0, atol=1e-12)
    assert isinstance(by_fields(collate(rows)), Visible)


def test_names_that_never_match_are_told_with_examples(
    tokenizer: Tokenizer, graph: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        rows = encode(tokenizer, Tree(graph), Example("good"), Example("bad"))
    assert not any(row["branch"].any() for row in rows)
    assert "Nothing will grow: are the names, such as 'rome', 'paris', 'good', in the language" in caplog.text


def test_a_name_of_one_character_and_mixed_scripts(tmp_path: Path, tokenizer: Tokenizer) -> None:
    path = tmp_path / "graph.spo"
    path.write_text("a\tin\trome\n京\tof\tparis\n", encoding="utf-8")
    [row] = encode(tokenizer, Tree(str(path), "longest"), Example("a bad 京a"))
    assert shown(row) == "[CLS] a(in rome)bad [UNK](of paris)a(in rome)[SEP]"


def test_ten_thousand_triples_of_one_name_and_objects_of_five_thousand_characters(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    path = tmp_path / "graph.spo"
    long = "good " * 1_000
    hub = "".join(f"rome\tin\t{i}\n" for i in range(10_000))
    path.write_text(f"{hub}paris\tof\t{long}\nparis\tof\triver\n")
    [row] = encode(tokenizer, Tree(str(path)), Example("rome paris"), max_length=24)
    assert shown(row) == "[CLS] rome(in 0)(in 1)paris(of river)[SEP]"
    [cut] = encode(tokenizer, Tree(str(path)), Example("paris"), max_length=8, truncation="plain")
    assert shown(cut) == "[CLS] paris(of good good good good good)"


def test_an_empty_object_is_a_bad_line_and_words_that_cut_to_nothing_do_not_grow(
    tmp_path: Path, tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "graph.spo"
    path.write_text("rome\tin\t\nrome\tof\tparis\n")
    [row] = encode(tokenizer, Tree(str(path), select=Selection(words="{tail}")), Example("rome"))
    assert shown(row) == "[CLS] rome(paris)[SEP]"
    assert "none empty" in caplog.text
    path.write_text("rome\tof\t\u200b\nrome\tof\tparis\n", encoding="utf-8")
    [row] = encode(tokenizer, Tree(str(path), select=Selection(words="{tail}")), Example("rome"))
    assert shown(row) == "[CLS] rome(paris)[SEP]"


def test_special_tokens_written_in_a_triple_are_text(tmp_path: Path, tokenizer: Tokenizer) -> None:
    path = tmp_path / "graph.spo"
    path.write_text("rome\tof\t[SEP]\n")
    [row] = encode(tokenizer, Tree(str(path)), Example("rome [MASK]"))
    assert VOCABULARY.index("[MASK]") in row["input_ids"]
    assert list(row["input_ids"]).count(VOCABULARY.index("[SEP]")) == 1


def test_a_graph_that_is_not_there_or_empty_is_told_when_it_is_read(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(KgError, match="no file or folder"):
        encode(tokenizer, Tree(str(tmp_path / "none.spo")), Example(TEXT))
    (tmp_path / "empty.spo").write_text("")
    with pytest.raises(KgError, match="graph is empty"):
        encode(tokenizer, Tree(str(tmp_path / "empty.spo")), Example(TEXT))


def test_linear_memory_of_a_row(tmp_path: Path, tokenizer: Tokenizer) -> None:
    path = tmp_path / "graph.spo"
    path.write_text("a\tin\tb\n")
    sizes = []
    for count in (50, 500):
        [row] = encode(tokenizer, Tree(str(path), "longest"), Example("a " * count), max_length=10_000)
        assert len(row["input_ids"]) == 2 + 3 * count
        sizes.append(sum(np.asarray(value).nbytes for value in row.values()))
    assert sizes[1] < 10.1 * sizes[0]
