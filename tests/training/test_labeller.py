"""The role labeller: it learns what is easy, answers words, files and raw text, and copes with what sentences can be."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
from hypothesis import given
from hypothesis import strategies as st

import kplm
from kplm.cli import main
from kplm.data.annotate import Indicator
from kplm.data.encode import TextEncoder
from kplm.data.module import TextData
from kplm.data.roles.base import Predicate
from kplm.data.sources import Srl
from kplm.errors import DataError, KplmError
from kplm.heads import Tag, TagRoles
from kplm.predict import RolePredictor
from kplm.roles.labeller import Labeller
from kplm.roles.stretches import around, whole
from kplm.roles.tagger import RoleTagger
from kplm.spec import from_spec, to_spec
from kplm.text import Tokenizer
from kplm.training import Finetune, Optimization
from tests.conftest import tiny_encoder, write_rows
from tests.training import run

NAMES = ("O", "B-V", "I-V", "B-ARG0", "I-ARG0", "B-ARG1", "I-ARG1")
VERBS = ("was", "lives")


def made_up(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Sentences whose predicates are two words; the word before one is its ARG0, the two behind it are its ARG1."""
    choose, rows = random.Random(seed), []
    for i in range(count):
        words, predicates = [], []
        for _ in range(choose.choice((0, 1, 1, 2))):
            words += [choose.choice(("rome", "paris")), choose.choice(VERBS), "in", choose.choice(("river", "the"))]
            predicates.append(len(words) - 3)
        words += ["of", choose.choice(("good", "bad"))]
        found = [{"index": at, "tags": tags_around(at, len(words))} for at in predicates]
        rows.append({"id": f"r{i}", "words": words, "predicates": found})
    return rows


def tags_around(at: int, size: int) -> list[str]:
    tags = ["O"] * size
    tags[at - 1 : at + 3] = ["B-ARG0", "B-V", "B-ARG1", "I-ARG1"]
    return tags


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> tuple[Path, Path]:
    """The checkpoint of a run that has learnt these sentences, and the folder made of it."""
    pl.seed_everything(0, verbose=False)
    folder = tmp_path_factory.mktemp("labeller")
    file = str(write_rows(folder / "train.jsonl", made_up(80)))
    options: dict[str, Any] = {"train": file, "batch_rows": 16, "max_length": 64}
    data = TextData(Srl(), str(tiny_bert), "roles", annotators=[Indicator()], **options)
    encoder = tiny_encoder(dropout=0.0, attention_dropout=0.0)
    model = Finetune(encoder, TagRoles(0.0), data.label_names, Optimization(lr=3e-3, fresh_lr=1e-2))
    return run.saved(folder, model, data, 16)


@pytest.fixture(scope="module")
def labeller(trained: tuple[Path, Path]) -> Labeller:
    return Labeller(str(trained[1]))


def untrained(tokenizer: Tokenizer, max_length: int = 64) -> RoleTagger:
    model = Finetune(tiny_encoder(), TagRoles(), NAMES)
    return RoleTagger(model, TextEncoder(tokenizer, [Indicator()], max_length=max_length))


def test_it_learns_what_is_easy_end_to_end(labeller: Labeller) -> None:
    rows = made_up(60, seed=5)
    found = labeller([row["words"] for row in rows])
    wanted = [tuple(Predicate(one["index"], tuple(one["tags"])) for one in row["predicates"]) for row in rows]
    assert sum(one == other for one, other in zip(found, wanted)) >= 57


def test_a_checkpoint_and_the_folder_exported_from_it_label_alike(trained: tuple[Path, Path]) -> None:
    sentences = [row["words"] for row in made_up(20, seed=6)]
    assert Labeller(str(trained[0]))(sentences) == Labeller(str(trained[1]))(sentences)


def test_labels_do_not_depend_on_the_other_sentences_or_on_the_batch(labeller: Labeller) -> None:
    sentences = [row["words"] for row in made_up(20, seed=7)]
    together = labeller(sentences)
    assert [labeller([one])[0] for one in sentences] == together
    assert labeller.tagger(sentences, batch_tokens=40) == together


