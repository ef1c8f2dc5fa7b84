"""Masking with WordNet: single-sense words come first, and hidden split words bring what they may mean."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kg import KgError
from kg.wordnet import SUPERSENSES
from kplm.data.supersenses import SingleSense, SplitWords, split_words
from kplm.fields import FIELDS
from kplm.masking import Budget, Corrupt, MaskWords, WholeWords
from kplm.models import SenseBert
from kplm.objectives import Weighted, WordMeanSenses
from kplm.text import Tokenizer
from tests.kg import small_wordnet
from tests.models.sensebert_words import KNOWN, VOCABULARY, batch_of, ids, known, tiny_sensebert


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_wordnet.write(tmp_path_factory.mktemp("wordnet") / "dict"))


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    file = tmp_path_factory.mktemp("words") / "vocab.txt"
    file.write_text("".join(f"{word}\n" for word in VOCABULARY))
    return Tokenizer.from_file(file)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def split(wordnet: str, words: Tokenizer, **options: object) -> SplitWords:
    masker = SplitWords(wordnet, **options)
    masker.build(words)
    return masker


def told(batch: dict[str, Tensor]) -> list[list[tuple[int, int, str]]]:
    """The split words of each row by place and supersenses."""
    rows = []
    for spans, allowed in zip(batch["sense_spans"].tolist(), batch["sense_allowed"]):
        senses = [" ".join(SUPERSENSES[at] for at in row.nonzero()[:, 0]) for row in allowed]
        rows.append([(*span, sense) for span, sense in zip(spans, senses) if span[0] >= 0])
    return rows


def test_words_with_one_supersense_are_preferred(wordnet: str, words: Tokenizer) -> None:
    found = SingleSense(wordnet).preferred(words)
    assert [VOCABULARY[row] for row in found.nonzero()[:, 0]] == ["winter", "children", "quickly"]
    assert {word for word in KNOWN if len(KNOWN[word]) == 1} == {"winter", "children", "quickly"}


def test_the_exceptions_are_choices(wordnet: str, words: Tokenizer) -> None:
    found = SingleSense(wordnet, shortest=7).preferred(words)
    assert found[ids("winter quickly children")].tolist() == [False, True, True]
    found = SingleSense(wordnet, stop_words=["children"]).preferred(words)
    assert found[ids("winter quickly")].all()
    assert not found[ids("children")].any()


def test_half_of_them_are_hidden_and_the_rest_is_chance(wordnet: str, words: Tokenizer) -> None:
    masker = MaskWords(SingleSense(wordnet), Corrupt(mask=0.9, random=0.0), Budget(share=0.5))
    masker.build(words)
    row = " ".join(["winter", "the"] * 5)
    batch = batch_of(*[row] * 300)
    out = masker(batch, torch.Generator().manual_seed(0))
    hidden = out["mlm_labels"] >= 0
    winter = (batch["input_ids"] == VOCABULARY.index("winter")) & hidden
    assert (hidden.sum(1) == 6).all()
    assert winter.sum(1).min() >= 2
    assert winter.sum(1).float().mean().item() == pytest.approx(2 + 4 * 3 / 8, abs=0.1)
    shown = (out["input_ids"] == batch["input_ids"])[hidden].float().mean().item()
    assert shown == pytest.approx(0.1, abs=0.02), "one of ten is shown as itself"
    assert (out["input_ids"][hidden & (out["input_ids"] != batch["input_ids"])] == words.mask).all()


def test_hidden_split_words_bring_their_supersenses(wordnet: str, words: Tokenizer) -> None:
    batch = batch_of("the *walk *##ing of *tiger", "*theor *##ies *storm *##s", "*winter the")
    out = split(wordnet, words)(batch, torch.Generator())
    assert told(out) == [
        [(2, 4, "verb.motion")],
        [(1, 3, "noun.cognition"), (3, 5, "noun.event noun.phenomenon verb.weather")],
        [],
    ]
    assert out["sense_spans"].shape == (3, 2, 2)
    assert out["sense_allowed"].shape == (3, 2, 45)
    for name in ("sense_spans", "sense_allowed"):
        assert out[name].dtype == FIELDS[name].dtype
    assert (out["sense_spans"][2] == FIELDS["sense_spans"].pad).all()
    assert not out["sense_allowed"][2].any()
    assert all(torch.equal(out[name], batch[name]) for name in batch)


@pytest.mark.parametrize(
    "text",
    [
        "*walk ##ing",
        "walk *##ing",
        "walk ##ing",
        "*walk the",
        "*##ing *walk",
        "*##ing *##s",
        "*the *cat",
        "*walk *##ing ##s",
    ],
)
def test_a_word_that_is_still_partly_there_or_is_one_token_is_left_out(
    text: str, wordnet: str, words: Tokenizer
) -> None:
    out = split(wordnet, words)(batch_of(text), torch.Generator())
    assert out["sense_spans"].shape == (1, 0, 2)
    assert out["sense_allowed"].shape == (1, 0, 45)


def test_the_exceptions_hold_for_split_words_too(wordnet: str, words: Tokenizer) -> None:
    batch = batch_of("*walk *##ing *theor *##ies *nonesuch *##s")
    masker = split(wordnet, words, shortest=8, stop_words=["theories"])
    assert told(masker(batch, torch.Generator())) == [[(1, 3, ""), (3, 5, ""), (5, 7, "")]]


def test_a_masker_can_be_handed_to_data_workers(wordnet: str, words: Tokenizer) -> None:
    masker, batch = split(wordnet, words), batch_of("*walk *##ing")
    again = pickle.loads(pickle.dumps(masker))
    assert told(again(batch, torch.Generator())) == told(masker(batch, torch.Generator()))


def test_places_of_split_words_are_right_wherever_they_stand() -> None:
    goes_on = torch.tensor([[0, 0, 1, 1, 0, 0, 1], [0, 0, 1, 0, 1, 0, 1]]).bool()
    hidden = torch.tensor([[0, 1, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1, 1]]).bool()
    first, size, whole = split_words(goes_on, hidden)
    found = [
        [(int(first[row, at]), int(size[row, at])) for at in range(7) if whole[row, at]] for row in range(len(goes_on))
    ]
    assert found == [[(1, 3)], [(1, 2), (3, 2), (5, 2)]]


def test_whole_word_masking_and_split_words_teach_a_model(wordnet: str, words: Tokenizer) -> None:
    torch.manual_seed(0)
    model = tiny_sensebert(senses=SUPERSENSES)
    maskers = [MaskWords(WholeWords(), Corrupt(0.9, 0.0), Budget(share=0.6)), split(wordnet, words)]
    maskers[0].build(words)
    batch = batch_of("the walk ##ing of tiger theor ##ies", "winter storm ##s")
    generator = torch.Generator().manual_seed(3)
    for masker in maskers:
        batch = masker(batch, generator)
    objective = Weighted([WordMeanSenses()])
    objective.build(model)
    assert isinstance(model, SenseBert)
    _, gold = objective.terms["supersenses"].predict(model, model(batch), batch)
    assert len(gold) >= 2
    objective(model, batch)["loss"].backward()
    assert model.sense_table.grad.isfinite().all()
    assert torch.equal(model.words.continues, known(SUPERSENSES)[1])


def test_without_wordnet_the_error_names_the_ways_to_get_it(tmp_path: Path, words: Tokenizer) -> None:
    for masker in (MaskWords(SingleSense(str(tmp_path))), SplitWords(str(tmp_path))):
        with pytest.raises(KgError, match=r"(?s)is not WordNet.*apt-get install"):
            masker.build(words)
