"""The released SenseBERT: variables find their places by name and shape, and what does not fit is listed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kg.wordnet import SUPERSENSES
from kplm.authors import convert_sensebert
from kplm.convert import sensebert
from kplm.convert.sensebert_variables import GRAPH, INDEX
from kplm.errors import CheckpointError, KplmError
from kplm.hub import from_pretrained
from kplm.models import SenseBert
from kplm.objectives import MaskedWords, NextSentence, Supersenses, Weighted
from kplm.text import Tokenizer
from tests.kg import small_wordnet
from tests.parity.sense_release import (
    CONFIG,
    MATRIX,
    SENSES,
    TABLE,
    WORDS,
    Variables,
    made,
    released,
    saved,
    tensorflow,
)


@pytest.fixture
def model() -> tuple[SenseBert, Weighted]:
    return made()


@pytest.fixture
def variables(model: tuple[SenseBert, Weighted]) -> Variables:
    return saved(*model)


def states(encoder: SenseBert) -> torch.Tensor:
    ids = torch.tensor([[2, 5, 6, 9, 4, 3]])
    places = torch.arange(6)[None]
    with torch.no_grad():
        return encoder({"input_ids": ids, "position_ids": places, "segment_ids": ids * 0, "document": ids * 0 + 1})


def test_every_variable_arrives(model: tuple[SenseBert, Weighted], variables: Variables) -> None:
    encoder, objective = model
    found = sensebert.from_variables(variables, SENSES)
    assert found.config == CONFIG.__class__(**{**CONFIG.__dict__, "init_std": found.config.init_std})
    assert found.allowed is not None
    found.encoder.know(found.allowed, encoder.words.continues)
    torch.testing.assert_close(states(found.encoder.eval()), states(encoder), atol=1e-6, rtol=0)
    assert found.objective is not None
    theirs, ours = objective.state_dict(), found.objective.state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert torch.equal(found.encoder.pooler.dense.weight, encoder.pooler.dense.weight)


@pytest.mark.parametrize("name", [TABLE, MATRIX])
def test_the_tables_of_supersenses_are_told_by_shape_either_way_round(variables: Variables, name: str) -> None:
    before = sensebert.from_variables(variables, SENSES)
    variables["anything/at/all"] = variables.pop(name).T
    after = sensebert.from_variables(variables, SENSES)
    assert torch.equal(after.encoder.sense_table, before.encoder.sense_table)
    assert torch.equal(after.allowed, before.allowed)


def test_the_folder_becomes_a_model_that_pretraining_goes_on_from(
    model: tuple[SenseBert, Weighted], variables: Variables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = released(tmp_path / "model")
    asked = tensorflow(
        monkeypatch, {**variables, "global_step": np.array(7), f"{sensebert.WORDS}/adam_m": np.ones((2, 2))}
    )
    convert_sensebert(source, tmp_path / "out")
    assert asked == [str(source / "variables" / "variables")]
    encoder = from_pretrained(tmp_path / "out")
    assert isinstance(encoder, SenseBert)
    assert encoder.config.senses == SUPERSENSES
    torch.testing.assert_close(encoder.sense_table, model[0].sense_table.flip(0), atol=0, rtol=0)
    torch.testing.assert_close(states(encoder.eval()), states(model[0]), atol=1e-6, rtol=0)
    assert encoder.words.continues.tolist() == [word.startswith("##") for word in WORDS]
    objective = Weighted([MaskedWords(), NextSentence(), Supersenses()])
    objective.build(encoder)
    assert not objective.fresh
    [cut] = Tokenizer.from_file(tmp_path / "out").cut(["Gooses tiger"])
    assert cut.ids.tolist() == [5, 6, 7]


def test_a_matrix_among_the_constants_of_the_graph_is_found(
    model: tuple[SenseBert, Weighted], variables: Variables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = released(tmp_path / "model")
    (source / GRAPH).write_bytes(b"graph")
    constants = {"mask/Const": variables.pop(MATRIX).astype(np.int64).T, "scale": np.ones((3, 3)), "no": np.zeros(())}
    tensorflow(monkeypatch, variables, constants)
    assert torch.equal(sensebert.read(source).allowed, model[0].words.allowed)


def test_without_a_matrix_it_is_made_from_wordnet(
    variables: Variables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    del variables[MATRIX]
    tensorflow(monkeypatch, variables)
    wordnet = small_wordnet.write(tmp_path / "wordnet")
    convert_sensebert(released(tmp_path / "model"), tmp_path / "out", wordnet=str(wordnet))
    words = from_pretrained(tmp_path / "out").words
    senses = {
        WORDS[row]: {SUPERSENSES[i] for i in allowed.nonzero().flatten()} for row, allowed in enumerate(words.allowed)
    }
    assert senses["goose"] == {"noun.animal", "noun.food"}
    assert senses["tiger"] == {"noun.animal", "noun.person"}
    assert not senses["##s"] | senses["[MASK]"] | senses["xyzzy"]
    assert "made anew from WordNet" in caplog.text


def test_a_checkpoint_without_heads_and_pooler_is_an_encoder_alone(
    variables: Variables, caplog: pytest.LogCaptureFixture
) -> None:
    bare = {name: array for name, array in variables.items() if not name.startswith(("bert/pooler/", "cls/"))}
    found = sensebert.from_variables(bare, SENSES)
    assert (found.objective, found.encoder.pooler) == (None, None)
    sensebert.from_variables({**bare, sensebert.BIAS: variables[sensebert.BIAS]}, SENSES)
    assert "cls/predictions/output_bias is left behind" in caplog.text


def test_a_bias_of_the_supersenses_is_left_behind_and_told(
    variables: Variables, caplog: pytest.LogCaptureFixture
) -> None:
    sensebert.from_variables({**variables, "supersenses/bias": np.full(len(SENSES), 0.25)}, SENSES)
    assert "supersenses/bias must be a bias of the supersenses' scores, up to 0.25" in caplog.text


def drop(name: str) -> Callable[[Variables], object]:
    return lambda variables: variables.pop(name)


def add(**arrays: np.ndarray) -> Callable[[Variables], object]:
    return lambda variables: variables.update(arrays)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (drop("bert/encoder/layer_1/output/dense/bias"), r"1 missing:\n  bert/encoder/layer_1/output/dense/bias \[128\]"),
        (drop("cls/predictions/transform/LayerNorm/beta"), r"1 missing:\n  cls/predictions/transform/LayerNorm/beta"),
        (add(what=np.zeros((3, 7))), r"1 not known:\n  what \[3, 7\]\nWhat the model does not need can be left out"),
        (add(soft=np.full((len(WORDS), 45), 0.5)), r"1 not known:\n  soft \[11, 45\]"),
        (add(**{"bert/pooler/dense/bias": np.zeros(5)}), r"of another shape than the rest asks for:\n  bert/pooler/dense/bias \[5\]"),
        (drop(TABLE), r"must be the one variable of the shape \[45, 128\].*found are 0[^$]*Use the supersense_vocab.txt"),
        (add(other=np.zeros((45, 128))), r"found are 2[^$]*other \[45, 128\]\n[^$]*supersenses/embedding \[128, 45\][^$]*--leave"),
        (add(other=np.zeros((45, len(WORDS)))), r"several matrices could be [^$]*other \[11, 45\]\n  supersenses/of_words"),
        (drop(sensebert.WORDS), r"no variable bert/embeddings/word_embeddings, which every BERT"),
        (drop(sensebert.WIDE), r"no variable bert/encoder/layer_0/intermediate"),
        (add(**{sensebert.WORDS: np.zeros((11, 100))}), r"is 100 wide, which is no multiple of 64"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_listed_with_its_shape(
    variables: Variables, change: Callable[[Variables], object], told: str
) -> None:
    change(variables)
    with pytest.raises(CheckpointError, match=told):
        sensebert.from_variables(variables, SENSES)


def test_what_is_too_much_can_be_left_out(variables: Variables) -> None:
    more = {**variables, "other": np.zeros((45, 128)), "scale": np.ones(3)}
    found = sensebert.from_variables(more, SENSES, leave=["other", "scale"])
    assert torch.equal(found.encoder.sense_table, torch.tensor(variables[TABLE]).T)
    with pytest.raises(CheckpointError, match="there is no variable nothing to leave out"):
        sensebert.from_variables(variables, SENSES, leave=["nothing"])


def test_files_that_do_not_belong_together_are_refused(
    variables: Variables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorflow(monkeypatch, variables)
    with pytest.raises(CheckpointError, match=r"vocab.txt has 10 words, but .* has 11 rows"):
        sensebert.read(released(tmp_path / "short", words=WORDS[:-1]))
    with pytest.raises(CheckpointError, match=r"for the 44 names in supersense_vocab.txt; found are 0"):
        sensebert.read(released(tmp_path / "senses", senses=SENSES[:-1]))
    other = released(tmp_path / "other")
    (other / INDEX).unlink()
    with pytest.raises(
        CheckpointError, match=r"has no variables/variables.index.*found supersense_vocab.txt, variables, vocab.txt"
    ):
        sensebert.read(other)
    (other / "supersense_vocab.txt").unlink()
    with pytest.raises(CheckpointError, match=r"supersense_vocab.txt cannot be read"):
        sensebert.read(other)


def test_damaged_variables_and_a_missing_tensorflow_are_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = released(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(KplmError, match="needs TensorFlow, which cannot be imported.*pip install tensorflow-cpu"):
        sensebert.read(source)
    tensorflow(monkeypatch, {})

    def broken(prefix: str) -> None:
        raise RuntimeError("Data loss: corrupted block")

    monkeypatch.setattr(sys.modules["tensorflow"].train, "load_checkpoint", broken)
    with pytest.raises(CheckpointError, match=r"variables\.\* cannot be read: Data loss"):
        sensebert.read(source)
