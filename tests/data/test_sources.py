"""Every reader: what it makes of a good file, and what it says about a bad one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kplm.data.example import Example, Link, Mark
from kplm.data.sources import (
    Conll,
    EntityTyping,
    ErnieFewRel,
    ErnieRelation,
    ErnieTyping,
    FewRel,
    JsonLines,
    PlainText,
    Source,
    TaggedTsv,
    Tsv,
    Ufet,
    example_from_json,
    example_to_json,
)
from kplm.errors import DataError

ROME = {
    "tokens": ["Rome", "is", "in", "central", "Italy", "."],
    "h": ["rome", "Q220", [[0], [2]]],
    "t": ["central italy", "Q38", [[3, 4]]],
    "relation": "P17",
}
TACRED = {
    "text": "Ada lives in Rome .",
    "ents": [["subj", 1, 3], ["obj", 13, 17]],
    "ann": [["Q7259", 0, 3, 0.9], ["Q220", 13, 17, 0.4]],
    "label": "city_of_residence",
}


def write(folder: Path, text: str | bytes, name: str = "train.txt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write_lines(folder: Path, *rows: Any, name: str = "train.jsonl") -> Path:
    return write(folder, "".join(json.dumps(row) + "\n" for row in rows), name)


def write_list(folder: Path, *rows: Any) -> Path:
    return write(folder, json.dumps(rows, indent=1), "train.json")


def only(source: Source, path: Path) -> Example:
    (example,) = source.read(path)
    return example


def message(source: Source, path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(source.read(path))
    return str(caught.value)


def marked(example: Example) -> dict[str, str]:
    return {mark.role: example.text[mark.start : mark.end] for mark in example.marks}


def linked(example: Example) -> dict[str, str]:
    return {link.entity: example.text[link.start : link.end] for link in example.links or ()}


class TestFiles:
    def test_missing_file_names_near_ones(self, tmp_path: Path) -> None:
        write(tmp_path, "", "train.jsonl")
        text = message(JsonLines(), tmp_path / "trian.jsonl")
        assert "trian.jsonl does not exist. Did you mean 'train.jsonl'? Files in" in text

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert f"Neither does its folder {tmp_path / 'no'}" in message(PlainText(), tmp_path / "no" / "train.txt")

    def test_folder_instead_of_file(self, tmp_path: Path) -> None:
        write(tmp_path, "", "dev.txt")
        assert "is a folder, not a file. Give one of its files: dev.txt." in message(PlainText(), tmp_path)

    def test_bytes_that_are_not_utf8(self, tmp_path: Path) -> None:
        path = write(tmp_path, b"fine\ncaf\xe9\n")
        assert message(PlainText(), path) == "train.txt:2: byte 4 (0xe9) is not UTF-8. Save the file as UTF-8."

    def test_byte_order_mark_and_windows_line_ends(self, tmp_path: Path) -> None:
        path = write(tmp_path, b"\xef\xbb\xbfone\r\ntwo\r\n")
        assert [example.text for example in PlainText().read(str(path))] == ["one", "two"]

    def test_reading_twice_gives_the_same(self, tmp_path: Path) -> None:
        source, path = FewRel(), write_lines(tmp_path, ROME)
        assert list(source.read(path)) == list(source.read(path))


class TestPlainText:
    def test_empty_lines_keep_the_order(self, tmp_path: Path) -> None:
        examples = list(PlainText().read(write(tmp_path, "one\n\nthree\u2028still three\n")))
        assert [example.text for example in examples] == ["one", "", "three\u2028still three"]
        assert [example.id for example in examples] == ["1", "2", "3"]
        assert examples[2].where == "train.txt:3"


class TestJsonLines:
    def test_every_field(self, tmp_path: Path) -> None:
        row = {
            "id": 7,
            "text": "Rome fell",
            "pair": "It rose",
            "marks": [[0, 4, "head"]],
            "links": [[0, 4, "Q220"], [0, 2, "Q1", 0.5, 1]],
            "label": 1,
            "labels": ["a", "b"],
            "words": [[0, 4], [5, 9]],
            "tags": ["B-LOC", "O"],
        }
        assert only(JsonLines(), write_lines(tmp_path, row)) == Example(
            text="Rome fell",
            pair="It rose",
            marks=(Mark(0, 4, "head"),),
            links=(Link(0, 4, "Q220"), Link(0, 2, "Q1", 0.5, 1)),
            label="1",
            labels=("a", "b"),
            words=((0, 4), (5, 9)),
            tags=("B-LOC", "O"),
            id="7",
        )

    def test_short_forms_of_marks(self) -> None:
        example = example_from_json({"text": "Rome fell", "tail": [5, 9], "head": [0, 4], "mention": None}, "input 0")
        assert marked(example) == {"head": "Rome", "tail": "fell"}

    def test_tokens(self) -> None:
        example = example_from_json({"tokens": ["Rome", "fell"], "tags": ["B-LOC", "O"]}, "input 0")
        assert (example.text, example.words, example.tags) == ("Rome fell", ((0, 4), (5, 9)), ("B-LOC", "O"))

    def test_not_linked_differs_from_nothing_found(self) -> None:
        assert example_from_json({"text": ""}, "").links is None
        assert example_from_json({"text": "", "links": None}, "").links is None
        assert example_from_json({"text": "", "links": []}, "").links == ()

    def test_id_and_place_count_blank_lines(self, tmp_path: Path) -> None:
        example = only(JsonLines(), write(tmp_path, '\n{"text": "Rome"}\n', "in.jsonl"))
        assert (example.id, example.where) == ("2", "in.jsonl:2")

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (
                '{"text": "a"',
                'train.jsonl:2: not JSON (Expecting \',\' delimiter at column 13): {"text": "a" Write one',
            ),
            ("[1]", "train.jsonl:2: expected an object, got the list [1]. Write one JSON object a line."),
            ('{"text": NaN}', "train.jsonl:2: not JSON (NaN is no JSON number)"),
            ('{"text": "\\ud83d"}', "train.jsonl:2: a \\u escape names half of a surrogate pair"),
            (
                "{}",
                "train.jsonl:2: field 'text' is missing; this row has: no field at all. A row needs text, or tokens",
            ),
            ('{"text": 5}', "train.jsonl:2: field 'text' must be a string, got the number 5."),
            (
                '{"text": "a", "lable": "x"}',
                "field 'lable' is not known. Did you mean 'label'? Known fields: text, tokens,",
            ),
            ('{"text": "a", "label": true}', "field 'label' must be a string, got the truth value true."),
            ('{"text": "a", "labels": "x"}', "field 'labels' must be a list, got the string \"x\"."),
            ('{"text": "a", "labels": [1]}', "field 'labels' must be a list of strings, got the list [1]."),
            ('{"text": "a", "head": [0]}', "field 'head' must be made of [start, end], got the list [0]."),
            ('{"text": "a", "head": 3}', "field 'head' must be made of [start, end], got the number 3."),
            ('{"text": "a", "head": [0, 9]}', "train.jsonl:2: marks has the span 0..9, but the text has 1 characters."),
            ('{"text": "a", "words": [[0, 9]]}', "words has the span 0..9, but the text has 1 characters."),
            ('{"text": "a", "tags": ["O"]}', "train.jsonl:2: 1 tags for 0 words"),
            ('{"text": "a", "tokens": ["a"]}', "fields 'tokens' and 'text' exclude each other; drop one."),
            (
                '{"text": "a", "links": [[0, 1, 5]]}',
                "made of [start, end, entity, score?, part?], got the list [0, 1, 5].",
            ),
            (
                '{"text": "a", "links": [[0, 1, "Q1", 1, 2]]}',
                "a link has part the number 2; 0 is the text, 1 is the pair.",
            ),
            ('{"text": "a", "links": [[0, 1, "Q1", 1, 1]]}', "links has the span 0..1, but the pair has 0 characters."),
        ],
    )
    def test_bad_rows(self, tmp_path: Path, line: str, expected: str) -> None:
        assert expected in message(JsonLines(), write(tmp_path, '{"text": "fine"}\n' + line + "\n", "train.jsonl"))


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Any example that JSON can hold."""
    text, pair = draw(st.text()), draw(st.none() | st.text())

    def spans(length: int) -> st.SearchStrategy[tuple[int, int]]:
        return st.tuples(st.integers(0, length), st.integers(0, length)).map(lambda pair: (min(pair), max(pair)))

    def link(part: int) -> st.SearchStrategy[Link]:
        span, score = spans(len((text, pair or "")[part])), st.floats(allow_nan=False, allow_infinity=False)
        return st.builds(lambda s, entity, score: Link(s[0], s[1], entity, score, part), span, st.text(), score)

    words = draw(st.lists(spans(len(text)), max_size=4).map(tuple))
    return Example(
        text=text,
        pair=pair,
        marks=draw(
            st.lists(st.builds(lambda s, role: Mark(s[0], s[1], role), spans(len(text)), st.text()), max_size=3).map(
                tuple
            )
        ),
        links=draw(st.none() | st.lists(link(0) | link(1), max_size=3).map(tuple)),
        label=draw(st.none() | st.text()),
        labels=draw(st.none() | st.lists(st.text(), max_size=3).map(tuple)),
        words=words,
        tags=draw(st.none() | st.tuples(*[st.text() for _ in words])),
        id=draw(st.text()),
    )


