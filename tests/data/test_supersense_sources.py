"""Readers of supersenses and of Word-in-Context, and what their examples become in a batch."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example, Mark
from kplm.data.module import TextData
from kplm.data.sources import JsonLines, Raganato, Source, SupersenseJson, Wic, example_from_json, example_to_json
from kplm.data.targets import SenseTargets, TagTargets
from kplm.errors import DataError
from kplm.fields import IGNORE
from kplm.heads import Classify
from kplm.nn.pooling import FirstAndMarked
from kplm.text import Tokenizer
from kplm.training import Finetune
from tests.conftest import tiny_encoder, write_rows
from tests.training import run

SENTENCE: dict[str, Any] = {
    "id": "d1",
    "words": ["They", "took", "place", "and", "picked", "it", "up", "in", "Rome", "fast"],
    "lemmas": ["they", "take", "place", "and", "pick", "it", "up", "in", "rome", "fast"],
    "pos": ["PRON", "VERB", "NOUN", "CCONJ", "VERB", "PRON", "ADP", "ADP", "PROPN", "ADV"],
    "supersense": [None, None, None, None, None, None, None, None, "noun.Tops", "adv.all"],
    "mwe": [
        {"tokens": [1, 2], "lemma": "take_place", "pos": "VERB", "supersense": "verb.change"},
        {"tokens": [4, 6], "lemma": "pick up", "supersense": "verb.contact", "alt": ["verb.contact", "verb.motion"]},
    ],
    "alt": {"9": ["adv.all", "adj.all"]},
    "ne": {"8": "location"},
}
XML = """<?xml version="1.0" encoding="UTF-8" ?>
<corpus lang="en"><text id="d000">
<sentence id="d000.s000">
<wf lemma="the" pos="DET">The</wf>
<instance id="d000.s000.t000" lemma="bell_ringer" pos="NOUN">bell ringer</instance>
<instance id="d000.s000.t001" lemma="ring" pos="VERB">rang</instance>
<wf lemma="." pos=".">&amp;</wf>
</sentence>
</text></corpus>
"""
KEYS = "d000.s000.t000 bell_ringer%1:18:00::\nd000.s000.t001 ring%2:39:00:: ring%2:39:01:: ring%2:32:03::\n"
WIC = "place\tN\t2-0\tDo you place it here ?\tPlaces matter .\nrun\tV\t1-1\tI run\tthey ran\n"


def told(example: Example) -> dict[str, tuple[str, ...]]:
    """The words that carry gold."""
    assert example.tag_sets is not None
    pairs = zip(example.words, example.tag_sets)
    return {example.text[start:end]: right for (start, end), right in pairs if right}


def read(source: Source, path: Path) -> list[Example]:
    return list(source.read(path))


def supersenses(folder: Path, **changes: Any) -> Path:
    return write_rows(folder / "s.jsonl", [{**SENTENCE, **changes}])


def raganato(folder: Path, xml: str = XML, keys: str = KEYS) -> Path:
    (folder / "x.gold.key.txt").write_text(keys)
    (folder / "x.data.xml").write_text(xml)
    return folder / "x.data.xml"


def wic(folder: Path, text: str = WIC, gold: str | None = "T\nF\n") -> Path:
    (folder / "x.data.txt").write_text(text)
    if gold is not None:
        (folder / "x.gold.txt").write_text(gold)
    return folder / "x.data.txt"


class TestSupersenseJson:
    def test_expressions_are_one_word_or_found_at_their_first(self, tmp_path: Path) -> None:
        [example] = read(SupersenseJson(), supersenses(tmp_path))
        words = [example.text[start:end] for start, end in example.words]
        assert words == ["They", "took place", "and", "picked", "it", "up", "in", "Rome", "fast"]
        assert told(example) == {
            "took place": ("verb.change",),
            "picked": ("verb.contact", "verb.motion"),
            "fast": ("adv.all", "adj.all"),
        }
        assert (example.id, example.where) == ("d1", "s.jsonl:1")

    def test_proper_names_carry_gold_only_where_it_is_asked_for(self, tmp_path: Path) -> None:
        named, bare = (read(SupersenseJson(names), supersenses(tmp_path))[0] for names in (True, False))
        assert told(named) == {**told(bare), "Rome": ("noun.Tops",)}
        assert named.words == bare.words

    def test_items_know_lemma_part_of_speech_and_names(self, tmp_path: Path) -> None:
        [sentence] = SupersenseJson().sentences(supersenses(tmp_path))
        items = {item.lemma: (item.pos, item.proper, len(item.tokens)) for item in sentence.items}
        assert items["take_place"] == ("verb", False, 2)
        assert items["pick up"] == ("verb", False, 2), "without a part of speech the gold tells it"
        assert items["rome"] == ("noun", True, 1)
        assert items["they"] == ("", False, 1)

    def test_packed_files_are_read_as_they_are(self, tmp_path: Path) -> None:
        plain = supersenses(tmp_path)
        packed = tmp_path / "s.jsonl.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        assert read(SupersenseJson(), packed) == read(SupersenseJson(), plain)
        packed.write_bytes(packed.read_bytes()[:-9])
        with pytest.raises(DataError, match=r"s.jsonl.gz cannot be unpacked: .* Copy it again"):
            read(SupersenseJson(), packed)
        packed.write_bytes(b"no gzip")
        with pytest.raises(DataError, match="cannot be unpacked"):
            read(SupersenseJson(), packed)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"pos": ["VERB"]}, "s.jsonl:1: field 'pos' has 1 entries for 10 words"),
            ({"supersense": [3] * 10}, "supersense of 'they' must be a string or null.* got .3."),
            ({"alt": {"9": "adv.all"}}, "supersense of 'fast' must be"),
            (
                {"alt": {"10": ["adv.all"]}},
                "field 'alt' tells of the word '10', but the sentence has 10, counted from 0",
            ),
            ({"ne": {"x": "PER"}}, "field 'ne' tells of the word 'x'"),
            (
                {"alt": {"9": ["verb.moton"]}},
                "'verb.moton' of 'fast' is no supersense of WordNet. Did you mean .verb.motion",
            ),
            ({"mwe": [[1, 2]]}, "field 'mwe' must be a list of objects"),
            ({"mwe": [{"tokens": [1, 2]}]}, "s.jsonl:1: mwe: field 'lemma' is missing"),
            ({"mwe": [{"tokens": [9, 10], "lemma": "x"}]}, r"expression 'x' has the words \[9, 10\], but .* has 10"),
            ({"mwe": [{"tokens": [2, 1], "lemma": "x"}]}, "counted from 0, in order"),
            ({"mwe": [{"tokens": [], "lemma": "x"}]}, "expression 'x' has the words"),
            ({"mwe": [{"tokens": [1, 2], "lemma": "x"}, {"tokens": [2, 4], "lemma": "y"}]}, "share a word"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line(self, changes: dict[str, Any], message: str, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=message):
            read(SupersenseJson(), supersenses(tmp_path, **changes))


class TestRaganato:
    def test_keys_become_supersenses_each_once(self, tmp_path: Path) -> None:
        [example] = read(Raganato(), raganato(tmp_path))
        assert example.text == "The bell ringer rang &"
        assert len(example.words) == 4
        assert told(example) == {"bell ringer": ("noun.person",), "rang": ("verb.perception", "verb.communication")}
        assert (example.id, example.where) == ("d000.s000", "x.data.xml:8")

    def test_keys_may_lie_elsewhere(self, tmp_path: Path) -> None:
        path, other = raganato(tmp_path), tmp_path / "elsewhere.txt"
        (tmp_path / "x.gold.key.txt").rename(other)
        assert told(read(Raganato(str(other)), path)[0])
        with pytest.raises(
            DataError, match=r"x.gold.key.txt does not exist.* Did you mean|x.gold.key.txt does not exist"
        ):
            read(Raganato(), path)
        path = path.rename(tmp_path / "x.xml")
        with pytest.raises(DataError, match="x.xml does not end in .data.xml"):
            read(Raganato(), path)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"keys": KEYS + "d9.t1 a%1:03:00::\n"}, "x.gold.key.txt:3: x.data.xml has no instance 'd9.t1'"),
            (
                {"keys": KEYS.splitlines()[0]},
                "x.data.xml:8: the instance 'd000.s000.t001' has no key in x.gold.key.txt",
            ),
            ({"keys": KEYS + KEYS}, "x.gold.key.txt:3: 'd000.s000.t000' has keys in line 1 already"),
            ({"keys": "d000.s000.t000\n"}, "x.gold.key.txt:1: 'd000.s000.t000' has no sense key"),
            ({"keys": "d000.s000.t000 bell.n.01\n"}, "x.gold.key.txt:1: 'd000.s000.t000': 'bell.n.01' is no sense key"),
            ({"xml": XML.replace("</text>", "")}, r"x.data.xml:9: not XML"),
            ({"xml": ""}, "x.data.xml:1: not XML"),
        ],
    )
    def test_what_does_not_belong_together_is_named(
        self, changes: dict[str, str], message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(DataError, match=message):
            read(Raganato(), raganato(tmp_path, **changes))


class TestWic:
    def test_the_word_is_marked_in_both_sentences(self, tmp_path: Path) -> None:
        first, second = read(Wic(), wic(tmp_path))
        assert first.marks == (Mark(7, 12, "target"), Mark(0, 6, "target", part=1))
        assert (first.text, first.pair, first.label) == ("Do you place it here ?", "Places matter .", "T")
        assert (second.label, second.id, second.where) == ("F", "2", "x.data.txt:2")

    def test_without_answers_there_are_no_labels(self, tmp_path: Path) -> None:
        assert [one.label for one in read(Wic(), wic(tmp_path, gold=None))] == [None, None]
        (tmp_path / "g.txt").write_text("F\nF\n")
        assert [one.label for one in read(Wic(str(tmp_path / "g.txt")), tmp_path / "x.data.txt")] == ["F", "F"]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"gold": "T\n"}, "x.data.txt:2: x.data.txt has more lines than x.gold.txt"),
            ({"gold": "T\nF\nT\n"}, "x.gold.txt:3: x.gold.txt has more lines than x.data.txt"),
            ({"gold": "T\nmaybe\n"}, "x.gold.txt:2: the answer must be T or F, got 'maybe'"),
            ({"text": "run\tV\t1-1\tI run\n", "gold": "T\n"}, "x.data.txt:1: got 'run.*Lines are: word"),
            ({"text": "run\tV\t1,1\tI run\tI ran\n", "gold": "T\n"}, "places of the word such as 3-0"),
            ({"text": "run\tV\t1-2\tI run\tI ran\n", "gold": "T\n"}, "word 2 of the second sentence .* it has 2"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line(self, changes: dict[str, str], message: str, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=message):
            read(Wic(), wic(tmp_path, **changes))

    def test_a_head_reads_both_words_beside_the_whole(self, tmp_path: Path, tiny_bert: Path) -> None:
        file = str(
            wic(
                tmp_path,
                "in\tN\t1-0\twas in\tin rome\n" * 3 + "of\tN\t0-1\tof paris\twas of\n" * 3,
                "T\n" * 3 + "F\n" * 3,
            )
        )
        data = TextData(Wic(), str(tiny_bert), train=file, val=file)
        model = Finetune(tiny_encoder(), Classify(FirstAndMarked()), data.label_names)
        trainer = run.trainer(tmp_path, [], max_steps=2, enable_checkpointing=False)
        trainer.fit(model, datamodule=data)
        assert model.head.output.in_features == 3 * model.encoder.config.hidden
        assert trainer.callback_metrics["val/accuracy"] >= 0


def test_marks_of_the_pair_move_with_its_markers_and_point_into_it(tokenizer: Tokenizer) -> None:
    marks = (Mark(4, 8, "head"), Mark(0, 5, "tail", part=1), Mark(6, 9, "plain", part=1))
    example = Example("was rome", "paris was", marks)
    for markers, want in (({}, ["rome", "paris", "was"]), ({"head": "#", "tail": "$"}, ["#", "$", "was"])):
        row = TextEncoder(tokenizer, markers=markers)([example])[0]
        assert [tokenizer.rust.id_to_token(int(row["input_ids"][at])) for at in row["mark_positions"]] == want
        assert row["segment_ids"][row["mark_positions"]].tolist() == [0, 1, 1]


def test_marks_outside_the_pair_are_refused() -> None:
    with pytest.raises(DataError, match=r"marks has the span 0..5, but the pair has 3 characters"):
        Example("paris", "was", (Mark(0, 5, "head", part=1),))


def test_words_know_their_first_and_their_last_token(tokenizer: Tokenizer) -> None:
    encode = TextEncoder(tokenizer, targets=SenseTargets(["a", "b"]), max_length=8)
    words = ((0, 3), (4, 8), (4, 12), (9, 12), (13, 16))
    row = encode([Example("xyz rome abc def", words=words)])[0]  # [CLS] x ##y ##z rome a ##b [SEP]
    assert row["word_positions"].tolist() == [1, 4, 4, 5, -1]
    assert row["word_ends"].tolist() == [3, 4, 6, 6, -1], "the third and fourth word lost their last sub-word"
    assert row["tag_sets"].tolist() == [[IGNORE, IGNORE]] * 5


def test_right_tags_are_marked_and_words_without_gold_left_out(
    tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    encode = TextEncoder(tokenizer, targets=SenseTargets(["a", "b"]))
    words, sets = ((0, 4), (5, 8), (9, 14), (15, 17)), (("b",), (), ("b", "a"), ("strange",))
    rows = encode(
        [
            Example("rome was paris in", words=words, tag_sets=sets, where="val.jsonl:3"),
            Example("rome was", words=words[:2], tags=("a", None)),
            Example("rome", words=words[:1], tag_sets=(("strange",),)),
        ]
    )
    batch = Collator()(rows)
    assert batch["tag_sets"][0].tolist() == [[0, 1], [IGNORE, IGNORE], [1, 1], [0, 0]]
    assert batch["tag_sets"][1].tolist() == [[1, 0], *[[IGNORE, IGNORE]] * 3]
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1, "each strange name is told once"
    assert "val.jsonl:3: supersense 'strange' does not occur in the training data" in warnings[0]


def test_classes_are_all_right_senses_of_the_training_file(tmp_path: Path, tiny_bert: Path) -> None:
    data = TextData(SupersenseJson(), str(tiny_bert), "senses", train=str(supersenses(tmp_path)))
    assert data.label_names == ("adj.all", "adv.all", "verb.change", "verb.contact", "verb.motion")


def test_plain_tags_may_be_missing_too(tokenizer: Tokenizer) -> None:
    example = Example("rome was", words=((0, 4), (5, 8)), tags=("B", None))
    assert TagTargets.of([example]) == ("B",)
    assert TextEncoder(tokenizer, targets=TagTargets(["B"]))([example])[0]["tags"] == [0, IGNORE]


def test_json_lines_hold_missing_tags_sets_of_tags_and_marks_of_the_pair(tmp_path: Path) -> None:
    rows = [
        {"text": "a b", "words": [[0, 1], [2, 3]], "tags": ["x", None]},
        {
            "text": "a b",
            "words": [[0, 1], [2, 3]],
            "tag_sets": [["x", "y"], []],
            "pair": "c",
            "marks": [[0, 1, "m", 1]],
        },
    ]
    first, second = examples = read(JsonLines(), write_rows(tmp_path / "in.jsonl", rows))
    assert first.tags == ("x", None)
    assert second.tag_sets == (("x", "y"), ())
    assert second.marks == (Mark(0, 1, "m", part=1),)
    assert [example_from_json(example_to_json(one), "") for one in examples] == examples


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tags": [1]}, "field 'tags' must be a list of strings, or null"),
        ({"tag_sets": ["x"]}, "field 'tag_sets' must be a list of lists of strings"),
        ({"tag_sets": [["x"], ["y"]]}, "2 tag sets for 1 words; give one tag set a word"),
        ({"marks": [[0, 1, "m", 2]]}, "a mark has part the number 2; 0 is the text, 1 is the pair"),
    ],
)
def test_json_lines_that_hold_them_wrongly_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        example_from_json({"text": "a", "words": [[0, 1]], **fields}, "in.jsonl:1")


def test_a_sentence_is_json_all_the_way(tmp_path: Path) -> None:
    [example] = read(SupersenseJson(), supersenses(tmp_path))
    assert example_from_json(json.loads(json.dumps(example_to_json(example))), "") == example
