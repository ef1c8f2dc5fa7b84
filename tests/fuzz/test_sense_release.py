"""The reader of the released SenseBERT answers any variables and any lists beside them, or says with an error of ours why it does not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from kplm.convert import sensebert
from kplm.errors import CheckpointError
from tests.fuzz.hostile import JUNK, Case, answers, watched
from tests.parity.sense_release import CONFIG, INDEX, SENSES, WORDS, Variables, made, saved, tensorflow

ODD = (
    np.array(1.0),
    *(np.zeros(shape) for shape in ((0,), (3,), (0, 2), (64, 0), (2, 2, 2), (1, 1 << 16), (1 << 16, 1))),
)
KINDS = (np.bool_, np.uint8, np.uint32, np.int64, np.float16, np.longdouble)
FAR = "bert/encoder/layer_{}/attention/self/query/kernel"
LISTS = {"vocab.txt": WORDS, "supersense_vocab.txt": SENSES}
FILES = {INDEX: b"", **{name: "\n".join(lines).encode() for name, lines in LISTS.items()}}


def changed(variables: Variables) -> Iterator[Variables]:
    """Each variable in turn of another shape or kind, and without it."""
    for name, array in variables.items():
        yield from ({**variables, name: other} for other in ODD)
        yield from ({**variables, name: np.ones(array.shape, kind)} for kind in KINDS)
        yield {key: other for key, other in variables.items() if key != name}


def reads(variables: Variables) -> bool:
    with watched():
        try:
            sensebert.from_variables(variables, SENSES)
        except CheckpointError:
            return False
    return True


def test_variables_of_any_shape_and_kind_are_read_or_refused() -> None:
    variables = saved(*made())
    assert reads(variables)
    for one in islice(changed(variables), 0, None, 7):
        reads(one)
    for name in (sensebert.WORDS, sensebert.POSITIONS, sensebert.SEGMENTS, sensebert.WIDE, "supersenses/embedding"):
        for other in ODD:
            assert not reads({**variables, name: other})


@pytest.mark.parametrize("number", ["5", "1000000000", "9" * 30, "9" * 5000, "\u0663"])
def test_a_layer_of_any_number_is_refused(number: str) -> None:
    variables = saved(*made())
    assert not reads({**variables, FAR.format(number): np.zeros((CONFIG.hidden, CONFIG.hidden))})


def test_a_wide_table_of_one_word_does_not_ask_for_a_wide_model() -> None:
    variables = saved(*made()) | {sensebert.WORDS: np.zeros((1, 1 << 20), np.float32)}
    with pytest.raises(CheckpointError, match=r"it asks for [\d,]+ numbers, but the weights are [\d,]+"):
        sensebert.from_variables(variables, SENSES)


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_any_bytes_are_read_or_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(folder: Path) -> object:
        tensorflow(monkeypatch, variables)
        return sensebert.read(folder)

    variables, case = saved(*made()), Case("release", FILES, read)
    assert answers(case, {})
    for content in JUNK:
        assert not answers(case, {name: content})