@given(examples())
def test_json_round_trip(example: Example) -> None:
    text = json.dumps(example_to_json(example))
    assert example_from_json(json.loads(text), "input 0") == example


@given(st.lists(examples(), max_size=3))
def test_file_round_trip(tmp_path_factory: pytest.TempPathFactory, some: list[Example]) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text(
        "".join(json.dumps(example_to_json(one), ensure_ascii=False) + "\n" for one in some), "utf-8", newline=""
    )
    read = [example_to_json(one) for one in JsonLines().read(path)]
    assert read == [{"id": str(number), **example_to_json(one)} for number, one in enumerate(some, start=1)]


class TestFewRel:
    def test_first_spans_are_marked_and_linked(self, tmp_path: Path) -> None:
        example = only(FewRel(), write_lines(tmp_path, {"id": "wiki-1", **ROME}))
        assert example.text == "Rome is in central Italy ."
        assert marked(example) == {"head": "Rome", "tail": "central Italy"}
        assert linked(example) == {"Q220": "Rome", "Q38": "central Italy"}
        assert (example.label, example.id, example.where) == ("P17", "wiki-1", "train.jsonl:1")

    def test_gold_links_can_be_left_out(self, tmp_path: Path) -> None:
        assert only(FewRel(gold_links=False), write_lines(tmp_path, ROME)).links is None

    def test_rows_without_entities_stay_unlinked(self, tmp_path: Path) -> None:
        row = {**ROME, "h": ["rome", None, [[0]]], "t": ["italy", None, [[4]]]}
        assert only(FewRel(), write_lines(tmp_path, row)).links is None

    def test_one_entity_is_enough_to_be_linked(self, tmp_path: Path) -> None:
        row = {**ROME, "h": ["rome", None, [[0]]]}
        assert linked(only(FewRel(), write_lines(tmp_path, row))) == {"Q38": "central Italy"}

    def test_official_file(self, tmp_path: Path) -> None:
        row = {name: value for name, value in ROME.items() if name != "relation"}
        path = write(tmp_path, json.dumps({"P17": [row, row], "P31": [row]}), "val_wiki.json")
        read = list(FewRel().read(path))
        assert [example.label for example in read] == ["P17", "P17", "P31"]
        assert [example.id for example in read] == ["P17-0", "P17-1", "P31-0"]
        assert read[1].where == "val_wiki.json:P17 row 1"
        assert marked(read[2]) == {"head": "Rome", "tail": "central Italy"}

    def test_json_lines_named_json(self, tmp_path: Path) -> None:
        text = message(FewRel(), write_lines(tmp_path, ROME, ROME, name="train.json"))
        assert "train.json:2: not JSON (Extra data at column 1)" in text
        assert "JSON Lines belong in a .jsonl file." in text

    def test_list_named_json(self, tmp_path: Path) -> None:
        assert "must be one object {relation: [rows]}, got the list [" in message(FewRel(), write_list(tmp_path, ROME))

    def test_missing_field(self, tmp_path: Path) -> None:
        row = {name: value for name, value in ROME.items() if name != "tokens"}
        text = message(FewRel(), write_lines(tmp_path, ROME, row))
        assert text.startswith(
            "train.jsonl:2: field 'tokens' is missing; this row has: h, t, relation. FewRel rows need tokens,"
        )

    @pytest.mark.parametrize(
        ("head", "expected"),
        [
            (["rome", "Q220", [[6]]], "field 'h' names the tokens the list [6], but the row has 6 tokens."),
            (["rome", "Q220", [["0"]]], "field 'h' must be made of [name, entity or null, [[token number, ...], ...]]"),
            (["rome", "Q220", []], "got null."),
            (["rome", 220, [[0]]], 'got the list ["rome", 220, [[0]]].'),
            ("rome", "field 'h' must be a list, got the string \"rome\"."),
        ],
    )
    def test_bad_heads(self, tmp_path: Path, head: Any, expected: str) -> None:
        assert expected in message(FewRel(), write_lines(tmp_path, {**ROME, "h": head}))


