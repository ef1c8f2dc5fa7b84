"""Roles from files: every format gives the same predicates, and what is wrong is named with its file, line and word."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import KgError
from kplm.data.roles import Files, Predicate
from kplm.data.roles.base import spans, written
from kplm.data.roles.packed import packed, unpacked
from kplm.data.roles.reading import role_sentences
from kplm.errors import DataError, KplmError
from kplm.spec import from_spec, to_spec

WORDS = ["She", "did", "n't", "give", "him", "the", "book", "."]
GIVE = ("B-ARG0", "O", "B-ARGM-NEG", "B-V", "B-ARG2", "B-ARG1", "I-ARG1", "O")
DID = ("O", "B-V", *["O"] * 6)
FOUND = (Predicate(1, DID, "do.01"), Predicate(3, GIVE, "give.01"))
BARE = tuple(Predicate(one.index, one.tags) for one in FOUND)

OURS = {
    "words": WORDS,
    "predicates": [{"index": 3, "tags": GIVE, "roleset": "give.01"}, {"index": 1, "tags": DID, "roleset": "do.01"}],
}
ALLENNLP = {
    "verbs": [
        {"verb": "did", "description": "She [V: did] n't give him the book .", "tags": DID},
        {"verb": "give", "description": "...", "tags": GIVE},
    ],
    "words": WORDS,
}
CONLL_2012 = """#begin document (d); part 000
d 0 0 She  PRP (TOP(S* -    -  - spk * *      (ARG0*)     (1)
d 0 1 did  VBD *       do   01 - spk * (V*)   *           -
d 0 2 n't  RB  *       -    -  - spk * *      (ARGM-NEG*) -
d 0 3 give VB  *       give 01 - spk * *      (V*)        -
d 0 4 him  PRP *       -    -  - spk * *      (ARG2*)     -
d 0 5 the  DT  *       -    -  - spk * *      (ARG1*      -
d 0 6 book NN  *       -    -  - spk * *      *)          -
d 0 7 .    .   *))     -    -  - spk * *      *           -

