"""K-BERT: models, the authors' span score, and sentence trees, each told apart by its file."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from kplm.convert.kbert import Converted, read
from kplm.convert.weights import read_weights
from kplm.fields import IGNORE
from kplm.heads import TagInjected
from kplm.heads.official_span_f1 import INJECTED, PADDING, OfficialSpanF1
from kplm.models import Encoder
from kplm.nn.relations import Relations
from kplm.nn.visibility import Padding, Tree, Visibility
from kplm.objectives import MaskedWords, NextSentence, Weighted
from tests.golden.row import Row, differ
from tests.golden.systems import kbert_trees
from tests.golden.systems.kbert_fields import tree_fields

Tensors = dict[str, Tensor]
SCORES, TREES = "ner_metric.json", "trees.json"
FILES = (SCORES, TREES)
SPANS = ("correct", "pred_entities", "gold_entities", "precision", "recall", "f1")
HIDDEN = -10_000.0
"""Added by the authors to scores of positions that are not visible."""
COARSE = 1e-2
"""For what reads padding: those rows hold scores shifted by -10000, rounded to 1e-3 in float32."""


def compare(case: Path, graphs: Path | None = None) -> list[Row]:
    """Compare one case: a model folder, the cases of the score, or the trees.

    Args:
        case: the folder, or one of :data:`FILES`.
        graphs: folder with the graphs that the trees were grown from, for a check with them too.
    """
    if case.name == SCORES:
        return _scores(case)
    if case.name == TREES:
        return kbert_trees.compare(case, graphs)
    return _model(case)


@dataclass(frozen=True)
class Authors(Visibility):
    """The recorded visible matrix, added to the scores as the authors do; rows of padding then read everything."""

    document: Tensor
    visible: Tensor

    def sees(self, batch: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """The recorded matrix."""
        return self.visible[batch, query, key] > 0

    def mask(self) -> Tensor:
        """``[B, 1, Q, K]`` float."""
        return ((1 - self.visible) * HIDDEN)[:, None].float()


def _scores(path: Path) -> list[Row]:
    """Counts of spans, then precision, recall and F1; what the authors' code cannot divide is 0 here."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows, names = [], list(found["labels_map"])
    for case in found["cases"]:
        metric = OfficialSpanF1(names)
        metric.update(torch.tensor(case["pred"]), torch.tensor(case["gold"]))
        got = torch.stack([metric.hits, metric.predicted, metric.gold, *metric.scores()])
        want = [case["expected"][name] or 0.0 for name in SPANS]
        rows.append(
            differ(f"{case['note']} ({', '.join(SPANS)})", got, torch.tensor(want, dtype=torch.float64), exact=True)
        )
    return rows


def _model(folder: Path) -> list[Row]:
    inputs, outputs = load_file(folder / "inputs.safetensors"), load_file(folder / "outputs.safetensors")
    parts = (_classified, _tagged, _pretrained)
    return _fields(inputs) + [row for part in parts for row in part(folder, inputs, outputs)]


def _fields(inputs: Tensors) -> list[Row]:
    """The integers of a tree say all that the recorded matrix says."""
    fields, real = tree_fields(inputs), inputs["row_valid"] > 0
    both = real[:, :, None] & real[:, None, :]
    dense = Tree(inputs["row_valid"], fields["branch"], fields["anchor"]).dense()
    return [
        differ("visible_matrix (from branch and anchor)", dense & both, inputs["visible_matrix"] > 0, exact=True),
        differ("soft_positions", fields["position_ids"][real], inputs["soft_positions"][real], exact=True),
    ]


def _batch(inputs: Tensors, segments: str) -> Tensors:
    """A batch as this code reads it; padding has the segment 0, which is no row of its own here."""
    return {
        "input_ids": inputs["input_ids"],
        "position_ids": inputs["soft_positions"],
        "segment_ids": (inputs[segments] - 1).clamp(min=0),
        "document": inputs["row_valid"],
        **{name: tree_fields(inputs)[name] for name in ("branch", "anchor")},
    }


def _states(encoder: Encoder, batch: Tensors, visibility: Visibility) -> Tensor:
    return encoder.stack(encoder.embeddings(batch), Relations.of(visibility))


def _recorded(encoder: Encoder, batch: Tensors, task: str) -> Tensors:
    """What is recorded of the encoder: the states of real tokens, and the gradients of its tables."""
    embedded = encoder.embeddings(batch)
    states = [embedded, *encoder.stack.walk(embedded, encoder.relations(batch))]
    length = batch["input_ids"].shape[1]
    tables = {name: term.weight.grad for name, term in encoder.embeddings.terms.items()}
    found = {f"{task}_hidden_{i}": state[batch["document"] > 0] for i, state in enumerate(states)}
    return found | {
        f"{task}_grad_word_embedding": tables["input_ids"],
        f"{task}_grad_position_embedding": tables["position_ids"][:length],
        f"{task}_grad_segment_embedding": F.pad(
            tables["segment_ids"], (0, 0, 1, 0)
        ),  # nobody reads their row of padding
        f"{task}_grad_layer0_query_weight": encoder.stack.layers[0].read.attention.query.weight.grad,
    }


