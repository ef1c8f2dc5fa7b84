"""SenseBERT: embeddings, both heads, all losses and gradients, against tensors computed from the paper's equations.

There is no trainable code of the authors. The states of a case are given, or a toy takes the place of the layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kplm.config import SenseBertConfig
from kplm.fields import IGNORE
from kplm.models import SenseBert
from kplm.nn.relations import Relations
from kplm.objectives import MaskedWords, Supersenses, Weighted, WordMeanSenses
from kplm.objectives.supersenses import allowed_loss, hidden_whole, uniform_loss
from tests.golden.row import Row, differ

Tensors = dict[str, Tensor]
TABLES = {"word_table": "input_ids.weight", "sense_table": "input_ids.senses"}
"""Their names of the tied tables, and ours."""
TERMS = TABLES | {"position_table": "position_ids.weight", "type_table": "segment_ids.weight"}
HEAD_ONLY = "_head_only"


class Given(nn.Module):
    """In the place of the layers: states that are an input of the case."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = nn.Parameter(states)

    def forward(self, embedded: Tensor, relations: Relations) -> Tensor:
        """``[B, L, D]``, whatever is read."""
        return self.states


class Mixed(nn.Module):
    """In the place of the layers: ``tanh(E k1 + c k2)`` with the mean ``c`` of what is no padding."""

    def __init__(self, own: Tensor, mean: Tensor) -> None:
        super().__init__()
        self.own, self.mean = own, mean

    def forward(self, embedded: Tensor, relations: Relations) -> Tensor:
        """``[B, L, D]`` to ``[B, L, D]``."""
        real = relations.visibility.document.ne(0)[..., None].to(embedded.dtype)
        mean = (embedded * real).sum(1, keepdim=True) / real.sum(1, keepdim=True)
        return torch.tanh(embedded @ self.own + mean @ self.mean)


@dataclass(frozen=True)
class Case:
    """A model with the tables of a case, its batch and what was recorded."""

    encoder: SenseBert
    batch: Tensors
    inputs: Tensors
    outputs: Tensors


def compare(folder: Path) -> list[Row]:
    """Compare every recorded tensor, all in float64."""
    inputs, outputs = load_file(folder / "inputs.safetensors"), load_file(folder / "outputs.safetensors")
    case = Case(model_of(inputs), batch_of(inputs), inputs, outputs)
    return [*_embedded(case), *_predicted(case), *_spans(case)]


def model_of(inputs: Tensors) -> SenseBert:
    """The tables of a case in a SenseBERT."""
    words, positions = inputs["word_table"], len(inputs["position_table"])
    names = tuple(f"sense {number}" for number in range(len(inputs["sense_table"])))
    sizes = {"vocab_size": len(words), "hidden": words.shape[1], "heads": 1, "positions": positions, "dropout": 0.0}
    layers = Given(inputs["hidden"]) if "hidden" in inputs else Mixed(inputs["enc_k1"], inputs["enc_k2"])
    model = SenseBert(SenseBertConfig(**sizes, senses=names), layers).double()
    tables = {f"embeddings.terms.{ours}": inputs[theirs] for theirs, ours in TERMS.items()}
    norm = {
        f"embeddings.norm.{ours}": inputs[f"ln_{theirs}"] for ours, theirs in (("weight", "gamma"), ("bias", "beta"))
    }
    model.load_state_dict(tables | norm, strict=False)
    model.know(inputs["allowed_mask"], _continues(inputs))
    return model


def batch_of(inputs: Tensors) -> Tensors:
    """The fields our terms read."""
    ids, starts = inputs["input_ids"], inputs["span_table"]
    batch = {"input_ids": ids, "segment_ids": inputs["token_type_ids"], "document": inputs["attention_mask"].long()}
    batch["position_ids"] = torch.arange(ids.shape[1]).expand_as(ids)
    batch["mlm_labels"] = inputs["target_ids"].masked_fill(~inputs["mlm_mask"], IGNORE)
    shape = (len(ids), len(starts))
    batch["sense_spans"] = torch.full((*shape, 2), -1)
    batch["sense_allowed"] = torch.zeros(*shape, inputs["span_allowed"].shape[1], dtype=torch.bool)
    for number, (row, start, end) in enumerate(starts.tolist()):
        batch["sense_spans"][row, number] = torch.tensor([start, end])
        batch["sense_allowed"][row, number] = inputs["span_allowed"][number]
    return batch


def _continues(inputs: Tensors) -> Tensor:
    """The vocabulary in which the words a case calls split are just those that are followed by a continuation."""
    found = torch.zeros(len(inputs["word_table"]), dtype=torch.bool)
    known = inputs["allowed_mask"][inputs["target_ids"]].any(-1)
    rows, places = (inputs["mlm_mask"] & ~inputs["sense_supervised"] & known).nonzero(as_tuple=True)
    found[inputs["target_ids"][rows, places + 1]] = True
    return found


