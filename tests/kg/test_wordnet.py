"""WordNet is found and read: supersenses, morphology, the order of senses; and damage is named by file, line and byte."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import KgError
from kg.wordnet import SUPERSENSES, WordNet, find_wordnet, supersense_of_key
from kg.wordnet import find as finding
from tests.kg import small_wordnet


@pytest.fixture
def folder(tmp_path):
    return small_wordnet.write(tmp_path / "wordnet")


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory):
    return WordNet.open(small_wordnet.write(tmp_path_factory.mktemp("small")))


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine without WordNet."""
    for name in ("WNSEARCHDIR", "WNHOME", "NLTK_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(finding, "PLACES", ())
    monkeypatch.setattr(finding.sys, "prefix", str(tmp_path / "prefix"))


def test_the_miniature_has_the_byte_offsets_that_it_says(folder):
    for file in small_wordnet.FILES:
        content, place = (folder / f"data.{file}").read_bytes(), 0
        for line in content.splitlines(keepends=True):
            assert line.startswith(b"  ") or int(line[:8]) == place
            place += len(line)


def test_there_are_45_supersenses_in_the_order_of_their_files():
    assert len(set(SUPERSENSES)) == 45
    assert [SUPERSENSES[number] for number in (0, 2, 3, 28, 29, 43, 44)] == [
        "adj.all",
        "adv.all",
        "noun.Tops",
        "noun.time",
        "verb.body",
        "verb.weather",
        "adj.ppl",
    ]


@pytest.mark.parametrize(("word", "expected"), small_wordnet.KNOWN.items())
def test_a_word_may_mean_what_any_part_of_speech_of_it_means(wordnet, word, expected):
    assert wordnet.supersenses(word) == expected
    assert wordnet.supersenses(word.upper()) == expected


def test_senses_come_with_the_most_frequent_first_and_not_in_the_order_of_files(wordnet):
    assert wordnet.senses("write", "verb") == ("verb.communication", "verb.creation")
    assert wordnet.senses("live", "verb") == ("verb.stative", "verb.social")
    assert wordnet.supersenses("live") == ("verb.social", "verb.stative")
    assert wordnet.senses("fast", "adj") == wordnet.senses("fast", "a") == ("adj.all",)
    assert wordnet.senses("staff of life", "noun") == wordnet.senses("Staff_of_life", "n") == ("noun.food",)
    assert wordnet.senses("geese", "noun") == ()


def test_morphology_takes_the_exceptions_list_or_else_detaches_one_ending(wordnet):
    assert wordnet.lemmas("geese", "noun") == ("goose",)
    assert wordnet.lemmas("axes", "noun") == ("ax", "axis")
    assert wordnet.lemmas("breathing", "verb") == ("breathe",)
    assert wordnet.lemmas("swimming", "noun") == ("swimming",)
    assert wordnet.lemmas("theories", "noun") == ("theory",)
    assert wordnet.lemmas("quicker", "adj") == ("quick",)
    assert wordnet.lemmas("quicker", "adv") == ()
    assert wordnet.lemmas("houseses", "noun") == ()


def test_repeated_lines_of_an_exceptions_list_count_together(folder):
    (folder / "noun.exc").write_text("axes ax\naxes axis\n")
    assert WordNet.open(folder).lemmas("axes", "noun") == ("ax", "axis")


@given(st.text(max_size=12))
def test_any_text_has_ordered_distinct_supersenses_or_none(wordnet, word):
    numbers = wordnet.supersense_numbers(word)
    assert numbers == sorted(set(numbers))


def test_every_entry_knows_itself(wordnet):
    assert len(wordnet) == len(list(wordnet.entries())) > 90
    for lemma, pos in wordnet.entries():
        assert wordnet.lemmas(lemma, pos)[:1] == (lemma,) or lemma in small_wordnet.IRREGULAR[pos]
        assert set(wordnet.senses(lemma, pos)) <= set(wordnet.supersenses(lemma))


def test_an_open_wordnet_can_be_handed_to_another_process(wordnet):
    assert pickle.loads(pickle.dumps(wordnet)).supersenses("mice") == ("noun.animal", "noun.artifact")


def test_a_part_of_speech_that_there_is_not(wordnet):
    with pytest.raises(KgError, match=r"no part of speech 'pronoun'. Possible: noun, verb, adj, adv"):
        wordnet.senses("she", "pronoun")


def test_a_sense_key_tells_its_supersense():
    assert supersense_of_key("dog%1:05:00::") == "noun.animal"
    assert supersense_of_key("speedy%5:00:00:fast:01") == "adj.all"


@pytest.mark.parametrize("key", ["dog", "dog%1:45:00::", "dog%6:05:00::", "dog%1:5:00::", "%1:05:00::"])
def test_no_sense_key(key):
    with pytest.raises(KgError, match="is no sense key of WordNet. Expected lemma%pos"):
        supersense_of_key(key)


def test_wordnet_is_found_where_variables_and_nltk_say(bare, folder, tmp_path, monkeypatch):
    nltk = tmp_path / "home" / "nltk_data" / "corpora"
    nltk.mkdir(parents=True)
    (nltk / "wordnet31").symlink_to(folder)
    assert find_wordnet() == nltk / "wordnet31"
    monkeypatch.setenv("WNHOME", str(tmp_path / "home"))
    assert find_wordnet() == nltk / "wordnet31"
    (tmp_path / "home" / "dict").symlink_to(folder)
    assert find_wordnet() == tmp_path / "home" / "dict"
    monkeypatch.setenv("WNSEARCHDIR", str(folder))
    assert find_wordnet() == folder
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    with pytest.raises(KgError, match="WNSEARCHDIR: .* is not WordNet"):
        find_wordnet()
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path / "nowhere"))
    with pytest.raises(KgError, match="WNSEARCHDIR: There is no file or folder"):
        find_wordnet()