def _classified(folder: Path, inputs: Tensors, outputs: Tensors) -> list[Row]:
    found = read(folder, head=folder / "classifier_head.bin")
    encoder, head, batch = found.encoder.eval(), found.head, _batch(inputs, "segment_ids") | {"label": inputs["labels"]}
    logits = head(encoder, batch)
    loss = head.loss(logits, batch)
    loss.backward()
    plain, order = Padding(batch["document"]), torch.arange(batch["input_ids"].shape[1])
    got = _recorded(encoder, batch, "cls") | {"cls_logits": logits, "cls_loss": loss[None]}
    got["cls_logits_no_vm"] = _answer(found, _states(encoder, batch, plain)[:, 0])
    hard = {**batch, "position_ids": order.expand_as(batch["input_ids"])}
    got["cls_logits_no_vm_hard_positions"] = _answer(found, _states(encoder, hard, plain)[:, 0])
    return _differ(got, outputs, batch["document"] > 0) + _pools(found, folder, inputs, outputs)


def _answer(found: Converted, pooled: Tensor) -> Tensor:
    """Class scores ``[B, C]`` of pooled states ``[B, D]``."""
    return found.head.output(torch.tanh(found.encoder.pooler.dense(pooled)))


def _pools(found: Converted, folder: Path, inputs: Tensors, outputs: Tensors) -> list[Row]:
    """Pooling over padding too, with the authors' segment table whole and their additive mask."""
    encoder, table = (
        copy.deepcopy(found.encoder),
        read_weights(folder / "model.bin")["embedding.segment_embedding.weight"],
    )
    encoder.embeddings.terms["segment_ids"] = nn.Embedding.from_pretrained(table)
    batch = _batch(inputs, "segment_ids") | {"segment_ids": inputs["segment_ids"]}
    states = _states(encoder, batch, Authors(batch["document"], inputs["visible_matrix"]))
    pooled = {"mean": states.mean(1), "max": states.amax(1), "last": states[:, -1]}
    names = {f"cls_logits_pool_{name}": _answer(found, one) for name, one in pooled.items()}
    return [differ(name, got, outputs[name], limit=COARSE) for name, got in names.items()]


def _tagged(folder: Path, inputs: Tensors, outputs: Tensors) -> list[Row]:
    classes = len(read_weights(folder / "tagger_head.bin")["output_layer.bias"])
    names = [PADDING, INJECTED, "O", *(f"B-{i}" for i in range(classes - 3))]
    found = read(folder, names, folder / "tagger_head.bin")
    encoder, head, batch = found.encoder.eval(), found.head, _batch(inputs, "ner_segment_ids")
    assert isinstance(head, TagInjected)
    trunk = (batch["document"] > 0) & (batch["branch"] == 0)
    batch["word_positions"] = torch.arange(trunk.shape[1]).expand_as(trunk).masked_fill(~trunk, -1)
    batch["tags"] = inputs["ner_labels"].masked_fill(~trunk, IGNORE)
    logits, valid = head(encoder, batch), batch["document"] > 0
    loss = head.loss(logits, batch)
    loss.backward()
    guess, gold = logits.argmax(-1), head.gold(batch, 0)
    got = _recorded(encoder, batch, "ner") | {"ner_logits": logits[valid], "ner_loss": loss[None]}
    got["ner_log_probs"] = logits.log_softmax(-1)[valid]
    got |= {"ner_predict": guess[valid], "ner_correct": ((guess == gold) & (gold > 0)).sum()[None]}
    return [*_differ(got, outputs, valid), differ("ner_labels (from tags)", gold, inputs["ner_labels"], exact=True)]


def _pretrained(folder: Path, inputs: Tensors, outputs: Tensors) -> list[Row]:
    found = read(folder)
    encoder, batch = found.encoder.eval(), _batch(inputs, "segment_ids")
    objective = Weighted([MaskedWords(), NextSentence()])
    objective.build(encoder)
    objective.load_state_dict(found.pretraining)
    words, sentences = objective.terms["masked_words"], objective.terms["next_sentence"]
    states, gold = encoder(batch), inputs["mlm_targets"]
    table = encoder.embeddings.get_parameter("terms.input_ids.weight") if found.decoder is None else found.decoder
    scores = F.linear(words.transform(states[gold > 0]), table, words.bias)
    got = {
        "mlm_loss": F.cross_entropy(scores, gold[gold > 0])[None],
        "nsp_loss": F.cross_entropy(sentences.logits(encoder, states), inputs["nsp_targets"])[None],
    }
    return _differ(got, outputs, batch["document"] > 0)


def _differ(got: Tensors, outputs: Tensors, valid: Tensor) -> list[Row]:
    """All that was recorded under these names; of tensors with a row a token, the rows of real tokens."""
    wanted = {name: value[valid] if value.shape[:2] == valid.shape else value for name, value in outputs.items()}
    return [differ(name, got[name], wanted[name]) for name in wanted if name in got]
