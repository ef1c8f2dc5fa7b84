"""The released SenseBERT (Levine et al., 2020): a TensorFlow SavedModel with vocab.txt and supersense_vocab.txt beside it.

Its variables were never listed by its authors. Those of BERT have the names of Google's code and must all be there. What is
left is told by shape: the sense table ``[C, D]``, perhaps a bias ``[C]`` of its scores, and the matrix of allowed supersenses
``[V, C]`` of zeros and ones, which may be a constant of the graph instead. Nothing else may be left over.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kplm.config import SenseBertConfig
from kplm.convert.keys import State
from kplm.convert.sensebert_shapes import SENSE_VOCAB, by_shape, told
from kplm.convert.sensebert_variables import Arrays, read_constants, read_variables
from kplm.convert.settings import check_size
from kplm.errors import CheckpointError
from kplm.models import SenseBert
from kplm.objectives import MaskedWords, NextSentence, Term, Weighted

log = logging.getLogger(__name__)

ROWS = """
    bert/embeddings/word_embeddings                         encoder.embeddings.terms.input_ids.weight
    bert/embeddings/position_embeddings                     encoder.embeddings.terms.position_ids.weight
    bert/embeddings/token_type_embeddings                   encoder.embeddings.terms.segment_ids.weight
    bert/embeddings/LayerNorm                               encoder.embeddings.norm
    bert/encoder/layer_{i}/attention/self/query             encoder.stack.layers.{i}.read.attention.query
    bert/encoder/layer_{i}/attention/self/key               encoder.stack.layers.{i}.read.attention.key
    bert/encoder/layer_{i}/attention/self/value             encoder.stack.layers.{i}.read.attention.value
    bert/encoder/layer_{i}/attention/output/dense           encoder.stack.layers.{i}.read.attention.output
    bert/encoder/layer_{i}/attention/output/LayerNorm       encoder.stack.layers.{i}.read.norm
    bert/encoder/layer_{i}/intermediate/dense               encoder.stack.layers.{i}.think.up
    bert/encoder/layer_{i}/output/dense                     encoder.stack.layers.{i}.think.down
    bert/encoder/layer_{i}/output/LayerNorm                 encoder.stack.layers.{i}.think.norm
    bert/pooler/dense                                       encoder.pooler.dense
    cls/predictions/transform/dense                         objective.terms.masked_words.transform.dense
    cls/predictions/transform/LayerNorm                     objective.terms.masked_words.transform.norm
    cls/predictions/output_bias                             objective.terms.masked_words.bias
    cls/seq_relationship/output_weights                     objective.terms.next_sentence.output.weight
    cls/seq_relationship/output_bias                        objective.terms.next_sentence.output.bias
