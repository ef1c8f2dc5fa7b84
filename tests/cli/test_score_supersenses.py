"""Supersense predictions beside WordNet's first sense and the most frequent one, on a miniature WordNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kplm.data.sources.supersense_scores import supersense_accuracy
from kplm.errors import DataError
from kplm.score import supersenses
from tests.conftest import write_rows
from tests.kg import small_wordnet

POS = {"tigers": "NOUN", "walked": "VERB", "goose": "NOUN", "Geese": "PROPN", "fast": "ADV"}
LEMMAS = {"tigers": "tiger", "walked": "walk", "Geese": "geese"}


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_wordnet.write(tmp_path_factory.mktemp("wordnet")))


def sentence(name: str, **senses: str | list[str] | None) -> dict[str, Any]:
    """Words with their gold; a list is one with several right senses."""
    words = list(senses)
    gold = [found[0] if isinstance(found, list) else found for found in senses.values()]
    several = {str(i): found for i, found in enumerate(senses.values()) if isinstance(found, list)}
    lemmas, pos = [LEMMAS.get(word, word) for word in words], [POS.get(word, "X") for word in words]
    return {"id": name, "words": words, "lemmas": lemmas, "pos": pos, "supersense": gold, "alt": several, "mwe": []}


GOLD = [
    sentence("a", the=None, tigers="noun.person", walked=["verb.change", "verb.motion"]),
    sentence("b", goose="noun.food", Geese="noun.animal"),
    {
        **sentence("c", take=None, a=None, breath=None),
        "mwe": [{"tokens": [0, 1, 2], "lemma": "take a breath", "supersense": "verb.body"}],
    },
]
SAID = [
    {"id": "b", "words": ["goose", "Geese"], "scores": [{"noun.food": 1.0}, None]},
    {
        "id": "a",
        "words": ["the", "tigers", "walked"],
        "scores": [{"verb.body": 0.9}, {"noun.food": 0.8, "noun.person": 0.1}, {"verb.motion": 0.6, "verb.body": 0.1}],
    },
    {"id": "c", "words": ["take a breath"], "scores": [{"verb.motion": 0.7, "verb.body": 0.2}]},
]
TRAIN = [
    sentence("t1", tigers="noun.person", goose=["noun.food", "noun.animal"]),
    sentence("t2", tigers="noun.person"),
    sentence("t3", tigers="noun.animal"),
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    rows = {"gold": GOLD, "predictions": SAID, "train": TRAIN}
    return {name: str(write_rows(tmp_path / f"{name}.jsonl", found)) for name, found in rows.items()}


def table(**options: Any) -> dict[str, tuple[int, dict[str, float]]]:
    return {line.part: (line.items, line.right) for line in supersense_accuracy(**options)}


def right(*shares: float) -> dict[str, float]:
    return dict(zip(("model", "model+WordNet", "first sense", "most frequent"), shares))


def test_any_right_sense_is_a_hit_and_null_is_a_miss(files: dict[str, str], wordnet: str) -> None:
    found = table(**files, wordnet=wordnet)
    assert found["all"] == (5, right(2 / 5, 4 / 5, 3 / 5, 5 / 5))
    assert found["nouns"] == (3, right(1 / 3, 2 / 3, 1 / 3, 3 / 3))
    assert found["verbs"] == (2, right(1 / 2, 2 / 2, 2 / 2, 2 / 2))
    assert found["nouns+verbs"][0] == 5


def test_a_word_is_ambiguous_by_what_wordnet_has_for_its_lemma_and_part_of_speech(
    files: dict[str, str], wordnet: str
) -> None:
    assert table(**files, wordnet=wordnet)["ambiguous"] == (3, right(1 / 3, 2 / 3, 1 / 3, 3 / 3))


def test_expressions_and_proper_names_can_be_left_out(files: dict[str, str], wordnet: str) -> None:
    counts = [
        table(**files, wordnet=wordnet, expressions=expressions, proper_nouns=names)["all"][0]
        for expressions, names in ((True, True), (False, True), (True, False), (False, False))
    ]
    assert counts == [5, 4, 4, 3]


def test_baselines_need_no_predictions_and_a_part_may_be_empty(
    files: dict[str, str], wordnet: str, tmp_path: Path
) -> None:
    gold = write_rows(tmp_path / "adverbs.jsonl", [sentence("x", nonesuch="adv.all")])
    found = table(gold=gold, wordnet=wordnet)
    assert found["all"] == (1, {"first sense": 0.0})
    assert found["nouns"] == (0, {"first sense": 0.0})


def test_the_command_prints_percent(files: dict[str, str], wordnet: str, capsys: pytest.CaptureFixture) -> None:
    supersenses(files["predictions"], files["gold"], wordnet=wordnet)
    head, first, *rest = capsys.readouterr().out.splitlines()
    assert head.split() == ["words", "model", "model+WordNet", "first", "sense"]
    assert first.split() == ["all", "5", "40.00", "80.00", "60.00"]
    assert [line.split()[0] for line in rest] == ["ambiguous", "nouns", "verbs", "nouns+verbs"]


def test_gold_may_be_raganatos(wordnet: str, tmp_path: Path) -> None:
    xml = '<corpus><sentence id="s"><instance id="s.t" lemma="tiger" pos="NOUN">tiger</instance></sentence></corpus>'
    (tmp_path / "x.data.xml").write_text(xml)
    (tmp_path / "x.gold.key.txt").write_text("s.t tiger%1:18:00::\n")
    said = write_rows(tmp_path / "said.jsonl", [{"id": "s", "words": ["tiger"], "scores": [{"noun.person": 1.0}]}])
    found = table(gold=tmp_path / "x.data.xml", predictions=said, wordnet=wordnet)
    assert found["all"] == (1, right(1.0, 1.0, 0.0))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (SAID[:2], "gold.jsonl:3: the sentence 'c' has no prediction in .*Predict the whole file"),
        ([*SAID, SAID[0]], "predictions.jsonl:4: the sentence 'b' is answered twice"),
        ([{**SAID[2], "words": ["take"], "scores": []}], "there are 0 scores for 1 words"),
        (
            [SAID[0], SAID[1], {"id": "c", "words": ["take", "a"], "scores": [None, None]}],
            r"predictions.jsonl:3: word 0 of the sentence 'c' is \['take'\], but \['take a breath'\] in gold.jsonl:3",
        ),
        ([{**SAID[2], "scores": ["verb.body"]}], "each word has its supersenses by name, or null, got 'verb.body'"),
        ([{"id": "a", "text": "x"}], "field 'words' is missing"),
    ],
)
def test_predictions_that_do_not_fit_are_named(
    said: list[dict[str, Any]], message: str, files: dict[str, str], wordnet: str, tmp_path: Path
) -> None:
    write_rows(tmp_path / "predictions.jsonl", said)
    with pytest.raises(DataError, match=message):
        supersense_accuracy(**files, wordnet=wordnet)