def _embedded(case: Case) -> Iterator[Row]:
    """Words with their senses, the sum of all terms, its LayerNorm, the states."""
    embeddings, outputs = case.encoder.embeddings, case.outputs
    found = {
        "word_plus_sense": embeddings.terms["input_ids"](case.batch["input_ids"]),
        "embedding_pre_layernorm": embeddings.total(case.batch),
        "embedding": embeddings(case.batch),
        "hidden_out": case.encoder(case.batch),
    }
    yield from (differ(name, got, outputs[name]) for name, got in found.items())


def _predicted(case: Case) -> Iterator[Row]:
    """Logits, losses one by one, their means and the gradients."""
    encoder, batch, outputs = case.encoder, case.batch, case.outputs
    words, senses = MaskedWords(read="states"), Supersenses()
    objective = Weighted([words, senses])
    objective.build(encoder)
    states = encoder(batch)
    states.retain_grad()
    yield differ("word_logits", words.logits(encoder, states), outputs["word_logits"])
    logits = senses.logits(encoder, states)
    yield differ("sense_logits", logits, outputs["sense_logits"])
    yield differ("sense_probs", logits.softmax(-1), outputs["sense_probs"])
    of_words, gold = words.predict(encoder, states, batch)
    of_senses, allowed = senses.predict(encoder, states, batch)
    for predicted in (of_words, of_senses):
        predicted.retain_grad()
    parts = {
        "lm_per_masked": torch.stack([words.loss(one[None], label[None]) for one, label in zip(of_words, gold)]),
        "allowed_per_valid": allowed_loss(of_senses, allowed),
        "reg_per_valid": uniform_loss(of_senses, allowed),
    }
    yield from (differ(name, got, outputs[name]) for name, got in parts.items())
    losses = objective(encoder, batch)
    total = words.loss(of_words, gold) + senses.loss(of_senses, allowed)
    total.backward()
    yield from _means(parts, losses, outputs)
    yield differ("loss_total (from logits)", total[None], outputs["loss_total"])
    yield from _supervised(case, of_words, of_senses)
    yield differ("grad_hidden", states.grad, outputs["grad_hidden"])
    yield from _tables(case, states)


def _means(parts: Tensors, losses: Tensors, outputs: Tensors) -> Iterator[Row]:
    """The losses of a whole batch, also in the other reading, which divides by all hidden words."""
    both = parts["allowed_per_valid"] + parts["reg_per_valid"]
    found = {
        "loss_lm": losses["masked_words"],
        "loss_allowed": parts["allowed_per_valid"].mean(),
        "loss_reg": parts["reg_per_valid"].mean(),
        "loss_slm": losses["supersenses"],
        "loss_slm_over_all_masked": both.sum() / len(parts["lm_per_masked"]),
        "loss_total": losses["loss"],
    }
    yield from (differ(name, got[None], outputs[name]) for name, got in found.items())


def _supervised(case: Case, of_words: Tensor, of_senses: Tensor) -> Iterator[Row]:
    """Which hidden words are asked for their senses, and the gradients of the logits at all positions."""
    batch, outputs, table = case.batch, case.outputs, case.encoder.words
    hidden = batch["mlm_labels"] != IGNORE
    known = table.allowed[batch["mlm_labels"].clamp(min=0)].any(-1)
    asked = hidden_whole(table, batch) & known
    yield differ("slm_valid", asked[hidden], outputs["slm_valid"], exact=True)
    for name, places, logits in (("word", hidden, of_words), ("sense", asked, of_senses)):
        want = outputs[f"grad_{name}_logits"]
        yield differ(f"grad_{name}_logits", torch.zeros_like(want).masked_scatter(places[..., None], logits.grad), want)


def _tables(case: Case, states: Tensor) -> Iterator[Row]:
    """Gradients of the tied tables, whole, and at the places where finite differences were taken."""
    own = {theirs: case.encoder.embeddings.get_parameter(f"terms.{ours}").grad for theirs, ours in TERMS.items()}
    own["hidden"] = states.grad
    for name in case.outputs:
        if name.startswith("fd_") and name.endswith("_index"):
            table = own[name.removeprefix("fd_").removesuffix("_index")]
            places, recorded = case.outputs[name], name.replace("_index", "_grad")
            yield Row(name, 0.0, "where the gradient of the next line was read", exact=True)
            yield differ(recorded, table[tuple(places.T)], case.outputs[recorded])
        if name.endswith(HEAD_ONLY):
            yield differ(name, own[name.removeprefix("grad_").removesuffix(HEAD_ONLY)], case.outputs[name])


def _spans(case: Case) -> Iterator[Row]:
    """Split words from the mean of their pieces; ours come row by row."""
    term = WordMeanSenses()
    term.build(case.encoder)
    count = len(case.inputs["span_table"])
    logits, gold = (found[-count:] for found in term.predict(case.encoder, case.encoder(case.batch), case.batch))
    order = case.inputs["span_table"][:, 0].argsort(stable=True)
    got = {
        "span_sense_logits": logits,
        "span_allowed_loss": allowed_loss(logits, gold),
        "span_reg_loss": uniform_loss(logits, gold),
    }
    yield from (differ(name, value, case.outputs[name][order]) for name, value in got.items())
