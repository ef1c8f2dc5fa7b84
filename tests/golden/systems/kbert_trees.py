"""K-BERT's sentence trees: grown from the authors' own words and branches, and end to end from text and triples."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kg.facts import Selection
from kplm.data.annotate import Tree
from kplm.data.encode import TextEncoder
from kplm.data.example import Example
from kplm.data.targets import TagTargets
from kplm.nn import visibility
from kplm.text import Tokenizer, Tokens
from kplm.text.branches import Branches, graft
from kplm.text.tokenizer import SPECIALS
from kplm.text.tokens import Pieces
from tests.golden.row import Row, differ

Case = dict[str, Any]
VOCABULARY = "google_vocab.txt"
BEGIN, BETWEEN = "[CLS]", "[SEP]"


def compare(path: Path, graphs: Path | None = None) -> list[Row]:
    """Compare every tree of a file.

    Args:
        path: ``trees.json``.
        graphs: folder with HowNet.spo, Medical.spo and google_vocab.txt, so that names are looked for among all of a graph;
            without it only among the triples that a case lists.
    """
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [row for case in cases for row in (*_by_segments(case), *_by_text(case, graphs))]


def _by_segments(case: Case) -> Iterator[Row]:
    """Words and branches as the authors' segmenter found them."""
    units = [unit for segment in case["segments"] for unit in segment["units"]]
    branches = [branch for segment in case["segments"] for branch in segment["branches"]]
    known = list(dict.fromkeys([*units, *(unit for branch in branches for unit in branch)]))
    ids = [[known.index(unit) for unit in one] for one in (units, *branches)]
    tokens = Tokens.framed(
        (Pieces(np.array(ids[0], dtype=np.int64), np.zeros((len(units), 2), dtype=np.int64)),), (), ()
    )
    spans, counts, at = [], [], 0
    for segment in case["segments"]:
        if segment["branches"]:
            spans.append((at, at + len(segment["units"]) - 1))
            counts.append(len(segment["branches"]))
        at += len(segment["units"])
    if spans:
        owners = np.repeat(np.arange(len(spans)), counts)
        tokens = graft([tokens], np.array(spans), owners, Branches.of(ids[1:]))[0]
    whole = len(tokens)
    tokens = tokens.cut(case["max_length"])
    fields = {"position_ids": tokens.positions, "branch": tokens.branch, "anchor": tokens.anchor}
    yield from _rows(case, "segments", [known[i] for i in tokens.ids], fields)
    yield _equal(f"{case['id']} length", [whole], [case["expected"]["length_before_truncation"]])
    if "ner" in case:
        labels = iter(case["ner"]["labels_map"][name] for name in case["ner"]["labels_in"])
        got = [1 if branch else next(labels) for branch in tokens.branch]
        yield _equal(f"{case['id']} labels", _padded(got, 0, case), case["expected"]["ner_label_ids"])


def _by_text(case: Case, graphs: Path | None) -> Iterator[Row]:
    """From the raw text; the authors give an empty one no token, we keep [CLS]."""
    if not case["text"]:
        return
    with tempfile.TemporaryDirectory() as scratch:
        vocab = _vocabulary(case, graphs, Path(scratch))
        encoder = _encoder(case, vocab, _graph(case, graphs, Path(scratch)))
        [row] = encoder([_example(case)])
    names = {row: word for word, row in encoder.tokenizer.rust.get_vocab().items()}
    tokens = [names[i] for i in row["input_ids"].tolist()]
    expected = case["expected"]
    if vocab.name == VOCABULARY:
        yield _equal(f"{case['id']} token ids", _padded(row["input_ids"].tolist(), 0, case), expected["token_ids"])
        tokens = expected["tokens"][: len(tokens)]  # the ids say what a vocabulary without these words can say
    fields = {
        name: row.get(name, np.zeros(len(tokens), dtype=np.int64)) for name in ("position_ids", "branch", "anchor")
    }
    yield from _rows(case, "text", tokens, fields)
    if case["task"] == "pair":
        yield _equal(f"{case['id']} segments", _padded(row["segment_ids"] + 1, 0, case), expected["segment_ids"])
    if "ner" in case and not any(map(str.isspace, case["text"])):  # at white space the authors' labels shift
        at, tags = row["word_positions"], row["tags"]
        got = np.where(row["branch"] > 0, 1, 0)
        got[[i for i in at if i >= 0]] = [tag for i, tag in zip(at, tags) if i >= 0]
        yield _equal(f"{case['id']} labels (text)", _padded(got, 0, case), expected["ner_label_ids"])


