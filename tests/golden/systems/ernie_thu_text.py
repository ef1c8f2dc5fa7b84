"""From the raw data of an ERNIE-THU case to the integers its model reads."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from kg import EntityTable
from kplm.data.annotate import Entities
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.markers import ERNIE_MARKERS, mark_text
from kplm.data.sources import ErnieFewRel, ErnieRelation, ErnieTyping, Source
from kplm.data.targets import ClassTargets, SetTargets
from kplm.text import Tokenizer

EVERY = -1.0
"""A threshold all links pass: the readers have applied the authors' own already (0.3, TACRED 0.4, FewRel none)."""


def featurise(folder: Path, inputs: dict[str, Tensor], plain_cut: bool = True) -> dict[str, Tensor]:
    """The tensors of ``inputs.safetensors`` made from ``data.json``, as wide as those.

    Args:
        folder: the case.
        inputs: its recorded inputs, for the table of entities and the width.
        plain_cut: cut long texts at the end, as the authors do. Without it the window of :class:`TextEncoder` moves to
            marked spans that would be lost, which is the same wherever they fit.
    """
    typing = inputs["labels"].is_floating_point()
    names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    examples = list(_reader(folder, typing).read(folder / "data.json"))
    if plain_cut:
        examples = [replace(mark_text(example, ERNIE_MARKERS), marks=()) for example in examples]
    with tempfile.TemporaryDirectory() as scratch:
        ids = _entity_ids(folder / "entity2id.txt")
        EntityTable.write(Path(scratch) / "table", ids, inputs["entity_embedding_table"][1:].numpy())
        entities = Entities(f"{scratch}/table", threshold=EVERY, mentions="whitespace")
        encoder = TextEncoder(
            Tokenizer.from_file(folder / "vocab.txt", split_cjk=False),
            [entities],
            {} if plain_cut else ERNIE_MARKERS,
            inputs["input_ids"].shape[1],
            SetTargets(names) if typing else ClassTargets(names),
        )
        return _dense(Collator([entities.complete])(encoder(examples)), inputs["input_ids"].shape)


def _reader(folder: Path, typing: bool) -> Source:
    if typing:
        return ErnieTyping()
    rows = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    return ErnieRelation() if any("ann" in row for row in rows) else ErnieFewRel()


def _entity_ids(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()[1:]  # the first line counts them
    rows = {int(row): name for name, row in (line.split("\t") for line in lines)}
    return [rows[row] for row in range(len(rows))]


def _dense(batch: dict[str, Tensor], shape: torch.Size) -> dict[str, Tensor]:
    slots, ids, vectors = batch["entity_positions"], batch["entity_ids"], batch["entity_vectors"]
    row, slot = (ids >= 0).nonzero(as_tuple=True)
    at = (row, slots[row, slot])
    entity_ids, mask = torch.full(shape, -1), torch.zeros(shape, dtype=torch.int64)
    entity_ids[at], mask[at] = ids[row, slot] - 1, 1
    dense = torch.zeros(*shape, vectors.shape[-1])
    dense[at] = vectors[row, slot]
    named = {"input_ids": "input_ids", "token_type_ids": "segment_ids", "attention_mask": "document"}
    wide = {
        theirs: torch.nn.functional.pad(batch[ours], (0, shape[1] - batch[ours].shape[1]))
        for theirs, ours in named.items()
    }
    labels = batch["labels"] if "labels" in batch else batch["label"]
    return wide | {"entity_ids": entity_ids, "ent_mask": mask, "input_ent": dense, "labels": labels}