class TestTyping:
    ROW = {"id": "a", "tokens": ["In", "New", "York", "."], "start": 1, "end": 3, "qid": "Q60", "labels": ["/place"]}
    UFET = {
        "left_context_token": ["He", "met"],
        "mention_span": "the old king",
        "right_context_token": ["."],
        "y_str": ["ruler"],
        "labels": [],
    }

    def test_mention_and_link(self, tmp_path: Path) -> None:
        example = only(EntityTyping(), write_lines(tmp_path, self.ROW))
        assert marked(example) == {"mention": "New York"}
        assert linked(example) == {"Q60": "New York"}
        assert (example.labels, example.label, example.id) == (("/place",), None, "a")

    def test_rows_that_stay_unlinked(self, tmp_path: Path) -> None:
        assert only(EntityTyping(gold_links=False), write_lines(tmp_path, self.ROW)).links is None
        assert only(EntityTyping(), write_lines(tmp_path, {**self.ROW, "qid": None})).links is None

    @pytest.mark.parametrize(("start", "end"), [(1, 5), (2, 2), (-1, 2)])
    def test_mention_outside(self, tmp_path: Path, start: int, end: int) -> None:
        text = message(EntityTyping(), write_lines(tmp_path, {**self.ROW, "start": start, "end": end}))
        assert f"train.jsonl:1: the mention is the tokens {start} up to {end}, but the row has 4 tokens." in text

    def test_ufet(self, tmp_path: Path) -> None:
        example = only(Ufet(), write_lines(tmp_path, self.UFET))
        assert example.text == "He met the old king ."
        assert marked(example) == {"mention": "the old king"}
        assert (example.labels, example.links, example.id) == ((), None, "1")

    def test_ufet_official_labels(self, tmp_path: Path) -> None:
        example = only(Ufet(labels="y_str"), write_lines(tmp_path, {**self.UFET, "annot_id": "x/1:2"}))
        assert (example.labels, example.id) == (("ruler",), "x/1:2")

    def test_ufet_mention_first(self, tmp_path: Path) -> None:
        example = only(Ufet(), write_lines(tmp_path, {**self.UFET, "left_context_token": []}))
        assert marked(example) == {"mention": "the old king"}

    def test_ufet_missing_labels(self, tmp_path: Path) -> None:
        text = message(Ufet(labels="types"), write_lines(tmp_path, self.UFET))
        assert "field 'types' is missing" in text
        assert "UFET rows need left_context_token, mention_span, right_context_token and types." in text