def test_a_file_is_labelled_alike_by_one_run_and_by_eight_parts(trained: tuple[Path, Path], tmp_path: Path) -> None:
    file = write_rows(tmp_path / "in.jsonl", [{"tokens": row["words"]} for row in made_up(30, seed=8)])
    command = ["roles", str(file), "--by", str(trained[1]), "--processes", "1", "--block", "4"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    for part in [*(f"{turn}/8" for turn in range(1, 9)), "join/8"]:
        assert main([*command, str(tmp_path / "joined"), "--part", part]) == 0
    assert (tmp_path / "joined").read_bytes() == (tmp_path / "whole").read_bytes()


def test_sentences_without_words_or_predicates_have_none_and_sixty_predicates_work(labeller: Labeller) -> None:
    many = ["rome", "was", "in", "the"] * 60
    assert labeller([[], ["of", "good"]]) == [(), ()]
    [found] = labeller.tagger([many], [range(1, 240, 4)])
    assert [one.index for one in found] == list(range(1, 240, 4))
    assert all([i for i, tag in enumerate(one.tags) if tag == "B-V"] == [one.index] for one in found)
    assert all(len(one.tags) == len(many) for one in labeller([many])[0])


def test_words_that_lose_all_their_pieces_are_outside_and_are_no_predicates(labeller: Labeller) -> None:
    words = ["\u200b", "rome", "was", "\u00ad", "in", "the", "", "\n"]
    [[found]] = labeller([words])
    assert found.index == 2
    assert [found.tags[i] for i in (0, 3, 6, 7)] == ["O"] * 4
    assert labeller.tagger([words], [[3]]) == [(Predicate(3, ("O", "O", "O", "B-V", "O", "O", "O", "O")),)]
    assert labeller([["\u200b"] * 3]) == [()]


def test_predicates_that_are_given_are_asked_about_and_no_others(labeller: Labeller) -> None:
    words = ["rome", "was", "in", "the", "paris", "lives", "in", "river"]
    one, other, none = labeller.tagger([words, words, words], [[5], None, []])
    assert [found.index for found in one] == [5]
    assert one[0] in other
    assert len(other) == 2
    assert none == ()


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 24))
def test_long_sentences_are_read_in_stretches_that_fit_and_ask_about_every_word_once(
    sizes: list[int], room: int
) -> None:
    before = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    stretches = list(whole(0, before, room))
    assert [word for one in stretches for word in one.asked] == list(range(len(sizes)))
    for one in stretches:
        assert one.first <= one.asked.start
        assert one.asked.stop <= one.stop <= len(sizes)
        assert all(before[word] - before[one.first] < room for word in one.asked if sizes[word])
    if before[-1] <= room and sizes:
        assert [(one.first, one.stop) for one in stretches] == [(0, len(sizes))]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 24), st.data())
def test_around_a_predicate_is_read_what_fits(sizes: list[int], room: int, data: st.DataObject) -> None:
    before = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    word = data.draw(st.integers(0, len(sizes) - 1))
    one = around(0, before, room, word)
    assert 0 <= one.first <= word < one.stop <= len(sizes)
    assert before[one.stop] - before[one.first] <= max(room, sizes[word])
    if before[-1] <= room:
        assert (one.first, one.stop) == (0, len(sizes))


def test_no_invalid_bio_and_no_missing_tag_however_long_the_sentence(tokenizer: Tokenizer) -> None:
    words = [random.Random(0).choice(["rome", "was", "abcdefgh", "of"]) for _ in range(300)]
    [found] = untrained(tokenizer, max_length=24)([words], [range(0, 300, 7)])
    assert [one.index for one in found] == list(range(0, 300, 7))
    for one in found:
        assert len(one.tags) == 300
        assert [i for i, tag in enumerate(one.tags) if tag == "B-V"] == [one.index]
        pairs = zip(("O", *one.tags), one.tags)
        assert all(tag[:2] != "I-" or before in (tag, f"B-{tag[2:]}") for before, tag in pairs)


