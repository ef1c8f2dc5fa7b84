"""What SenseBERT promises: words carry the sum of their supersenses, all that is known of them is saved, BERT is where it starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from kplm.config import EncoderConfig, SenseBertConfig
from kplm.errors import KplmError
from kplm.hub import export, from_pretrained, save_pretrained
from kplm.models import Encoder, SenseBert
from kplm.objectives import MaskedWords, Supersenses, Weighted
from kplm.spec import from_spec, to_spec
from kplm.training import Pretrain
from tests.models.sensebert_words import KNOWN, SENSES, SIZES, VOCABULARY, batch_of, ids, known, tiny_sensebert

TEXT = ("the *tiger walk ##ing of *winter", "*storm =children .")


def by_hand(model: SenseBert, word: str) -> Tensor:
    """The row of a word and those of its supersenses, one after the other."""
    total = model.words.weight[VOCABULARY.index(word)].clone()
    for sense in KNOWN.get(word, ()):
        total += model.sense_table[SENSES.index(sense)]
    return total


def test_a_word_is_its_row_and_the_sum_of_its_supersenses() -> None:
    model = tiny_sensebert().double()
    for word in VOCABULARY:
        [got] = model.words(torch.tensor(ids(word)))
        torch.testing.assert_close(got, by_hand(model, word), atol=1e-12, rtol=0)


def test_a_hidden_word_tells_nothing_of_its_supersenses_and_a_shown_one_does() -> None:
    model, batch = tiny_sensebert(), batch_of(*TEXT)
    before = model.words(batch["input_ids"])
    with torch.no_grad():
        model.sense_table.add_(1.0)
    changed = (model.words(batch["input_ids"]) != before).any(-1)
    carried = model.words.allowed[batch["input_ids"]].any(-1)
    assert torch.equal(changed, carried)
    assert not carried[0, 2], "[MASK] in the place of tiger"
    assert carried[1, 2], "children, which is asked for and shown"


def test_without_a_sense_table_it_is_bert_to_the_last_bit() -> None:
    torch.manual_seed(3)
    plain = Encoder(EncoderConfig(**SIZES)).eval()
    model = tiny_sensebert(seed=4)
    fresh = model.start_from(plain)
    assert fresh == {"embeddings.terms.input_ids.senses"}
    assert torch.equal(model.words.allowed, known(SENSES)[0]), "what is known stays"
    batch = batch_of(*TEXT)
    assert not torch.equal(model(batch), plain(batch))
    torch.nn.init.zeros_(model.sense_table)
    assert torch.equal(model(batch), plain(batch))


def test_the_table_is_tied_at_input_and_output() -> None:
    model = tiny_sensebert().double()
    states = torch.randn(3, SIZES["hidden"], dtype=torch.float64)
    assert torch.equal(model.words.scores(states), states @ model.sense_table.T)
    assert model.words.senses is model.sense_table
    assert [name for name, _ in model.named_parameters() if "sense" in name] == ["embeddings.terms.input_ids.senses"]
    model.words(torch.tensor(ids("tiger tiger winter the"))).sum().backward()
    want = torch.tensor([2.0 * (sense in KNOWN["tiger"]) + (sense in KNOWN["winter"]) for sense in SENSES])
    assert torch.equal(model.sense_table.grad, want[:, None].expand_as(model.sense_table).double())


def test_autocast_leaves_the_sum_of_supersenses_and_their_scores_exact() -> None:
    model, batch = tiny_sensebert(), batch_of(*TEXT)
    states = torch.randn(5, SIZES["hidden"])
    words, scores = model.words(batch["input_ids"]), model.words.scores(states)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model.words(batch["input_ids"]), words)
        assert torch.equal(model.words.scores(states), scores)
        assert model.words.scores(states.bfloat16()).dtype == torch.float32
        assert model(batch).isfinite().all()


def test_a_model_in_half_precision_takes_its_own() -> None:
    model, batch = tiny_sensebert().bfloat16(), batch_of(*TEXT)
    assert model(batch).dtype == torch.bfloat16
    assert model.words.allowed.dtype == torch.bool


def test_the_cost_of_the_input_grows_with_the_text_and_not_with_the_vocabulary() -> None:
    batch = batch_of(*TEXT)
    with FlopCounterMode(display=False) as counted:
        tiny_sensebert().words(batch["input_ids"])
    assert counted.get_total_flops() == 2 * batch["input_ids"].numel() * len(SENSES) * SIZES["hidden"]


def test_all_that_is_known_comes_back_from_a_folder(tmp_path: Path) -> None:
    model = tiny_sensebert(seed=5)
    found = from_pretrained(save_pretrained(model, tmp_path / "model"))
    assert isinstance(found, SenseBert)
    assert found.config == model.config
    assert found.config.senses == SENSES
    assert torch.equal(found.words.allowed, model.words.allowed)
    assert torch.equal(found.words.continues, model.words.continues)
    assert torch.equal(found.eval()(batch_of(*TEXT)), model(batch_of(*TEXT)))


def test_all_that_is_known_comes_back_from_the_checkpoint_of_a_run(tmp_path: Path) -> None:
    run = Pretrain(tiny_sensebert(seed=6), Weighted([MaskedWords(), Supersenses(read="transform")]))
    checkpoint = {"state_dict": run.state_dict()}
    run.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "last.ckpt")
    for found in (
        from_pretrained(tmp_path / "last.ckpt"),
        from_pretrained(export(tmp_path / "last.ckpt", tmp_path / "out")),
    ):
        assert isinstance(found, SenseBert)
        assert torch.equal(found.words.allowed, run.encoder.words.allowed)
        assert torch.equal(found.eval()(batch_of(*TEXT)), run.encoder.eval()(batch_of(*TEXT)))
        again = Weighted([MaskedWords(), Supersenses(read="transform")])
        again.build(found)
        assert again.fresh == frozenset(), "the heads come along too"


def test_the_terms_are_rebuilt_as_they_were() -> None:
    terms = [MaskedWords(read="states"), Supersenses(read="transform", regulariser=0.5)]
    words, senses = from_spec(to_spec(terms)[0], MaskedWords), from_spec(to_spec(terms)[1], Supersenses)
    assert (words.read, senses.read, senses.regulariser) == ("states", "transform", 0.5)


@pytest.mark.parametrize(
    ("senses", "told"), [((), "senses is empty"), (("a", "b", "a"), "senses names a twice"), (["a", "b"], None)]
)
def test_supersenses_have_names_of_their_own(senses: tuple[str, ...], told: str | None) -> None:
    if told is None:
        assert SenseBertConfig(**SIZES, senses=senses).senses == ("a", "b")
    else:
        with pytest.raises(KplmError, match=told):
            SenseBertConfig(**SIZES, senses=senses)


def test_knowledge_of_another_vocabulary_is_refused() -> None:
    model = tiny_sensebert()
    allowed, continues = known(SENSES)
    with pytest.raises(
        KplmError, match=r"allowed has the shape \[19, 9\], but this model has 20 words and 9 supersenses"
    ):
        model.know(allowed[1:], continues)
    with pytest.raises(KplmError, match=r"continues has the shape \[19\].*so \[20\] is needed"):
        model.know(allowed, continues[1:])