class TestErnie:
    TYPED = {
        "sent": "Ada wrote to Rome .",
        "start": 0,
        "end": 3,
        "labels": ["person"],
        "ents": [["Q7259", 0, 3, 0.31], ["Q220", 13, 17, 0.3]],
    }
    FEWREL = {"text": "Ada lives in Rome .", "ents": [["Q7259", 1, 3, 0.7], ["Q220", 13, 17]], "label": "P19"}

    def test_typing_keeps_scores_strictly_above_the_threshold(self, tmp_path: Path) -> None:
        path = write_list(tmp_path, self.TYPED)
        example = only(ErnieTyping(), path)
        assert example.links == (Link(0, 3, "Q7259", 0.31),)
        assert marked(example) == {"mention": "Ada"}
        assert (example.labels, example.id, example.where) == (("person",), "0", "train.json:row 0")
        assert only(ErnieTyping(threshold=0.9), path).links == ()

    def test_relation_resets_a_start_of_one(self, tmp_path: Path) -> None:
        example = only(ErnieRelation(), write_list(tmp_path, TACRED))
        assert marked(example) == {"head": "Ada", "tail": "Rome"}
        assert example.links == (Link(0, 3, "Q7259", 0.9),)
        assert example.label == "city_of_residence"

    def test_relation_threshold(self, tmp_path: Path) -> None:
        assert linked(only(ErnieRelation(threshold=0.3), write_list(tmp_path, TACRED))) == {
            "Q7259": "Ada",
            "Q220": "Rome",
        }

    def test_links_are_not_reset(self, tmp_path: Path) -> None:
        row = {**TACRED, "ann": [["Q1", 1, 3, 0.9]]}
        assert only(ErnieRelation(), write_list(tmp_path, row)).links == (Link(1, 3, "Q1", 0.9),)

    def test_fewrel_links_both_whatever_the_score(self, tmp_path: Path) -> None:
        example = only(ErnieFewRel(), write_list(tmp_path, self.FEWREL))
        assert example.links == (Link(0, 3, "Q7259", 0.7), Link(13, 17, "Q220", 1.0))
        assert marked(example) == {"head": "Ada", "tail": "Rome"}

    def test_rows_are_left_as_they_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = copy.deepcopy([TACRED])
        monkeypatch.setattr("kplm.data.sources.ernie.json_list", lambda path: (("row", row) for row in rows))
        list(ErnieRelation().read(""))
        assert rows == [TACRED]

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (
                {"ents": [["subj", 0, 3]]},
                "train.json:row 1: field 'ents' must hold the head and the tail, got 1 entries.",
            ),
            (
                {"ents": [["subj", 0], ["obj", 1, 2]]},
                "field 'ents' must be made of [entity, start, end, ...], got the list",
            ),
            ({"ann": [["Q1", 0, 3]]}, "field 'ann' must be made of [entity, start, end, score], got the list"),
            (
                {"ann": [["Q1", 0, 99, 0.9]]},
                "train.json:row 1: links has the span 0..99, but the text has 19 characters.",
            ),
            ({"label": None}, "field 'label' must be a string, got null. ERNIE relation rows need text, ents"),
        ],
    )
    def test_bad_rows(self, tmp_path: Path, change: dict[str, Any], expected: str) -> None:
        assert expected in message(ErnieRelation(), write_list(tmp_path, TACRED, {**TACRED, **change}))

    def test_fewrel_score_that_is_no_number(self, tmp_path: Path) -> None:
        row = {**self.FEWREL, "ents": [["Q1", 0, 3, "high"], ["Q2", 13, 17]]}
        assert "made of [entity, start, end, score?]" in message(ErnieFewRel(), write_list(tmp_path, row))

    def test_object_instead_of_list(self, tmp_path: Path) -> None:
        path = write(tmp_path, "{}", "train.json")
        assert message(ErnieTyping(), path) == "train.json: expected one JSON list of objects, got the object {}."

    def test_element_that_is_no_object(self, tmp_path: Path) -> None:
        text = message(ErnieTyping(), write_list(tmp_path, 3))
        assert (
            text
            == "train.json:row 0: expected an object, got the number 3. Every element of the list must be an object."
        )