def test_a_given_folder_may_be_the_one_around_it(bare, folder, tmp_path):
    (tmp_path / "data" / "corpora").mkdir(parents=True)
    (tmp_path / "data" / "corpora" / "wordnet").symlink_to(folder)
    assert find_wordnet(tmp_path / "data") == tmp_path / "data" / "corpora" / "wordnet"


def test_where_there_is_no_wordnet_the_error_names_the_ways_to_get_it(bare, tmp_path):
    zipped = tmp_path / "home" / "nltk_data" / "corpora" / "wordnet.zip"
    zipped.parent.mkdir(parents=True)
    zipped.touch()
    with pytest.raises(KgError) as error:
        find_wordnet()
    for way in ("apt-get install", "nltk.download('wordnet')", "wordnet.princeton.edu", "WNSEARCHDIR"):
        assert way in str(error.value)
    assert f"{zipped} is there: unzip it" in str(error.value)


def test_a_folder_that_is_not_wordnet(folder):
    (folder / "data.verb").unlink()
    with pytest.raises(KgError, match=r"is not WordNet: it lacks data.verb. Found there: adj.exc, (.|\n)*apt-get"):
        WordNet.open(folder)
    with pytest.raises(KgError, match="There is no file or folder"):
        WordNet.open(folder / "nowhere")


def test_a_file_in_place_of_the_folder(folder):
    with pytest.raises(
        KgError, match=r"data.noun is not WordNet: it lacks index.noun, .*Found there: a file, no folder"
    ):
        WordNet.open(folder / "data.noun")


def cut(path, at):
    path.write_bytes(path.read_bytes()[:at])


def test_a_data_file_that_ends_within_a_line(folder):
    cut(folder / "data.noun", 700)
    with pytest.raises(KgError, match=r"data.noun:5: truncated: the file ends within the line, at byte 700. Install"):
        WordNet.open(folder)


def test_a_data_file_that_ends_between_two_lines(folder):
    lines = (folder / "data.noun").read_bytes().splitlines(keepends=True)
    (folder / "data.noun").write_bytes(b"".join(lines[:10]))
    with pytest.raises(
        KgError, match=r"index.noun:4: 'anger' has the synset \d{8}, which .*data.noun lacks; .*truncated"
    ):
        WordNet.open(folder)


def test_a_data_file_of_other_lines(folder):
    with (folder / "data.adv").open("a") as file:
        file.write("a line of something else\n")
    with pytest.raises(KgError, match=r"data.adv:7 \(byte \d+\): got b'a line of so', expected a synset"):
        WordNet.open(folder)


def test_a_lexicographer_file_that_there_is_not(folder):
    content = (folder / "data.adv").read_text()
    (folder / "data.adv").write_text(content.replace(" 02 r ", " 45 r ", 1))
    with pytest.raises(KgError, match=r"data.adv:4 .*a lexicographer file from 00 to 44"):
        WordNet.open(folder)


def test_an_index_that_ends_between_two_lines(folder):
    lines = (folder / "index.verb").read_bytes().splitlines(keepends=True)
    (folder / "index.verb").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(KgError, match=r"index.verb: no word for 1 of the \d+ synsets of .*data.verb; .*truncated"):
        WordNet.open(folder)


@pytest.mark.parametrize("line", ["quick", "quick a one", "quick a 0 1 &"])
def test_an_index_line_that_is_no_entry(folder, line):
    with (folder / "index.adj").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(KgError, match=r"index.adj:\d+: got 'quick.* expected lemma pos count"):
        WordNet.open(folder)


def test_an_exceptions_list_without_base_form_and_bytes_that_are_no_text(folder):
    (folder / "verb.exc").write_text("ate eat\nwent\n")
    with pytest.raises(KgError, match=r"verb.exc:2: got 'went', expected an inflected form and its base forms"):
        WordNet.open(folder)
    (folder / "verb.exc").write_bytes(b"ate eat\nw\xff go\n")
    with pytest.raises(KgError, match=r"verb.exc:2: not UTF-8"):
        WordNet.open(folder)