#end document
"""
CONLL_2005 = """She  PRP (S* -  -    *      (A0*A0)
did  VBD *   01 do   (V*V)  *
n't  RB  *   -  -    *      (AM-NEG*)
give VB  *   01 give *      (V*V)
him  PRP *   -  -    *      (A2*A2)
the  DT  *   -  -    *      (A1*
book NN  *   -  -    *      *A1)
.    .   *)  -  -    *      *
"""
SIMPLE = """# a comment
She\tPRP\t-\t*\t(ARG0*)
did\tVBD\tdo.01\t(V*)\t*
n't\tRB\t-\t*\t(ARGM-NEG*)
give\tVB\tgive.01\t*\t(V*)
him\tPRP\t-\t*\t(ARG2*)
the\tDT\t-\t*\t(ARG1*
book\tNN\t-\t*\t*)
.\t.\t-\t*\t*
"""


def written_to(folder: Path, name: str, content: str | list[Any]) -> str:
    path = folder / name
    text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
    path.write_text(text, encoding="utf-8")
    return str(path)


def pair(label: str = "entailment") -> str:
    other = {"verbs": [], "words": ["Yes", "!"]}
    cells = ["7", "She did n't give him the book .", "Yes !", json.dumps(ALLENNLP), json.dumps(other), label]
    return "\t".join(cell for cell in cells if cell) + "\n"


HEADER = "\t".join(
    ["id", "a", "b", json.dumps({"verbs": [], "words": ["a"]}), json.dumps({"verbs": [], "words": ["b"]}), "label"]
)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("ours.jsonl", [OURS], FOUND),
        ("allennlp.json", [ALLENNLP], BARE),
        ("dev.tsv_tag_label", f"{HEADER}\n{pair()}", BARE),
        ("test.tsv_tag", f"id\ta\tb\n{pair(label='')}", BARE),
        ("no_header.tsv_tag", f"{pair()}\n", BARE),
        ("v4_gold_conll", CONLL_2012, FOUND),
        ("props.txt", CONLL_2005, FOUND),
        ("simple.tsv", SIMPLE, FOUND),
    ],
)
def test_every_format_gives_the_same_predicates_in_the_order_of_the_words(
    tmp_path: Path, name: str, content: Any, found: tuple[Predicate, ...]
) -> None:
    source = Files(written_to(tmp_path, name, content))
    assert source([WORDS, tuple(WORDS)]) == [found, found]


def test_both_texts_of_a_pair_are_known_and_one_without_predicates_too(tmp_path: Path) -> None:
    source = Files(written_to(tmp_path, "dev.tsv_tag_label", f"{HEADER}\n{pair()}"))
    assert source([["Yes", "!"], WORDS]) == [(), BARE]


def test_a_sentence_without_predicates_in_columns_and_one_that_holds_a_number_sign(tmp_path: Path) -> None:
    content = "Oh UH -\n! . -\n\n# NN -  (ARG1*)\n9 CD -  *\nwins VBZ win (V*)\n"
    [first, second] = role_sentences(written_to(tmp_path, "some.conll", content))
    assert (first.words, first.predicates) == (("Oh", "!"), ())
    assert second.words == ("#", "9", "wins")
    assert second.predicates == (Predicate(2, ("B-ARG1", "O", "B-V")),)


def test_sixty_predicates_and_labels_that_nobody_knows(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(60)]
    rows = [{"index": i, "tags": ["B-V" if j == i else "B-ARGM-NEW" for j in range(60)]} for i in range(60)]
    [found] = Files(written_to(tmp_path, "a.jsonl", [{"words": words, "predicates": rows}]))([words])
    assert [one.index for one in found] == list(range(60))
    assert found[59].tags[0] == "B-ARGM-NEW"
    assert found[0].spans[1] == ("ARGM-NEW", 1, 2)


def test_the_place_of_a_predicate_is_that_of_its_word_where_no_tag_tells(tmp_path: Path) -> None:
    row = {"words": ["I", "can", "go"], "verbs": [{"verb": "can", "tags": ["O", "O", "O"]}]}
    [[found]] = Files(written_to(tmp_path, "a.jsonl", [row]))([row["words"]])
    assert found == Predicate(1, ("O", "O", "O"))
    bad = written_to(tmp_path, "b.jsonl", [{**row, "verbs": [{"verb": "may", "tags": ["O", "O", "O"]}]}])
    with pytest.raises(DataError, match=r"b.jsonl:1: verbs\[0\]: no tag is B-V, so its word is not known"):
        list(role_sentences(bad))


def predicate(tags: list[str], **more: Any) -> list[Any]:
    return [{"words": ["a", "b", "c"], "predicates": [{"tags": tags, **more}]}]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (predicate(["B-V", "O"]), r"bad:1: predicates\[0\]: 2 tags for 3 words"),
        (predicate(["B-V", "O", "I-ARG1"]), r"bad:1: .*word 2 'c' has 'I-ARG1' behind 'O', .* repair=True"),
        (predicate(["B-V", "B-ARG0", "I-ARG1"]), r"word 2 'c' has 'I-ARG1' behind 'B-ARG0'"),
        (predicate(["B-V", "V", "O"]), r"word 1 'b' has the tag 'V'. Tags are O, B-ROLE and I-ROLE"),
        (predicate(["B-V", "B-", "O"]), r"word 1 'b' has the tag 'B-'"),
        (predicate(["B-V", "O", "O"], index=3), r"its index 3 is none of 3 words"),
        (predicate(["O", "O", "O"]), r"no tag is B-V"),
        ([{"words": ["a"]}], r"bad:1: field 'predicates' is missing; this row has: words"),
        ([{"words": ["a"], "predicates": [1]}], r"bad:1: field 'predicates'.*a list of objects"),
        ('{"verbs"', r"bad:1: not JSON"),
        (f"{pair()}8\tno roles\t0\n", r"bad:2: no cell holds AllenNLP's JSON with its 'verbs'"),
        ('1\t{"verbs":[],"words":["\\ud800"]}\n', r"bad:1: a .u escape names half of a surrogate pair"),
        ('1\t{"verbs": [}\n', r"bad:1: not JSON \(Expecting value at column 12\).*Cells that begin with"),
        (
            SIMPLE.replace("(ARG1*", "(ARG1*)"),
            r"bad:8: column 5 of the word 'book' is '\*\)', which opens or closes no span",
        ),
        (SIMPLE.replace("book\tNN\t-\t*\t*)", "book\tNN\t-\t*\t*"), r"bad:2: column 5 does not close the span 'ARG1'"),
        (SIMPLE.replace("(V*)\t*", "*\t*"), r"bad:2: column 4 has no span 'V'"),
        (
            SIMPLE.replace("him\tPRP\t-\t*", "him\tPRP\t-"),
            r"bad:6: 4 columns, but the last line of this sentence has 5",
        ),
        ("just a text\n", r"bad:1: none of 3 columns names as many predicates"),
        ("word\n", r"bad:1: none of 1 columns"),
        ("some prose\nof two lines\n", r"bad:1: 2 columns, but .* has 3. Columns are those of CoNLL-2012, or: word"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        Files(written_to(tmp_path, "bad", content))([["a"]])


def test_tags_that_continue_nothing_can_be_repaired(tmp_path: Path) -> None:
    path = written_to(tmp_path, "a.jsonl", predicate(["I-ARG0", "B-V", "I-ARG1"]))
    [[found]] = Files(path, repair=True)([["a", "b", "c"]])
    assert found == Predicate(1, ("B-ARG0", "B-V", "B-ARG1"))


def test_a_sentence_that_no_file_has_is_named_or_has_no_roles(tmp_path: Path) -> None:
    path = written_to(tmp_path, "a.jsonl", [OURS])
    with pytest.raises(
        DataError, match=r"none of the 1 sentences in a.jsonl is 'Who \?'. Label it too, or give unknown='none'"
    ):
        Files(path)([WORDS, ["Who", "?"]])
    with pytest.raises(DataError, match=r"book.'. They have its characters, but other words"):
        Files(path)([["She", "didn't", "give", "him", "the", "book."]])
    assert Files(path, unknown="none")([["Who", "?"]]) == [()]
    with pytest.raises(DataError, match=r"is 'Who Who [^']{,160}\[...\]'. Label it too"):
        Files(path)([["Who"] * 500])
    with pytest.raises(KgError, match=r"no file or folder .*nowhere"):
        Files(str(tmp_path / "nowhere"))([WORDS])


def test_folders_and_no_file_at_all_are_refused(tmp_path: Path) -> None:
    for ask in (lambda: Files(str(tmp_path)).edition, lambda: Files(str(tmp_path))([WORDS])):
        with pytest.raises(DataError, match=r"is a folder, not a file of roles. Give its files"):
            ask()
    with pytest.raises(KplmError, match="Files was given no file"):
        Files([])


def test_a_checkpoint_finds_the_files_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_to(tmp_path, "a.jsonl", [OURS])
    monkeypatch.chdir(tmp_path)
    described = to_spec(Files("a.jsonl"))
    monkeypatch.chdir("/")
    assert from_spec(described, Files)([WORDS]) == [FOUND]


def test_a_text_is_cut_into_the_words_of_the_file(tmp_path: Path) -> None:
    pytest.importorskip("spacy")
    row = {"words": ["snow", "white", "won't", " ", "go"], "verbs": []}
    source = Files([written_to(tmp_path, "a.jsonl", [OURS]), written_to(tmp_path, "b.jsonl", [row])])
    text, other = "She didn't  give him the book.", "snowwhite won't\u00a0go"
    first, second, third = source.words([text, other, "I won't go."])
    assert [text[start:end] for start, end in first] == WORDS
    assert [other[start:end] for start, end in second] == ["snow", "white", "won't", "", "go"]
    assert third == [(0, 1), (2, 4), (4, 7), (8, 10), (10, 11)], "by spaCy's English"


def test_of_two_different_readings_the_first_counts_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = Files([written_to(tmp_path, "a.jsonl", [OURS]), written_to(tmp_path, "b.jsonl", [ALLENNLP, OURS])])
    with caplog.at_level(logging.WARNING):
        assert source([WORDS]) == [FOUND]
    assert "Sentences that are there twice with different roles: 1; the first ones count" in caplog.text


def test_a_checkpoint_can_name_it_and_the_content_decides_the_edition(tmp_path: Path) -> None:
    path = written_to(tmp_path, "a.jsonl", [OURS])
    source = from_spec(json.loads(json.dumps(to_spec(Files([path], unknown="none")))), Files)
    assert source([WORDS, ["?"]]) == [FOUND, ()]
    before = source.edition
    written_to(tmp_path, "a.jsonl", [ALLENNLP])
    assert Files([path]).edition != before


@given(st.lists(st.tuples(st.sampled_from(["V", "ARG0", "C-ARG1"]), st.integers(1, 3), st.booleans()), max_size=6))
def test_tags_to_spans_and_packed_and_back(parts: list[tuple[str, int, bool]]) -> None:
    found, at = [], 0
    for label, length, gap in parts:
        at += gap
        found.append((label, at, at + length))
        at += length
    tags = written(at + 1, found)
    assert list(spans(tags)) == found
    predicates = (Predicate(0, tags, "be.01"), Predicate(at, tags))
    assert unpacked(packed(predicates), at + 1) == predicates
    if found:
        with pytest.raises(ValueError, match="words"):
            unpacked(packed(predicates), at - 1)