def _rows(case: Case, how: str, tokens: list[str], fields: dict[str, np.ndarray]) -> Iterator[Row]:
    """Tokens, soft positions, what is injected, and the visible matrix."""
    expected, size = case["expected"], len(tokens)
    name = f"{case['id']} ({how})"
    yield Row(f"{name} tokens", float(_padded(tokens, "[PAD]", case) != expected["tokens"]), exact=True)
    yield _equal(
        f"{name} soft positions", _padded(fields["position_ids"], case["max_length"] - 1, case), expected["soft_pos"]
    )
    yield _equal(f"{name} injected", _padded(fields["branch"] > 0, 0, case), expected["seg_tag"])
    yield _equal(f"{name} trunk", _padded(fields["branch"] == 0, 0, case), expected["trunk_mask"])
    document = torch.tensor(_padded([1] * size, 0, case))[None]
    branch, anchor = (torch.tensor(_padded(fields[field], 0, case))[None] for field in ("branch", "anchor"))
    real = (document[:, :, None] * document[:, None, :]) > 0
    dense = visibility.Tree(document, branch, anchor).dense() & real
    want = torch.tensor([[cell == "1" for cell in row] for row in expected["visible"]]).reshape(
        1, *[case["max_length"]] * 2
    )
    yield differ(f"{name} visible matrix", dense, want, exact=True)


def _equal(name: str, got: Any, want: Any) -> Row:
    return differ(name, _integers(got), _integers(want), exact=True)


def _integers(values: Any) -> Tensor:
    return torch.tensor([int(value) for value in values])


def _padded(values: Any, fill: Any, case: Case) -> list[Any]:
    values = values.astype(int).tolist() if isinstance(values, np.ndarray) else list(values)
    return values + [fill] * (case["max_length"] - len(values))


def _example(case: Case) -> Example:
    text, pair = case["text"].removeprefix(BEGIN).strip(), None
    if case["task"] == "pair":
        text, pair, _ = (part.strip() for part in text.split(BETWEEN))
    labels = case.get("ner", {}).get("labels_in")
    if labels is None:
        return Example(text, pair)
    labels = labels[: len(text)]
    return Example(text, words=tuple((at, at + 1) for at in range(len(labels))), tags=tuple(labels))


def _encoder(case: Case, vocab: Path, graph: Path | None) -> TextEncoder:
    pieces = case["mode"] == "units"
    between = " " if pieces else ""
    words = f"{{relation}}{between}{{tail}}" if case["predicate"] else "{tail}"
    select = Selection(most=case["max_entities"], words=words)
    trees = [] if graph is None else [Tree(str(graph), "longest" if pieces else "forward", select)]
    return TextEncoder(
        Tokenizer.from_file(vocab) if pieces else Tokenizer.characters(vocab),
        trees,
        max_length=case["max_length"],
        targets=TagTargets(list(case["ner"]["labels_map"])) if "ner" in case else None,
        specials="none" if case["task"] == "ner" else "cls",
        truncation="plain",
    )


def _graph(case: Case, graphs: Path | None, scratch: Path) -> Path | None:
    if graphs is not None and (graphs / f"{case['kg']}.spo").is_file():
        return graphs / f"{case['kg']}.spo"
    if not case.get("triples"):
        return None
    path = scratch / "graph.spo"
    rows = ((head, relation or "is", tail) for head, relation, tail in case["triples"])  # some name no relation
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _vocabulary(case: Case, graphs: Path | None, scratch: Path) -> Path:
    """The authors' where it is there and the ids were recorded, else the words of the case."""
    if graphs is not None and (graphs / VOCABULARY).is_file() and "token_ids" in case["expected"]:
        return graphs / VOCABULARY
    pieces = [piece for one in case["segments"] for part in (one["units"], *one["branches"]) for piece in part]
    path = scratch / "vocab.txt"
    path.write_text("".join(f"{word}\n" for word in dict.fromkeys([*SPECIALS, *pieces])), encoding="utf-8")
    return path
