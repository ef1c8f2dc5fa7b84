"""The allowed matrix of a vocabulary: the paper's exceptions, the cache, and vocabularies of another language."""

import numpy as np
import pytest

from kg import KgError
from kg.wordnet import SUPERSENSES, Exceptions, WordNet, allowed, allowed_supersenses, function_words
from kg.wordnet.find import find_wordnet
from kg.wordnet.kept import cache_folder
from tests.kg import small_wordnet

TOKENS = [
    "[PAD]",
    "[CLS]",
    "[MASK]",
    "[unused1]",
    ".",
    "the",
    "against",
    "geese",
    "bank",
    "ax",
    "##fish",
    "fish",
    "h2o",
    "blorp",
    "Winter",
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return small_wordnet.write(tmp_path / "wordnet")


def named(matrix):
    """For each token that has any, the names of its supersenses."""
    rows = ((token, [SUPERSENSES[number] for number in np.flatnonzero(row)]) for token, row in zip(TOKENS, matrix))
    return {token: names for token, names in rows if names}


def test_rows_hold_the_supersenses_of_whole_words(folder):
    matrix = allowed_supersenses(TOKENS, folder)
    assert (matrix.shape, matrix.dtype) == ((len(TOKENS), 45), np.bool_)
    assert named(matrix) == {
        "geese": ["noun.animal", "noun.food"],
        "bank": ["noun.group", "noun.object"],
        "fish": ["noun.animal", "noun.food"],
        "Winter": ["noun.time"],
    }


def test_each_exception_is_a_parameter(folder):
    assert named(allowed_supersenses(TOKENS, folder, Exceptions(shortest=1)))["ax"] == ["noun.artifact"]
    assert "bank" not in named(allowed_supersenses(TOKENS, folder, Exceptions(stop_words=("bank",))))
    assert "bank" not in named(allowed_supersenses(TOKENS, folder, Exceptions(shortest=5)))
    assert named(allowed_supersenses(TOKENS, folder, Exceptions(shortest=1, letters=False)))["h2o"] == [
        "noun.substance"
    ]
    assert named(allowed_supersenses(TOKENS, folder, Exceptions(piece="ge")))["bank"] == ["noun.group", "noun.object"]
    assert "geese" not in named(allowed_supersenses(TOKENS, folder, Exceptions(piece="ge")))


def test_a_vocabulary_that_marks_where_words_begin(folder):
    matrix = allowed_supersenses(["Ġgeese", "geese", "Ġ"], folder, Exceptions(piece="", word="Ġ"))
    assert matrix.any(1).tolist() == [True, False, False]


def test_there_are_179_function_words_and_a_stop_word_has_no_sense(tmp_path):
    assert len(function_words()) == 179
    assert {"the", "against", "yourselves", "wouldn't"} <= function_words()
    text = small_wordnet.write(tmp_path / "other") / "index.noun"
    text.write_text(text.read_text() + text.read_text().splitlines()[-1].replace("wintertime", "against") + "\n")
    assert WordNet.open(text.parent).supersenses("against") == ("noun.time",)
    assert "against" not in named(allowed_supersenses(TOKENS, text.parent))
    assert "against" in named(allowed_supersenses(TOKENS, text.parent, Exceptions(stop_words=())))


def test_the_second_time_wordnet_is_not_read(folder, monkeypatch):
    first = allowed_supersenses(TOKENS, folder)
    monkeypatch.setattr(allowed.WordNet, "open", lambda folder: pytest.fail("read again"))
    assert np.array_equal(allowed_supersenses(TOKENS, folder), first)


def test_other_tokens_rules_or_files_are_another_matrix(folder):
    allowed_supersenses(TOKENS, folder)
    allowed_supersenses(TOKENS[::-1], folder)
    allowed_supersenses(TOKENS, folder, Exceptions(shortest=1))
    (folder / "noun.exc").write_text("mice mouse\n")
    assert "geese" not in named(allowed_supersenses(TOKENS, folder))
    assert len(list(cache_folder().iterdir())) == 4


@pytest.mark.parametrize("damage", [b"", b"no arrays", None])
def test_a_damaged_cache_is_built_again(folder, damage):
    first = allowed_supersenses(TOKENS, folder)
    (file,) = cache_folder().iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-10] if damage is None else damage)
    assert np.array_equal(allowed_supersenses(TOKENS, folder), first)
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_a_warning(folder, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert allowed_supersenses(TOKENS, folder).any()
    assert "cannot be kept" in caplog.text


def test_a_vocabulary_of_another_language(folder):
    with pytest.raises(
        KgError, match=r"Only 0 of the vocabulary's 2 whole words .*, unlike gans, schwimmt. .*one language"
    ):
        allowed_supersenses(["[PAD]", "gans", "schwimmt"], folder)
    german = ["winter", "bank", *(f"wort{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600))]
    assert allowed_supersenses(german, folder).any(1).sum() == 2
    signs = ["geese", *map(chr, range(0x4E00, 0x4E00 + 2000))]
    with pytest.raises(KgError, match="Only 1 of the vocabulary's 2,001 whole words have a supersense in"):
        allowed_supersenses(signs, folder)
    assert allowed_supersenses(signs, folder, Exceptions(least=0)).any(1).sum() == 1


def test_the_real_wordnet_knows_what_it_should():
    """Where Princeton's WordNet 3.0 is installed; the number of entries is that of its documentation, ``man wnstats``."""
    try:
        wordnet = WordNet.open(find_wordnet())
    except KgError:
        pytest.skip("WordNet is not installed")
    if len(wordnet) != 155287:
        pytest.skip(f"{wordnet.folder} is not WordNet 3.0")
    assert wordnet.senses("bass", "noun")[0] == "noun.attribute"
    assert wordnet.supersenses("groceries") == ("noun.artifact",)
    assert wordnet.supersenses("buildings") == ("noun.act", "noun.artifact", "noun.group")
    assert len(wordnet.supersenses("drop")) == 19
    assert wordnet.supersenses("said") == ("adj.all", "verb.communication", "verb.stative")
    assert wordnet.supersenses("the") == ()
