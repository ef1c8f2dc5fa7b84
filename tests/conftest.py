"""A tiny random BERT, a tiny entity table and made-up data: what most tests stand on."""

from __future__ import annotations

import json
import os
import random
import re
import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import pytest
import torch
from hypothesis import settings
from safetensors.torch import save_file

from kg import EntityTable
from kplm.config import EncoderConfig, ErnieThuConfig
from kplm.convert.bert import encoder_to_hf
from kplm.models import Encoder, ErnieThu
from kplm.text import Tokenizer

torch.set_num_threads(1)
settings.register_profile("kplm", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("kplm")

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("good", "bad", "fine", "poor", "rome", "paris", "lives", "in", "the", "of", "was", "river")
SIGNS = (*string.digits, *".,;:!?()#$'\"-", "。")
VOCABULARY = (*SPECIALS, *string.ascii_lowercase, *(f"##{c}" for c in string.ascii_lowercase), *SIGNS, *WORDS)
SIZES = {
    "vocab_size": len(VOCABULARY),
    "hidden": 32,
    "layers": 2,
    "heads": 4,
    "ffn": 48,
    "positions": 160,
    "init_std": 0.1,
}
ENTITIES = ("Q1", "Q2", "Q3", "Q4", "Q5", "Q6")
WIDTH = 12


def tiny_encoder(seed: int = 0, **changes: Any) -> Encoder:
    """A random encoder; equal seeds give equal weights."""
    torch.manual_seed(seed)
    return Encoder(EncoderConfig(**{**SIZES, **changes}))


def tiny_ernie(seed: int = 0, layer_types: tuple[str, ...] = ("sim", "mix", "norm"), **changes: Any) -> ErnieThu:
    """A random ERNIE-THU; equal seeds give equal weights."""
    torch.manual_seed(seed)
    sizes = {**SIZES, "layers": len(layer_types), **changes}
    return ErnieThu(ErnieThuConfig(**sizes, layer_types=layer_types, entity_width=WIDTH, entity_heads=2))


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def class_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Texts of 2 to 14 words whose first word, a marked and linked mention, decides the label."""
    choose = random.Random(seed)
    rows = []
    for i in range(count):
        first = choose.choice(("rome", "paris"))
        text = " ".join([first, *choose.choices(WORDS, k=choose.randint(1, 13))])
        label, entity = ("it", "Q1") if first == "rome" else ("fr", "Q2")
        rows.append(
            {
                "id": f"r{i}",
                "text": text,
                "mention": [0, len(first)],
                "links": [[0, len(first), entity]],
                "label": label,
            }
        )
    return rows


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterable[None]:
    """What tests cache does not land among the user's things."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as Hugging Face writes BERT: config.json, model.safetensors, vocab.txt."""
    folder = tmp_path_factory.mktemp("tiny") / "bert"
    folder.mkdir()
    config, state = encoder_to_hf(tiny_encoder())
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in VOCABULARY), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tokenizer(tiny_bert: Path) -> Tokenizer:
    """The tiny model's tokenizer."""
    return Tokenizer.from_file(tiny_bert)


@pytest.fixture(scope="session")
def tiny_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an entity table, six entities of width 12."""
    folder = tmp_path_factory.mktemp("tiny") / "table"
    vectors = np.random.default_rng(0).normal(size=(len(ENTITIES), WIDTH)).astype(np.float32)
    EntityTable.write(folder, ENTITIES, vectors)
    return folder


@pytest.fixture(scope="session")
def class_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Training (40 rows) and validation (37 rows) file of a two-class task."""
    folder = tmp_path_factory.mktemp("files")
    counts = {"train": 40, "val": 37}
    return {name: str(write_rows(folder / f"{name}.jsonl", class_rows(n, seed=n))) for name, n in counts.items()}


def linked_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Documents of 3 to 6 sentences, one a paragraph; the cities in them are linked."""
    choose = random.Random(seed)
    rows = []
    for i in range(count):
        lines = [" ".join(choose.choices(WORDS, k=choose.randint(4, 9))) + " ." for _ in range(choose.randint(3, 6))]
        text = "\n".join(lines)
        found = [(match.start(), match.end(), match[0]) for match in re.finditer("rome|paris|river", text)]
        links = [[start, end, {"rome": "Q1", "paris": "Q2", "river": "Q3"}[word]] for start, end, word in found]
        rows.append({"id": f"d{i}", "text": text, "links": links})
    return rows


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> dict[str, str]:
    """A corpus of pairs to train on, one to validate on, and a packed one."""
    from kplm.data.corpus.prepare import prepare

    folder = tmp_path_factory.mktemp("corpora")
    for name, count, shape in (("train", 24, "pairs"), ("val", 9, "pairs"), ("packed", 12, "packed")):
        source = write_rows(folder / f"{name}.jsonl", linked_rows(count, seed=count))
        prepare(str(source), str(folder / name), tokenizer=str(tiny_bert), shape=shape, max_length=48, processes=1)
    return {name: str(folder / name) for name in ("train", "val", "packed")}
