"""Every reader of examples answers any file with examples or with an error of ours."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kplm.data import sources
from kplm.data.sources import Source
from kplm.data.sources.squad_scores import read_predictions
from kplm.data.sources.vcr_scores import chances, vcr_accuracy
from kplm.data.sources.vqa import leaderboard
from tests.fuzz.hostile import QUICK, Case, answers, changed_json, changed_lines, contents


def read_by(source: Source, name: str) -> Any:
    return lambda folder: list(source.read(folder / name))


def dumped(*rows: Any) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows) + b"\n"


OWN = {
    "text": "Rome fell.",
    "pair": "When did it?",
    "marks": [[0, 4, "head", 0]],
    "links": [[0, 4, "Q220", 0.5, 0]],
    "label": "yes",
    "labels": ["a"],
    "words": [[0, 4], [5, 9]],
    "tags": ["B-X", None],
    "spans": [[0, 4]],
    "id": "7",
    "image": "a.jpg",
    "boxes": [[1, 2, 3, 4]],
    "features": "a.npz",
    "references": [[0, 4, 0, 0]],
    "answers": {"yes": 0.9},
    "group": "g",
}
TYPING = {"sent": "Rome fell.", "start": 0, "end": 4, "ents": [["Q220", 0, 4, 0.9]], "labels": ["city"]}
RELATION = {
    "text": "Rome fell.",
    "ents": [["Rome", 1, 4, 0.5], ["it", 5, 9, 0.5]],
    "ann": [["Q220", 0, 4, 0.9]],
    "label": "NA",
}
FEWREL = {
    "tokens": ["Rome", "fell"],
    "h": ["Rome", "Q220", [[0]]],
    "t": ["fell", None, [[1]]],
    "relation": "P1",
    "id": 3,
}
SQUAD = {
    "data": [
        {
            "title": "Rome",
            "paragraphs": [
                {
                    "context": "Rome fell.",
                    "qas": [
                        {
                            "id": "1",
                            "question": "Who?",
                            "answers": [{"text": "Rome", "answer_start": 0}],
                            "is_impossible": False,
                        }
                    ],
                }
            ],
        }
    ]
}
SENSES = {
    "words": ["It", "took", "place"],
    "lemmas": ["it", "take", "place"],
    "pos": ["PRON", "VERB", "NOUN"],
    "supersense": [None, None, "noun.act"],
    "mwe": [{"tokens": [1, 2], "lemma": "take_place", "supersense": "verb.change"}],
    "alt": {"2": ["noun.act"]},
    "ne": {"0": "person"},
    "id": "4",
}
VCR = {
    "objects": ["person", "dog"],
    "img_fn": "a.jpg",
    "metadata_fn": "a.json",
    "question": ["Why", "is", [0], "?"],
    "answer_choices": [["because", [1]], ["so"], ["no"], ["yes"]],
    "rationale_choices": [["1"], ["2"], ["3"], ["4"]],
    "answer_label": 0,
    "rationale_label": 1,
    "annot_id": "val-0",
}
ASKED = {"data_subtype": "val2014", "questions": [{"question_id": 1, "image_id": 2, "question": "How many?"}]}
GIVEN = {"annotations": [{"question_id": 1, "multiple_choice_answer": "2", "answers": [{"answer": "two"}]}]}
ROLES = {
    "words": ["Rome", "fell"],
    "predicates": [{"index": 1, "tags": ["B-ARG1", "B-V"], "roleset": "fall.01"}],
    "id": "1",
}
VERBS = {"words": ["Rome", "fell"], "verbs": [{"verb": "fell", "tags": ["B-ARG1", "B-V"]}]}
XML = (
    b'<?xml version="1.0" encoding="UTF-8" ?>\n<corpus lang="en" source="x">\n<text id="d000">\n<sentence id="d000.s000">\n'
    b'<wf lemma="the" pos="DET">The</wf>\n<instance id="d000.s000.t000" lemma="dog" pos="NOUN">dog</instance>\n</sentence>\n</text>\n</corpus>\n'
)
REFS = [{"ref_id": 1, "ann_id": 7, "image_id": 5, "split": "val", "sentences": [{"sent": "left dog", "sent_id": 3}]}]
OBJECTS = {"annotations": [{"id": 7, "image_id": 5, "bbox": [1, 2, 3, 4]}]}
SCENE = {"image": "a.png", "question": "What?", "answer": "red", "box": 0, "id": 1}
SEEN = {"image": "a.png", "boxes": [[1, 2, 3, 4]], "labels": ["red circle"]}
CONLL = b"-DOCSTART- -X- O O\n\nRome NNP B-LOC\nfell VBD O\n\n# comment\nIt PRP O\n"
COLUMNS = (
    b"#begin document (x); part 000\n"
    b"x 0 0 Rome NNP (S* - - - - * (ARG1*) -\nx 0 1 fell VBD *) fall 01 - - * (V*) -\n\n#end document\n"
)
TABLE = b'sentence\tlabel\n{"verbs": [{"verb": "fell", "tags": ["B-ARG1", "B-V"]}], "words": ["Rome", "fell"]}\t1\n'
PREDICTED = {"id": "1", "answer": "Rome", "no_answer": -1.5, "scores": {"Rome": 0.9}}
CHOSEN = [{"id": f"val-0-{n}", "group": "val-0", "scores": {"right": 0.1 * n}} for n in range(4)]

JSON = (
    Case("ErnieTyping", {"a.json": json.dumps([TYPING]).encode()}, read_by(sources.ErnieTyping(), "a.json")),
    Case("ErnieRelation", {"a.json": json.dumps([RELATION]).encode()}, read_by(sources.ErnieRelation(), "a.json")),
    Case("ErnieFewRel", {"a.json": json.dumps([RELATION]).encode()}, read_by(sources.ErnieFewRel(), "a.json")),
    Case("FewRel-official", {"a.json": json.dumps({"P1": [FEWREL]}).encode()}, read_by(sources.FewRel(), "a.json")),
    Case("Squad", {"a.json": json.dumps(SQUAD).encode()}, read_by(sources.Squad(), "a.json")),
    Case(
        "Vqa",
        {"a_questions.json": json.dumps(ASKED).encode(), "a_annotations.json": json.dumps(GIVEN).encode()},
        read_by(sources.Vqa(), "a_questions.json"),
    ),
    Case("Answers", {"a.json": json.dumps({"1": "Rome"}).encode()}, lambda folder: read_predictions(folder / "a.json")),
)
LINES = (
    Case("JsonLines", {"a.jsonl": dumped(OWN, {"tokens": ["Rome"]})}, read_by(sources.JsonLines(), "a.jsonl")),
    Case("FewRel", {"a.jsonl": dumped(FEWREL)}, read_by(sources.FewRel(), "a.jsonl")),
    Case(
        "Captions",
        {"a.jsonl": dumped({"image": "z.zip@/a.jpg", "caption": ["a", "dog"], "frcnn": "a.json"})},
        read_by(sources.Captions(), "a.jsonl"),
    ),
    Case(
        "EntityTyping",
        {"a.jsonl": dumped({"tokens": ["Rome"], "start": 0, "end": 1, "qid": "Q", "labels": ["city"]})},
        read_by(sources.EntityTyping(), "a.jsonl"),
    ),
    Case(
        "Ufet",
        {
            "a.jsonl": dumped(
                {"left_context_token": [], "mention_span": "Rome", "right_context_token": ["fell"], "labels": ["city"]}
            )
        },
        read_by(sources.Ufet(), "a.jsonl"),
    ),
    Case("SupersenseJson", {"a.jsonl": dumped(SENSES)}, read_by(sources.SupersenseJson(), "a.jsonl")),
    Case("Scenes", {"a.jsonl": dumped(SCENE), "boxes.jsonl": dumped(SEEN)}, read_by(sources.Scenes(), "a.jsonl")),
    Case("Srl", {"a.jsonl": dumped(ROLES)}, read_by(sources.Srl(), "a.jsonl")),
    Case("Srl-AllenNLP", {"a.jsonl": dumped(VERBS)}, read_by(sources.Srl(), "a.jsonl")),
    Case("Answered", {"a.jsonl": dumped(PREDICTED)}, lambda folder: read_predictions(folder / "a.jsonl")),
    Case("Chances", {"a.jsonl": dumped(*CHOSEN)}, lambda folder: chances(folder / "a.jsonl")),
    Case(
        "Leaderboard",
        {"a.jsonl": dumped({"id": "7", "answer": "two"})},
        lambda folder: leaderboard(folder / "a.jsonl", folder / "out"),
    ),
)


def vcr(folder: Path) -> object:
    return [list(sources.Vcr(str(folder), ask).read(folder / "a.jsonl")) for ask in ("answer", "rationale")]  # type: ignore[arg-type]


def vcr_scores(folder: Path) -> object:
    return vcr_accuracy(folder / "a.jsonl", folder / "b.jsonl", folder / "b.jsonl")


MIXED = (
    Case("Vcr", {"a.jsonl": dumped(VCR), "a.json": json.dumps({"boxes": [[1, 2, 3, 4, 0.9]] * 2}).encode()}, vcr),
    Case("Vcr-scores", {"a.jsonl": dumped(VCR), "b.jsonl": dumped(*CHOSEN)}, vcr_scores),
)
TEXT = (
    Case("PlainText", {"a.txt": b"Rome fell.\n\nIt did.\n"}, read_by(sources.PlainText(), "a.txt")),
    Case(
        "PlainText-gz",
        {"a.txt.gz": gzip.compress(b"Rome fell.\n" * 9, mtime=0)},
        read_by(sources.PlainText(), "a.txt.gz"),
    ),
    Case("Conll", {"a.conll": CONLL}, read_by(sources.Conll(), "a.conll")),
    Case("Tsv", {"a.tsv": b"sentence\tlabel\nRome fell.\t1\n"}, read_by(sources.Tsv(), "a.tsv")),
    Case("TaggedTsv", {"a.tsv": b"text_a\tlabel\nRome fell\tB O\n"}, read_by(sources.TaggedTsv(), "a.tsv")),
    Case(
        "Wic",
        {"a.data.txt": b"dog\tN\t1-0\tThe dog .\tdog ate\n", "a.gold.txt": b"T\n"},
        read_by(sources.Wic(), "a.data.txt"),
    ),
    Case(
        "Raganato",
        {"a.data.xml": XML, "a.gold.key.txt": b"d000.s000.t000 dog%1:05:00::\n"},
        read_by(sources.Raganato(), "a.data.xml"),
    ),
    Case("Srl-columns", {"a.conll": COLUMNS}, read_by(sources.Srl(), "a.conll")),
    Case("Srl-table", {"a.tsv": TABLE}, read_by(sources.Srl(), "a.tsv")),
)
PICKLED = (
    Case(
        "RefCoco",
        {"refs(unc).p": pickle.dumps(REFS, 2), "instances.json": json.dumps(OBJECTS).encode()},
        read_by(sources.RefCoco(), "val"),
    ),
)
CASES = (*JSON, *LINES, *MIXED, *TEXT, *PICKLED)


def test_every_reader_is_among_the_cases() -> None:
    names = {case.name.partition("-")[0] for case in CASES}
    assert {name for name in sources.__all__ if isinstance(getattr(sources, name), type)} - {
        "Source",
        "EasyVqa",
    } <= names


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_the_cases_begin_with_is_read(case: Case) -> None:
    assert answers(case, {})


@pytest.mark.parametrize("case", CASES, ids=str)
@QUICK
@given(data=st.data())
def test_changed_bytes_give_examples_or_an_error_of_ours(case: Case, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(case.files)))
    answers(case, {name: data.draw(contents(case.files[name]))})


def changed(case: Case) -> Iterator[dict[str, bytes]]:
    for name, content in case.files.items():
        if name.endswith(".json"):
            yield from ({name: one} for one in changed_json(content))
        elif name.endswith(".jsonl"):
            yield from ({name: one} for one in changed_lines(content))


@pytest.mark.parametrize("case", [*JSON, *LINES, *MIXED, *PICKLED], ids=str)
def test_any_value_in_any_place_gives_examples_or_an_error_of_ours(case: Case) -> None:
    for files in changed(case):
        answers(case, files)


def test_references_of_any_shape_give_examples_or_an_error_of_ours() -> None:
    (case,) = PICKLED
    for one in changed_json(json.dumps(REFS).encode()):
        answers(case, {"refs(unc).p": pickle.dumps(json.loads(one), 2)})