"""
WORDS, POSITIONS, SEGMENTS = (line.split()[0] for line in ROWS.strip().splitlines()[:3])
WIDE = "bert/encoder/layer_0/intermediate/dense/kernel"
LAYER = re.compile(r"bert/encoder/layer_([0-9]{1,9})/")
BIAS, TRANSFORM, NEXT = "cls/predictions/output_bias", "cls/predictions/transform/", "cls/seq_relationship/"
POOLER = "bert/pooler/"
TRAINING = re.compile(r"global_step|beta[12]_power|save_counter|.*/(adam_[mv]|Adam(_1)?|ExponentialMovingAverage)")
"""Variables of training that the model itself does not need."""
SENSES = "embeddings.terms.input_ids.senses"
VOCAB = "vocab.txt"
HEAD = 64
"""Width of one attention head in every published BERT."""


@dataclass(frozen=True)
class Converted:
    """What the released folder holds."""

    config: SenseBertConfig
    encoder: SenseBert
    """It does not know yet what its words may mean."""
    objective: Weighted | None
    """Pretraining heads with tensors of their own, of masked words and next sentence."""
    allowed: Tensor | None
    """``[V, C]`` bool, the matrix of allowed supersenses, if the checkpoint has it."""
    vocab: Path | None = None
    """The vocabulary file."""


def read(source: str | Path, leave: Collection[str] = ()) -> Converted:
    """Read the released folder; needs TensorFlow.

    Args:
        source: holds variables/, saved_model.pb, vocab.txt and supersense_vocab.txt.
        leave: names of variables to leave out.

    Raises:
        CheckpointError: a file is missing or damaged, or the variables are not those of a SenseBERT.
        KplmError: TensorFlow is not installed.
    """
    folder = Path(source)
    words, senses = _lines(folder / VOCAB), _lines(folder / SENSE_VOCAB)
    shapes = {(len(words), len(senses)), (len(senses), len(words))}
    variables = read_variables(folder)
    found = from_variables(variables, senses, leave, read_constants(folder, shapes))
    if len(words) != found.config.vocab_size:
        raise CheckpointError(
            f"{folder / VOCAB} has {len(words)} words, but {WORDS} has {found.config.vocab_size} rows. "
            f"Use the vocabulary of these weights."
        )
    return replace(found, vocab=folder / VOCAB)


def from_variables(
    variables: Mapping[str, np.ndarray],
    senses: Sequence[str],
    leave: Collection[str] = (),
    constants: Mapping[str, np.ndarray] = {},
) -> Converted:
    """Make the model from its variables.

    Args:
        variables: their arrays by their names; of dense layers ``[in, out]``, as TensorFlow has them.
        senses: names of the C supersenses, in the model's own order.
        leave: names of variables to leave out; one that is not there is an error.
        constants: of the graph, in which the matrix of allowed supersenses is looked for too.

    Raises:
        CheckpointError: variables are missing, left over, of a wrong shape, or of several meanings.
    """
    if strange := sorted(set(leave) - set(variables)):
        raise CheckpointError(f"there is no variable {', '.join(strange)} to leave out.")
    own = {name: array for name, array in variables.items() if name not in leave and not TRAINING.fullmatch(name)}
    config = config_from(own, senses)
    check_size(config, [array.size for array in own.values()], SenseBert)
    encoder = SenseBert(config)
    names = _names(config.layers)
    free = {name: array for name, array in own.items() if name not in names}
    shaped = by_shape(free, config, constants)
    rest = {name: array for name, array in free.items() if name not in shaped.taken}
    objective = _objective(encoder, own)
    expected = _expected(encoder, objective)
    _check(own, names, expected, rest)
    found = {names[name]: _tensor(name, array) for name, array in own.items() if names.get(name) in expected}
    found[f"encoder.{SENSES}"] = shaped.table
    _load(encoder, objective, found)
    return Converted(config, encoder, objective, shaped.allowed)


def config_from(variables: Mapping[str, np.ndarray], senses: Sequence[str]) -> SenseBertConfig:
    """Sizes from the shapes; heads are 64 wide, as in every published BERT.

    Raises:
        CheckpointError: a variable that tells a size is missing or no matrix, or the width is no multiple of 64.
    """
    for name in (WORDS, POSITIONS, SEGMENTS, WIDE):
        if name not in variables:
            raise CheckpointError(
                f"there is no variable {name}, which every BERT of Google's code has. Found:\n{told(variables)}"
            )
        if variables[name].ndim != 2:
            raise CheckpointError(f"{name} must be a matrix, but its shape is {list(variables[name].shape)}.")
    words, hidden = variables[WORDS].shape
    if hidden % HEAD or not hidden:
        raise CheckpointError(f"{WORDS} is {hidden} wide, which is no multiple of {HEAD}, the width of BERT's heads.")
    layers = [int(found[1]) for name in variables if (found := LAYER.match(name))]
    return SenseBertConfig(
        vocab_size=words,
        hidden=hidden,
        layers=max(layers) + 1,
        heads=hidden // HEAD,
        ffn=variables[WIDE].shape[1],
        positions=len(variables[POSITIONS]),
        segments=len(variables[SEGMENTS]),
        senses=tuple(senses),
    )


def _names(layers: int) -> dict[str, str]:
    """Their names of all variables of a BERT, and ours."""
    lines = [line.split() for line in ROWS.strip().splitlines()]
    several = [
        (theirs.replace("{i}", str(i)), ours.replace("{i}", str(i))) for theirs, ours in lines for i in range(layers)
    ]
    return dict(pair for theirs, ours in several for pair in _variables(theirs, ours))


def _variables(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    if ours.endswith((".weight", ".bias")):
        yield theirs, ours
    else:
        weight, bias = ("gamma", "beta") if theirs.endswith("LayerNorm") else ("kernel", "bias")
        yield from ((f"{theirs}/{weight}", f"{ours}.weight"), (f"{theirs}/{bias}", f"{ours}.bias"))


def _objective(encoder: SenseBert, own: Arrays) -> Weighted | None:
    """The heads that have tensors here; the encoder keeps its pooler, if the checkpoint has one."""
    transform = any(name.startswith(TRANSFORM) for name in own)
    if BIAS in own and not transform:
        log.warning(
            f"{BIAS} is left behind: without {TRANSFORM}* the word table alone scores words, as the paper writes"
        )
    following = any(name.startswith(NEXT) for name in own)
    terms: list[Term] = [*([MaskedWords()] if transform else []), *([NextSentence()] if following else [])]
    pooler = encoder.pooler if any(name.startswith(POOLER) for name in own) else None
    objective = Weighted(terms) if terms else None
    if objective is not None:
        objective.build(encoder)
    encoder.pooler = pooler
    return objective


def _expected(encoder: SenseBert, objective: Weighted | None) -> State:
    """What must be there under its name."""
    found = {f"encoder.{name}": value for name, value in encoder.named_parameters() if name != SENSES}
    return found | {f"objective.{name}": value for name, value in (objective.state_dict() if objective else {}).items()}


def _check(own: Arrays, names: Mapping[str, str], expected: State, rest: Arrays) -> None:
    theirs = {ours: name for name, ours in names.items()}
    missing = {theirs[ours]: value for ours, value in expected.items() if theirs[ours] not in own}
    wrong = {
        name: own[name]
        for name, ours in names.items()
        if name in own and ours in expected and _tensor(name, own[name]).shape != expected[ours].shape
    }
    found: dict[str, Mapping[str, Any]] = {
        "missing": missing,
        "of another shape than the rest asks for": wrong,
        "not known": rest,
    }
    if any(found.values()):
        lists = "".join(f"{len(some)} {what}:\n{told(some)}\n" for what, some in found.items() if some)
        raise CheckpointError(
            f"the variables are not those of a SenseBERT.\n{lists}What the model does not need can be left out, with --leave."
        )


def _load(encoder: SenseBert, objective: Weighted | None, found: State) -> None:
    for part, prefix in ((encoder, "encoder."), (objective, "objective.")):
        if part is not None:
            own = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
            part.load_state_dict(own, strict=False)


def _tensor(name: str, array: np.ndarray) -> Tensor:
    """In float32; the kernel of a dense layer turned."""
    return torch.from_numpy(np.ascontiguousarray(array.T if name.endswith("/kernel") else array, dtype=np.float32))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").rstrip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path} cannot be read: {error}. The released folder holds {VOCAB} and {SENSE_VOCAB} beside its variables."
        ) from error
