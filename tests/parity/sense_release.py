"""A released SenseBERT of a few words, and a stand-in for TensorFlow, which would read it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from kg.wordnet import SUPERSENSES
from kplm.config import SenseBertConfig
from kplm.convert import sensebert
from kplm.convert.sensebert_variables import INDEX
from kplm.models import SenseBert
from kplm.objectives import MaskedWords, NextSentence, Weighted

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "goose", "##s", "tiger", "mouse", "music", "xyzzy")
SENSES = tuple(reversed(SUPERSENSES))
"""The model's own order is not WordNet's."""
CONFIG = SenseBertConfig(
    vocab_size=len(WORDS), hidden=128, layers=2, heads=2, ffn=48, positions=16, segments=2, senses=SENSES, init_std=0.2
)
TABLE, MATRIX = "supersenses/embedding", "supersenses/of_words"
Variables = dict[str, np.ndarray]


def made() -> tuple[SenseBert, Weighted]:
    """A model with both heads, random in all its weights."""
    torch.manual_seed(0)
    encoder, objective = SenseBert(CONFIG), Weighted([MaskedWords(), NextSentence()])
    objective.build(encoder)
    for part in (encoder, objective):
        for weight in part.parameters():
            torch.nn.init.normal_(weight, std=0.2)
    allowed = torch.rand(len(WORDS), len(SENSES)) < 0.2
    encoder.know(allowed, torch.tensor([word.startswith("##") for word in WORDS]))
    return encoder.eval(), objective


def saved(encoder: SenseBert, objective: Weighted) -> Variables:
    """As Google's code would have saved this model."""
    state = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    state |= {f"objective.{name}": value for name, value in objective.state_dict().items()}
    names = sensebert._names(CONFIG.layers)
    found = {name: state[ours].numpy() for name, ours in names.items()}
    found = {name: array.T if name.endswith("/kernel") else array for name, array in found.items()}
    found[TABLE] = encoder.sense_table.detach().numpy().T
    found[MATRIX] = encoder.words.allowed.numpy().astype(np.float32)
    return found


def released(folder: Path, words: tuple[str, ...] = WORDS, senses: tuple[str, ...] = SENSES) -> Path:
    """A SavedModel but for its numbers."""
    (folder / "variables").mkdir(parents=True)
    (folder / INDEX).touch()
    for name, lines in (("vocab.txt", words), ("supersense_vocab.txt", senses)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return folder


def tensorflow(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, np.ndarray], constants: Mapping[str, np.ndarray] = {}) -> list[str]:  # fmt: skip
    """A stand-in for the few functions of TensorFlow that are called; returns the prefixes it is asked for."""
    asked: list[str] = []
    held = {**variables, "_CHECKPOINTABLE_OBJECT_GRAPH": np.array(b"graph")}

    def load_checkpoint(prefix: str) -> SimpleNamespace:
        asked.append(prefix)
        return SimpleNamespace(get_tensor=held.__getitem__)

    class SavedModel:
        def ParseFromString(self, content: bytes) -> None:
            assert content == b"graph"
            nodes = [SimpleNamespace(op="MatMul", name="product", attr={})]
            for name, array in constants.items():
                shape = SimpleNamespace(dim=[SimpleNamespace(size=side) for side in array.shape])
                value = SimpleNamespace(tensor=SimpleNamespace(tensor_shape=shape, array=array))
                nodes.append(SimpleNamespace(op="Const", name=name, attr={"value": value}))
            self.meta_graphs = [SimpleNamespace(graph_def=SimpleNamespace(node=nodes))]

    module, saved = ModuleType("tensorflow"), ModuleType("saved_model_pb2")
    listed = lambda prefix: [(name, list(np.shape(array))) for name, array in held.items()]  # noqa: E731
    module.train = SimpleNamespace(load_checkpoint=load_checkpoint, list_variables=listed)  # type: ignore[attr-defined]
    module.make_ndarray = lambda tensor: tensor.array  # type: ignore[attr-defined]
    saved.SavedModel = SavedModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    monkeypatch.setitem(sys.modules, "tensorflow.core.protobuf.saved_model_pb2", saved)
    return asked