def test_what_is_no_sentence_is_named(tokenizer: Tokenizer) -> None:
    tagger = untrained(tokenizer)
    with pytest.raises(DataError, match="sentence 1 has None where a word belongs"):
        tagger([["rome"], ["rome", None]])  # type: ignore[list-item]
    with pytest.raises(DataError, match="sentence 0 has 'rome was' where a list of words belongs"):
        tagger(["rome was"])
    with pytest.raises(DataError, match="sentence 0 has 1 words, so word 1 cannot be its predicate"):
        tagger([["rome"]], [[1]])


def test_a_model_that_does_other_things_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(KplmError, match="head Tag, so it labels no roles"):
        RoleTagger(Finetune(tiny_encoder(), Tag(), ["O", "B-V"]), TextEncoder(tokenizer))


def test_raw_text_is_cut_as_propbank_cuts_it_and_answered_as_allennlp_does(trained: tuple[Path, Path]) -> None:
    predictor = kplm.load(trained[1])
    assert isinstance(predictor, RolePredictor)
    text = "rome  was in the of good."
    given = {"tokens": ["rome", "was", "in", "the", "of", "good", "."]}
    raw, cut, empty = predictor.predict([text, given, ""])
    assert raw["words"] == cut["words"] == given["tokens"]
    assert raw["verbs"] == cut["verbs"]
    assert raw["text"] == text
    assert raw["verbs"][0] == {"verb": "was", "index": 1, "tags": tags_around(1, 7)}
    assert empty["words"] == empty["verbs"] == []
    assert predictor.predict([]) == []


def test_marked_predicates_are_taken_as_given(trained: tuple[Path, Path]) -> None:
    text = "rome was in the paris lives in river"
    [answer] = kplm.load(trained[1]).predict([{"text": text, "marks": [[22, 27, "predicate"]]}])
    assert [one["verb"] for one in answer["verbs"]] == ["lives"]


def test_the_command_labels_text_files_and_the_files_of_the_source(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    rows = made_up(9, seed=8)
    (tmp_path / "in.txt").write_text("".join(" ".join(row["words"]) + "\n" for row in rows))
    gold = str(write_rows(tmp_path / "gold.jsonl", rows))
    assert main(["predict", str(trained[1]), str(tmp_path / "in.txt"), str(tmp_path / "text.jsonl")]) == 0
    reader = ["--reader", "kplm.data.sources.Srl", "--reader.rows", "sentences"]
    assert main(["predict", str(trained[1]), gold, str(tmp_path / "found.jsonl"), *reader]) == 0
    texts, found = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("text.jsonl", "found.jsonl")
    )
    assert [row["words"] for row in texts] == [row["words"] for row in found] == [row["words"] for row in rows]
    assert [row["verbs"] for row in texts] == [row["verbs"] for row in found]
    assert [row["id"] for row in found] == [f"r{i}" for i in range(9)]


def test_a_config_may_name_it_and_its_edition_follows_the_weights(
    trained: tuple[Path, Path], tokenizer: Tokenizer
) -> None:
    labeller = Labeller(str(trained[1]), bf16=True)
    again = from_spec(to_spec(labeller), Labeller)
    assert again.init_args == labeller.init_args
    assert again.edition == labeller.edition != Labeller(str(trained[0])).edition
    assert "tagger" not in vars(labeller), "naming a model does not open it"


def test_a_relative_model_is_found_from_any_folder_and_half_characters_are_refused(
    trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained[1].parent)
    spec = to_spec(Labeller(trained[1].name))
    monkeypatch.chdir("/")
    again = from_spec(spec, Labeller)
    assert len(again([["rome", "was", "in", "the"]])) == 1
    with pytest.raises(DataError, match=r"sentence 1 has '.udc00', which holds half of a surrogate pair"):
        again([["rome"], ["was", "\udc00"]])
    assert Labeller("org/model").model == "org/model"


def test_bfloat16_labels_nearly_alike(trained: tuple[Path, Path], labeller: Labeller) -> None:
    sentences = [row["words"] for row in made_up(30, seed=9)]
    pairs = zip(Labeller(str(trained[1]), bf16=True)(sentences), labeller(sentences))
    assert sum(one == other for one, other in pairs) >= 27
