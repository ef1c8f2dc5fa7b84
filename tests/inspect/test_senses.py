"""``kplm inspect senses``: what is shown is what the model says, and what WordNet allows is marked."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kg.errors import KgError
from kg.wordnet import WordNet
from kplm.config import SenseBertConfig
from kplm.data.encode import TextEncoder
from kplm.errors import KplmError
from kplm.hub import from_pretrained, save_pretrained
from kplm.inspect.sensed import Reading, Word, sensed
from kplm.inspect.senses import lines, senses
from kplm.inspect.senses_page import html
from kplm.models import SenseBert
from kplm.objectives import Supersenses, Weighted
from kplm.text import Tokenizer
from tests.conftest import SIZES, tiny_encoder
from tests.kg import small_wordnet

SENSES = ("noun.food", "verb.motion", "noun.animal", "adv.all")


@pytest.fixture
def model(tokenizer: Tokenizer) -> SenseBert:
    torch.manual_seed(0)
    found = SenseBert(SenseBertConfig(**SIZES, senses=SENSES))
    allowed = torch.zeros(SIZES["vocab_size"], len(SENSES), dtype=torch.bool)
    allowed[tokenizer.rust.token_to_id("river"), :2] = True
    found.know(allowed, torch.tensor([tokenizer.continues(row) for row in range(SIZES["vocab_size"])]))
    torch.nn.init.normal_(found.sense_table)
    return found.eval()


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_wordnet.write(tmp_path_factory.mktemp("wordnet") / "dict"))


@pytest.fixture
def no_wordnet(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(folder: str | None = None) -> WordNet:
        raise KgError("WordNet is not found. Looked in nowhere.")

    monkeypatch.setattr(WordNet, "open", missing)


def states(model: SenseBert, tokenizer: Tokenizer, text: str) -> Tensor:
    [pieces] = tokenizer.cut([text])
    ids = torch.tensor([[tokenizer.cls, *pieces.ids.tolist(), tokenizer.sep]])
    places = torch.arange(ids.shape[1])[None]
    fields = {"input_ids": ids, "position_ids": places, "segment_ids": ids * 0, "document": ids * 0 + 1}
    with torch.no_grad():
        return model(fields)[0]


def word(text: str, shares: list[float], allowed: list[int] = []) -> Word:  # noqa: B006
    return Word(text, np.array(shares), np.isin(np.arange(len(shares)), allowed))


def test_a_word_is_read_from_the_mean_of_its_pieces_by_the_sense_table(
    model: SenseBert, tokenizer: Tokenizer, wordnet: str
) -> None:
    text = "The River, a goose"
    found = sensed(model, tokenizer, text, wordnet)
    assert [one.text for one in found.words] == ["The", "River", ",", "a", "goose"]
    every = states(model, tokenizer, text)
    river, goose = every[2], every[5:10].mean(0)
    for one, state in ((found.words[1], river), (found.words[4], goose)):
        expected = (model.sense_table.detach() @ state).softmax(0)
        np.testing.assert_allclose(one.shares, expected.numpy(), atol=1e-6)


def test_a_model_that_was_trained_with_a_transform_is_read_with_it(
    model: SenseBert, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    objective = Weighted([Supersenses(read="transform")])
    objective.build(model)
    save_pretrained(model, tmp_path / "model", TextEncoder(tokenizer).describe(), objective)
    [one] = sensed(from_pretrained(tmp_path / "model"), tokenizer, "river").words
    with torch.no_grad():
        expected = objective.terms["supersenses"].logits(model, states(model, tokenizer, "river")[1]).softmax(0)
    np.testing.assert_allclose(one.shares, expected.numpy(), atol=1e-6)


def test_the_model_says_what_its_words_may_mean_and_wordnet_is_asked_for_split_ones(
    model: SenseBert, tokenizer: Tokenizer, wordnet: str
) -> None:
    found = sensed(model, tokenizer, "river geese axe zzzz", wordnet)
    marked = [{SENSES[i] for i in np.flatnonzero(one.allowed)} for one in found.words]
    assert marked == [{"noun.food", "verb.motion"}, {"noun.animal", "noun.food"}, set(), set()]
    assert not found.notes


@pytest.mark.usefixtures("no_wordnet")
def test_without_wordnet_split_words_are_shown_unmarked_and_said_to_be(model: SenseBert, tokenizer: Tokenizer) -> None:
    assert not sensed(model, tokenizer, "the river").notes, "no word is split"
    found = sensed(model, tokenizer, "river geese")
    assert found.notes == ("What geese may mean is not marked, as they are split: WordNet is not found.",)
    with pytest.raises(KgError):
        sensed(model, tokenizer, "river geese", "somewhere")


def test_a_masked_word_is_one_word(model: SenseBert, tokenizer: Tokenizer, wordnet: str) -> None:
    found = sensed(model, tokenizer, "the [MASK] was", wordnet)
    assert [one.text for one in found.words] == ["the", "[MASK]", "was"]
    assert not found.words[1].allowed.any()


def test_a_sentence_in_which_no_word_has_a_supersense_says_so(model: SenseBert, tokenizer: Tokenizer) -> None:
    found = sensed(model, tokenizer, "of the .")
    assert found.summary.startswith("No word of the sentence has a supersense in WordNet")
    assert len(found.words) == 3


def test_the_summary_counts_words_and_agreement() -> None:
    words = (word("a", [0.9, 0.1]), word("river", [0.9, 0.1], [0]), word("goose", [0.9, 0.1], [1]))
    assert Reading(("x", "y"), words).summary == (
        "2 of 3 words have supersenses in WordNet; for 1 of them the likeliest one is allowed"
    )


def test_the_terminal_shows_the_best_three_and_marks_what_is_allowed() -> None:
    reading = Reading(
        SENSES, (word("of", [0.25, 0.12, 0.25, 0.38]), word("geese", [0.35, 0.2, 0.45, 0], [0, 2])), ("Note.",)
    )
    shown = list(lines(reading, 120))
    assert [line.rstrip() for line in shown[:2]] == [
        "of       adv.all     ███▊        38%    noun.food ██▌         25%    noun.animal ██▌         25%",
        "geese  • noun.animal ████▌       45%  • noun.food ███▌        35%    verb.motion ██          20%",
    ]
    assert shown[2:] == ["", "• allowed by WordNet", reading.summary, "Note."]
    narrow = list(lines(reading, 60))
    assert "noun.food" in narrow[0]
    assert "noun.animal" not in narrow[0], "two where three have no room for bars"
    coloured = list(lines(reading, 120, colours=True))
    assert coloured[0].startswith("\x1b[2mof")
    assert "\x1b[32m• noun.animal" in coloured[1]


class Tags(HTMLParser):
    """Opened and closed in order, and the texts of titles."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.titles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.titles += [str(value) for name, value in attrs if name == "title"]
        if tag not in ("meta", "p", "html"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("p", "html"):
            assert self.open.pop() == tag


def test_the_page_holds_every_number_once_and_needs_nothing_else() -> None:
    reading = Reading(SENSES, (word("<b>&", [0.1, 0.2, 0.6995, 0.0005]), word("geese", [0.4, 0, 0.6, 0], [0, 2])))
    page = html(reading).decode()
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert len(tags.titles) == 8
    assert "<b>&: noun.animal 70.0%" in tags.titles
    assert "geese: noun.food 40.0%" in tags.titles
    assert "<b>&" not in page.replace("<b>&lt;b&gt;&amp;</b>", "")
    assert page.count('<td class="may') == 2
    assert page.count('class="word plain"') == 1
    assert not re.search(r"https?://|src=|<script", page)
    assert "prefers-color-scheme:dark" in page
    head = re.findall(r"<th><span>(.*?)</span>", page)
    assert head == ["adv.all", "food", "animal", "verb.motion"]


def test_the_command_prints_and_writes(
    model: SenseBert, tokenizer: Tokenizer, wordnet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_pretrained(model, tmp_path / "model", TextEncoder(tokenizer).describe())
    for suffix in ("html", "json"):
        senses("the river", model=str(tmp_path / "model"), out=str(tmp_path / f"out.{suffix}"), wordnet=wordnet)
    assert "1 of 2 words have supersenses in WordNet" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["senses"] == list(SENSES)
    assert found["words"][1]["text"] == "river"
    assert found["words"][1]["allowed"] == ["noun.food", "verb.motion"]
    assert sum(found["words"][1]["shares"]) == pytest.approx(1, abs=1e-5)
    assert (tmp_path / "out.html").read_bytes().startswith(b"<!doctype html>")


def test_bad_input_is_said_plainly(model: SenseBert, tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(KplmError, match="the sentence is empty"):
        senses("  ", model=str(tmp_path))
    with pytest.raises(KplmError, match=r"a file of kind '.png' holds is not known; give FILE.html or FILE.json"):
        senses("river", model=str(tmp_path), out="a.png")
    with pytest.raises(KplmError, match="the sentence is empty"):
        sensed(model, tokenizer, "\u200b ")
    with pytest.raises(KplmError, match="has 200 tokens, but the model reads at most 158"):
        sensed(model, tokenizer, "of " * 200)
    with pytest.raises(KplmError, match="the model is of the kind Encoder, which knows no supersenses"):
        sensed(tiny_encoder(), tokenizer, "river")
