"""A larger vocabulary: old ids and cuts stay, new words are whole, and their rows begin as the mean of their pieces'."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Rust
from tokenizers import models

from kplm.config import SenseBertConfig
from kplm.convert.weights import read_weights
from kplm.data.encode import TextEncoder
from kplm.errors import CheckpointError, DataError, KplmError
from kplm.hub import bert, from_pretrained, save_pretrained
from kplm.models import Encoder, SenseBert
from kplm.objectives import MaskedWords, Weighted
from kplm.text import Tokenizer
from kplm.vocab.extend import extend
from kplm.vocab.grow import grown_state, grown_tokenizer
from kplm.vocab.words import split_words, words_by_frequency
from tests.conftest import SIZES, VOCABULARY
from tests.kg import small_wordnet

TEXT = "Goose, the goose! A GOOSE was near the sea.\nthe sea-side: abba abba 9xy 9xy 9xy zoo\n"
BEST = ["goose", "abba", "sea", "near", "side", "zoo"]
"""The split words of the text, most frequent first and then by the alphabet."""
FIRST = len(VOCABULARY)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def extended(model: Path | str, out: Path, text: Path, more: int = 2, **how: Any) -> Tokenizer:
    extend(str(model), str(out), [str(text)], size=FIRST + more, **{"least_count": 1, **how})
    return Tokenizer.from_file(out)


def means(tokenizer: Tokenizer, table: torch.Tensor, words: Sequence[str]) -> torch.Tensor:
    return torch.stack([table[cut.ids].mean(0) for cut in tokenizer.cut(words)])


def sensed(tokenizer: Tokenizer) -> SenseBert:
    model = SenseBert(SenseBertConfig(**SIZES, senses=("noun.food", "made.up", "noun.animal")))
    allowed = torch.zeros(FIRST, 3, dtype=torch.bool)
    allowed[tokenizer.rust.token_to_id("river"), 0] = True
    model.know(allowed, torch.tensor([tokenizer.continues(row) for row in range(FIRST)]))
    return model


def test_words_are_counted_as_the_tokenizer_normalises_them(tokenizer: Tokenizer, text: Path) -> None:
    words = words_by_frequency(tokenizer, [text])
    assert words[:6] == ["9xy", "goose", "the", "abba", "sea", "!"]
    assert list(split_words(tokenizer, words)) == BEST


@given(st.lists(st.text("abAB é,9\n", max_size=30), min_size=1, max_size=4))
def test_counts_are_those_of_the_pieces_of_text_whatever_the_files(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    files = [folder / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(files, texts):
        path.write_text(text, encoding="utf-8")
    normal = tokenizer.rust.normalizer.normalize_str
    counts = Counter(word for text in texts for word, _ in tokenizer.rust.pre_tokenizer.pre_tokenize_str(normal(text)))
    expected = sorted((word for word in counts if counts[word] > 1), key=lambda word: (-counts[word], word))
    assert words_by_frequency(tokenizer, files, least_count=2) == expected


def test_words_with_digits_and_signs_are_taken_only_when_asked_for(tokenizer: Tokenizer, text: Path) -> None:
    words = words_by_frequency(tokenizer, [text])
    assert "9xy" in words
    assert "9xy" not in split_words(tokenizer, words)
    assert "9xy" in split_words(tokenizer, words, letters_only=False)


def test_words_that_the_vocabulary_cannot_spell_are_never_taken(tokenizer: Tokenizer) -> None:
    assert list(split_words(tokenizer, ["goose", "δέλτα", "rome", "r"])) == ["goose"]


def test_new_words_are_whole_under_the_ids_that_follow_and_old_ones_keep_theirs(
    tiny_bert: Path, tmp_path: Path, text: Path
) -> None:
    larger = extended(tiny_bert, tmp_path / "out", text, more=3)
    vocabulary = larger.rust.get_vocab()
    assert [vocabulary[word] for word in VOCABULARY] == list(range(FIRST))
    assert [larger.rust.id_to_token(FIRST + i) for i in range(3)] == BEST[:3]
    [cut] = larger.cut(["The GOOSE, abba"])
    assert [larger.rust.id_to_token(row) for row in cut.ids] == ["the", "goose", ",", "abba"]
    assert cut.offsets.tolist()[1] == [4, 9]
    assert not set(range(FIRST, FIRST + 3)) & larger.special_ids, "they are words of the model, not added tokens"


@given(st.text("gosebr dgeés.,3[]#", max_size=40))
def test_what_does_not_begin_with_a_new_word_is_cut_as_before(tokenizer: Tokenizer, text: str) -> None:
    larger = grown_tokenizer(tokenizer, ["goose", "bre"])
    normal = tokenizer.rust.normalizer.normalize_str(text)
    words = [word for word, _ in tokenizer.rust.pre_tokenizer.pre_tokenize_str(normal)]
    [before], [after] = tokenizer.cut([text]), larger.cut([text])
    if not any(word.startswith(("goose", "bre")) for word in words):
        assert np.array_equal(before.ids, after.ids)
        assert np.array_equal(before.offsets, after.offsets)


def test_a_hugging_face_model_grows_by_the_means_of_pieces_and_stays_readable(
    tiny_bert: Path, tokenizer: Tokenizer, tmp_path: Path, text: Path
) -> None:
    extended(tiny_bert, tmp_path / "out", text, more=4)
    old, new = bert(str(tiny_bert)), bert(str(tmp_path / "out"))
    assert new.config.vocab_size == FIRST + 4
    name = "embeddings.terms.input_ids.weight"
    before, after = old.state_dict(), new.state_dict()
    assert torch.equal(after[name][:FIRST], before[name])
    torch.testing.assert_close(after[name][FIRST:], means(tokenizer, before[name], BEST[:4]))
    assert all(torch.equal(after[other], before[other]) for other in before if other != name)
    from transformers import BertModel

    assert BertModel.from_pretrained(tmp_path / "out").config.vocab_size == FIRST + 4


def test_the_score_of_a_new_word_begins_as_the_mean_of_its_pieces_scores(
    tokenizer: Tokenizer, tmp_path: Path, text: Path
) -> None:
    encoder, objective = Encoder(SenseBertConfig(**SIZES, senses=("a",))), Weighted([MaskedWords()])
    objective.build(encoder)
    torch.nn.init.normal_(objective.terms["masked_words"].bias)
    save_pretrained(encoder, tmp_path / "model", TextEncoder(tokenizer).describe(), objective)
    extended(tmp_path / "model", tmp_path / "out", text)
    grown, again = from_pretrained(tmp_path / "out"), Weighted([MaskedWords()])
    again.build(grown)
    assert not again.fresh
    states = torch.randn(5, SIZES["hidden"])
    before = objective.terms["masked_words"].logits(encoder, states)
    after = again.terms["masked_words"].logits(grown, states)
    torch.testing.assert_close(after[:, :FIRST], before)
    torch.testing.assert_close(after[:, FIRST:].T, means(tokenizer, before.T, BEST[:2]))
    assert (
        json.loads((tmp_path / "out" / "config.json").read_text())["text"]["tokenizer"]
        == (tmp_path / "out" / "tokenizer.json").read_text()
    ), "what predictions read and what lies beside it are one"


def test_sensebert_knows_what_the_new_words_may_mean(
    tokenizer: Tokenizer, tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = sensed(tokenizer)
    save_pretrained(model, tmp_path / "model", TextEncoder(tokenizer).describe())
    extended(tmp_path / "model", tmp_path / "out", text, wordnet=str(small_wordnet.write(tmp_path / "wordnet")))
    grown = from_pretrained(tmp_path / "out")
    assert isinstance(grown, SenseBert)
    assert torch.equal(grown.words.allowed[:FIRST], model.words.allowed), "what the model was trained with stays"
    assert grown.words.allowed[FIRST:].tolist() == [[True, False, True], [False] * 3], "goose, abba"
    assert torch.equal(grown.words.continues[:FIRST], model.words.continues)
    assert not grown.words.continues[FIRST:].any()
    assert torch.equal(grown.sense_table, model.sense_table)
    assert "WordNet has no supersense made.up" in caplog.text


def test_of_a_tokenizer_alone_only_the_tokenizer_is_written(tiny_bert: Path, tmp_path: Path, text: Path) -> None:
    larger = extended(tiny_bert / "vocab.txt", tmp_path / "out", text)
    assert len(larger) == FIRST + 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["meta.json", "tokenizer.json"]


def test_unused_rows_behind_the_vocabulary_are_used_first(tokenizer: Tokenizer) -> None:
    table = torch.randn(FIRST + 3, 4, dtype=torch.bfloat16)
    state, rows = grown_state({"embeddings.word_embeddings.weight": table}, tokenizer, ["goose"])
    [grown] = state.values()
    assert rows == len(grown) == FIRST + 3
    assert grown.dtype == torch.bfloat16
    assert torch.equal(grown[FIRST + 1 :], table[FIRST + 1 :])
    assert not torch.equal(grown[FIRST], table[FIRST])


def test_the_same_command_replaces_its_own_folder_and_no_other(tiny_bert: Path, tmp_path: Path, text: Path) -> None:
    for more in (3, 1):
        assert len(extended(tiny_bert, tmp_path / "out", text, more=more)) == FIRST + more
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(Exception, match="is there already and holds no kplm.vocab, so it is not replaced"):
        extended(tiny_bert, tmp_path / "mine", text)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "precious"


def test_fewer_words_than_asked_for_are_told(
    tiny_bert: Path, tmp_path: Path, text: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(extended(tiny_bert, tmp_path / "out", text, more=100)) == FIRST + len(BEST)
    assert "only 6 new words for 100 places" in caplog.text


def test_what_cannot_be_done_is_said_before_anything_is_written(tiny_bert: Path, tmp_path: Path, text: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KplmError, match=f"the vocabulary has {FIRST} words already. Give a larger --size"):
        extended(tiny_bert, out, text, more=0)
    with pytest.raises(KplmError, match="least_count=0; it must be at least 1"):
        extended(tiny_bert, out, text, least_count=0)
    with pytest.raises(DataError, match="occur 9 times or more, but none of them is split"):
        extended(tiny_bert, out, text, least_count=9)
    with pytest.raises(DataError, match=r"There is no file, folder or glob .*none.txt"):
        extended(tiny_bert, out, tmp_path / "none.txt")
    with pytest.raises(CheckpointError, match="holds no tokenizer"):
        extended(tmp_path, out, text)
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(KplmError, match=r"Make a folder of it first: kplm export"):
        extended(tmp_path / "last.ckpt", out, text)
    assert not out.exists()


def test_json_lines_are_no_text_and_broken_bytes_are_told(
    tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "abba"}\n')
    with pytest.raises(DataError, match=r"rows.jsonl looks like JSON lines"):
        words_by_frequency(tokenizer, [rows])
    latin = tmp_path / "latin.txt"
    latin.write_bytes("abba caf\u00e9 abba".encode("latin-1"))
    assert words_by_frequency(tokenizer, [latin])[0] == "abba"
    assert "latin.txt is not all UTF-8" in caplog.text


def test_other_kinds_of_tokenizers_and_models_are_refused(tokenizer: Tokenizer) -> None:
    letters = {name: row for row, name in enumerate(VOCABULARY)}
    with pytest.raises(KplmError, match="the tokenizer is a BPE; only WordPiece"):
        grown_tokenizer(Tokenizer(Rust(models.BPE(letters, []))), ["goose"])
    with pytest.raises(CheckpointError, match="the weights hold no word table"):
        grown_state({"conv.weight": torch.zeros(3, 3)}, tokenizer, ["goose"])
    with pytest.raises(CheckpointError, match=f"has 5 rows, but the tokenizer has {FIRST} tokens"):
        grown_state({"embeddings.word_embeddings.weight": torch.zeros(5, 3)}, tokenizer, ["goose"])


def test_a_model_without_weights_says_what_is_missing(tiny_bert: Path, tmp_path: Path, text: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    for name in ("config.json", "vocab.txt"):
        (half / name).write_text((tiny_bert / name).read_text())
    with pytest.raises(CheckpointError, match="holds no weights"):
        extended(half, tmp_path / "out", text)
    assert not (tmp_path / "out").exists()
    assert read_weights(tiny_bert)


@pytest.mark.parametrize("words", [["riverside", "riverside"], ["river"], [""], ["riverside", " "]])
def test_words_that_are_there_twice_already_or_empty_are_refused(tokenizer: Tokenizer, words: list[str]) -> None:
    with pytest.raises(KplmError, match=f"{words[-1]!r} cannot be new words: each must be there once"):
        grown_tokenizer(tokenizer, words)
