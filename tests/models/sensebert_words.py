"""A tiny SenseBERT, a small vocabulary that the miniature WordNet knows, and made-up batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from kplm.config import SenseBertConfig
from kplm.convert.bert import encoder_to_hf
from kplm.fields import IGNORE
from kplm.models import Encoder, SenseBert
from tests.conftest import SPECIALS

PLAIN = ("the", "of", "cat", "nonesuch", ".")
KNOWN = {
    "winter": ("noun.time",),
    "children": ("noun.person",),
    "quickly": ("adv.all",),
    "tiger": ("noun.animal", "noun.person"),
    "walk": ("noun.act", "verb.motion"),
    "storm": ("noun.event", "noun.phenomenon", "verb.weather"),
}
"""What the miniature WordNet allows these words."""
PIECES = ("##ing", "##s", "##ies")
VOCABULARY = (*SPECIALS, *PLAIN, *KNOWN, *PIECES, "theor")
SENSES = tuple(sorted({sense for senses in KNOWN.values() for sense in senses}))
SIZES: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden": 16,
    "layers": 2,
    "heads": 2,
    "ffn": 24,
    "positions": 40,
    "init_std": 0.2,
}


def ids(text: str) -> list[int]:
    """The rows of tokens that are written with blanks between them."""
    return [VOCABULARY.index(token) for token in text.split()]


def tiny_sensebert(seed: int = 0, **changes: Any) -> SenseBert:
    """A random model that knows the words above; equal seeds give equal weights."""
    torch.manual_seed(seed)
    model = SenseBert(SenseBertConfig(**{**SIZES, "senses": SENSES, **changes}))
    model.know(*known(model.config.senses))
    return model.eval()


def known(senses: Sequence[str]) -> tuple[Tensor, Tensor]:
    """What the words may mean, ``[V, C]`` bool, and which of them go on with a word, ``[V]`` bool."""
    rows = [[sense in KNOWN.get(word, ()) for sense in senses] for word in VOCABULARY]
    return torch.tensor(rows), torch.tensor([word in PIECES for word in VOCABULARY])


def bert_folder(folder: Path, words: Sequence[str] = VOCABULARY, seed: int = 0, rows: int = len(VOCABULARY)) -> Path:
    """A BERT of this vocabulary as Hugging Face writes it."""
    torch.manual_seed(seed)
    config, state = encoder_to_hf(Encoder(SenseBertConfig(**{**SIZES, "vocab_size": rows, "senses": ("none",)})))
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    return folder


def batch_of(*rows: str) -> dict[str, Tensor]:
    """Texts whose hidden tokens are marked: ``*winter`` is hidden by [MASK], ``=winter`` is shown as it is, both are asked for."""
    told = [["[CLS]", *row.split(), "[SEP]"] for row in rows]
    length = max(map(len, told))
    batch = {
        "input_ids": torch.zeros(len(rows), length, dtype=torch.long),
        "document": torch.zeros(len(rows), length, dtype=torch.long),
        "mlm_labels": torch.full((len(rows), length), IGNORE),
        "segment_ids": torch.zeros(len(rows), length, dtype=torch.long),
        "position_ids": torch.arange(length).expand(len(rows), length),
    }
    for row, tokens in enumerate(told):
        for at, token in enumerate(tokens):
            word = VOCABULARY.index(token.lstrip("*="))
            batch["document"][row, at] = 1
            batch["input_ids"][row, at] = VOCABULARY.index("[MASK]") if token[0] == "*" else word
            batch["mlm_labels"][row, at] = word if token[0] in "*=" else IGNORE
    return batch