class TestConll:
    def test_sentences(self, tmp_path: Path) -> None:
        read = list(Conll().read(write(tmp_path, "Rome\tB-LOC\nfell\tO\n\n\nAda\tB-PER\n")))
        assert [(example.text, example.tags) for example in read] == [
            ("Rome fell", ("B-LOC", "O")),
            ("Ada", ("B-PER",)),
        ]
        assert read[0].words == ((0, 4), (5, 9))
        assert (read[1].id, read[1].where) == ("5", "train.txt:5")

    def test_columns_by_spaces_and_document_starts(self, tmp_path: Path) -> None:
        text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n# # B-NP O\nrejects  VBZ B-VP O\n"
        example = only(Conll(), write(tmp_path, text))
        assert (example.text, example.tags) == ("EU # rejects", ("B-ORG", "O", "O"))

    def test_comments_and_words_that_look_like_them(self, tmp_path: Path) -> None:
        text = "# sent_id = 1\n#\tO\n# text\tO\n\n# only a comment\n\n# text = Rome\nRome\tB-LOC\n#tag\tO\n"
        read = list(Conll().read(write(tmp_path, text)))
        assert [example.text for example in read] == ["# # text", "Rome #tag"]
        assert [example.id for example in read] == ["2", "8"]

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("fell", "train.txt:2: expected a word and its tag, got 'fell'. Write them as word, tab, tag."),
            ("\tO", "train.txt:2: expected a word and its tag, got '\\tO'."),
            ("fell\tVBD\tO", "train.txt:2: expected 2 columns separated by tabs as in the lines before, got 3 columns"),
            ("fell O", "got 2 columns separated by spaces: 'fell O'."),
        ],
    )
    def test_bad_lines(self, tmp_path: Path, line: str, expected: str) -> None:
        assert expected in message(Conll(), write(tmp_path, f"Rome\tB-LOC\n{line}\n"))


class TestTsv:
    def test_single_texts(self, tmp_path: Path) -> None:
        read = list(Tsv().read(write(tmp_path, 'sentence\tlabel\n"good\t1\n\nbad "film"\t0\n')))
        assert [(one.text, one.label, one.id) for one in read] == [('"good', "1", "2"), ('bad "film"', "0", "4")]
        assert read[0].where == "train.txt:2"

    def test_pairs_in_any_column_order(self, tmp_path: Path) -> None:
        path = write(tmp_path, "label,b,index,a\nyes,two,0,one\n")
        example = only(Tsv(text="a", pair="b", delimiter=","), path)
        assert (example.text, example.pair, example.label) == ("one", "two", "yes")

    def test_without_labels(self, tmp_path: Path) -> None:
        read = list(Tsv(label=None).read(write(tmp_path, "sentence\none\n\n")))
        assert [(one.text, one.label) for one in read] == [("one", None), ("", None)]

    def test_absent_column(self, tmp_path: Path) -> None:
        text = message(Tsv(), write(tmp_path, "index\tsentence1\tlabel\n"))
        assert "train.txt:1: column 'sentence' is absent; the header has: index, sentence1, label." in text
        assert "Did you mean 'sentence1'?" in text

    def test_empty_file(self, tmp_path: Path) -> None:
        assert "train.txt:1: column 'sentence' is absent" in message(Tsv(), write(tmp_path, ""))

    def test_wrong_number_of_columns(self, tmp_path: Path) -> None:
        text = message(Tsv(), write(tmp_path, "sentence\tlabel\ngood\t1\nbad\n"))
        assert text.startswith("train.txt:3: 1 columns, but the header has 2 (sentence, label). A value cannot hold")

    def test_the_classification_files_of_kbert(self, tmp_path: Path) -> None:
        table = "label\ttext_a\ttext_b\n1\t房间 很大,不错\t还可以\n"
        pair = only(Tsv(text="text_a", pair="text_b"), write(tmp_path, table))
        assert (pair.text, pair.pair, pair.label) == ("房间 很大,不错", "还可以", "1")
        single = only(Tsv(text="text_a"), write(tmp_path, "label\ttext_a\n0\t太小~~\n"))
        assert (single.text, single.pair, single.label) == ("太小~~", None, "0")


class TestTaggedTsv:
    def test_characters_become_a_text_without_blanks(self, tmp_path: Path) -> None:
        example = only(TaggedTsv(), write(tmp_path, "text_a\tlabel\n头 痛 \u3000 3\tB-S I-S O O\n"))
        assert (example.text, example.tags) == ("头痛\u30003", ("B-S", "I-S", "O", "O"))
        assert example.words == ((0, 1), (1, 2), (2, 3), (3, 4))
        assert (example.label, example.id, example.where) == (None, "2", "train.txt:2")

    def test_words_stay_apart_where_the_script_wants_it(self, tmp_path: Path) -> None:
        example = only(TaggedTsv(between=" "), write(tmp_path, "label\ttext_a\nB-LOC O\tRome  fell \n"))
        assert (example.text, example.words, example.tags) == ("Rome fell", ((0, 4), (5, 9)), ("B-LOC", "O"))

    def test_other_columns_and_files_without_tags(self, tmp_path: Path) -> None:
        example = only(TaggedTsv(text="chars", label=None), write(tmp_path, "qid\tchars\n7\t头 痛\n"))
        assert (example.text, example.tags, len(example.words)) == ("头痛", None, 2)

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            (
                "头 痛\tO",
                "train.txt:2: 1 tags in column 'label' for 2 words in column 'text_a'; the word '痛' is the first",
            ),
            (
                "痛\tO B-S",
                "train.txt:2: 2 tags in column 'label' for 1 words in column 'text_a'; the tag 'B-S' is the first",
            ),
            ("痛\t", "Give one tag a word, both joined by single blanks."),
            ("头 痛", "train.txt:2: 1 columns, but the header has 2 (text_a, label)."),
        ],
    )
    def test_a_tag_row_that_does_not_fit_its_sentence(self, tmp_path: Path, row: str, expected: str) -> None:
        assert expected in message(TaggedTsv(), write(tmp_path, f"text_a\tlabel\n{row}\n"))

    def test_absent_column(self, tmp_path: Path) -> None:
        text = message(TaggedTsv(), write(tmp_path, "text\tlabel\n痛\tO\n"))
        assert "train.txt:1: column 'text_a' is absent; the header has: text, label. Did you mean 'text'?" in text
        assert "Give TaggedTsv names that the header has" in text
