"""The data of all cases: rows of every kind of task, a graph, scenes and stored features, written once."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import WORDS, write_rows
from tests.data import pictures
from vision.scenes import write_scenes

COUNTS = {"train": 24, "val": 19, "predict": 19}
"""Six batches to train on, three to evaluate: an odd number for two ranks."""
ROWS = 4
SCENES, SIDE, STORED, CLASSES = 8, 32, 16, 5


@dataclass(frozen=True)
class Places:
    """Where the data of all cases lies."""

    folder: str
    bert: str
    table: str
    train: str
    val: str

    def file(self, name: str, stage: str) -> str:
        """One of the files of rows."""
        return str(Path(self.folder, f"{name}.{stage}.jsonl"))

    def files(self, name: str) -> dict[str, str]:
        """All stages of it."""
        return {stage: self.file(name, stage) for stage in COUNTS}


def made(folder: Path, bert: Path, table: Path, corpora: Mapping[str, str]) -> Places:
    """Write the rows, a graph, scenes and stored features into ``folder``."""
    for stage, count in COUNTS.items():
        for name, rows in KINDS.items():
            write_rows(folder / f"{name}.{stage}.jsonl", rows(random.Random(f"{name} {stage}"), count))
    (folder / "graph").mkdir()
    (folder / "graph" / "triples.tsv").write_text("Q1\tin\tQ3\nQ1\tkind of\tQ2\nQ2\tin\tQ3\n")
    names = "".join(f"Q{i}\t{name.title()}\t{name}\n" for i, name in enumerate(("rome", "paris", "river"), 1))
    (folder / "graph" / "entities.tsv").write_text(f"id\tlabel\taliases\n{names}")
    write_scenes(folder / "scenes", count=SCENES, side=SIDE)
    for name in ("captions", "questions", "expressions"):
        lines = (folder / "scenes" / f"{name}.jsonl").read_text().splitlines(keepends=True)
        for stage, count in COUNTS.items():
            (folder / "scenes" / f"{name}.{stage}.jsonl").write_text("".join((lines * count)[:count]))
    (folder / "texts.txt").write_text("the river was good\nrome lives\n" * ROWS)
    pictures.store(folder / "store", [f"{i}.png" for i in range(max(COUNTS.values()))], STORED, CLASSES)
    return Places(str(folder), str(bert), str(table), corpora["train"], corpora["val"])


def _texts(draw: random.Random, count: int) -> Iterable[dict[str, Any]]:
    """Texts with all that a task on words may ask for; the first word decides."""
    for i in range(count):
        words = [draw.choice(("rome", "paris")), *draw.choices(WORDS, k=draw.randint(2, 11))]
        yield {
            "id": f"r{i}",
            "tokens": words,
            "tags": ["B-LOC" if word in ("rome", "paris") else "O" for word in words],
            "mention": [0, len(words[0])],
            "links": [[0, len(words[0]), "Q1" if words[0] == "rome" else "Q2"]],
            "label": words[0],
            "labels": [words[0], "place"],
            "image": f"{i}.png",
        }


def _relations(draw: random.Random, count: int) -> Iterable[dict[str, Any]]:
    for row in _texts(draw, count):
        end, last = len(" ".join(row["tokens"])), len(row["tokens"][-1])
        yield row | {"mention": None, "head": row["mention"], "tail": [end - last, end]}


def _numbers(draw: random.Random, count: int) -> Iterable[dict[str, Any]]:
    for row in _texts(draw, count):
        yield {"id": row["id"], "text": " ".join(row["tokens"]), "label": len(row["tokens"]) / 4}


def _questions(draw: random.Random, count: int) -> Iterable[dict[str, Any]]:
    """Every fifth has no answer; the longest contexts are read in several windows."""
    for i in range(count):
        words = [*draw.choices(WORDS[:4], k=draw.randint(4, 40)), "rome"]
        end = len(" ".join(words))
        spans = [] if i % 5 == 0 else [[end - 4, end]]
        yield {"id": f"r{i}", "text": "where was the river ?", "pair": " ".join(words), "spans": spans}


def _roles(draw: random.Random, count: int) -> Iterable[dict[str, Any]]:
    for i in range(count):
        words = [draw.choice(("rome", "paris")), draw.choice(("was", "lives")), "in", *draw.choices(WORDS, k=3)]
        found = {"index": 1, "tags": ["B-ARG0", "B-V", "B-ARG1", "O", "O", "O"]}
        yield {"id": f"r{i}", "words": words, "predicates": [found] if i % 3 else []}


def _choices(draw: random.Random, count: int) -> Iterable[dict[str, Any]]:
    """Two to four choices a question, on the scenes."""
    for i in range(count):
        right, choices = draw.randrange(2), draw.randint(2, 4)
        for n in range(choices):
            label, image = "right" if n == right else "wrong", f"scenes/images/{i % SCENES:06d}.png"
            yield {"text": "was it good ?", "pair": WORDS[n], "label": label, "group": f"q{i}", "image": image} | {
                "boxes": [[1, 1, 9, 9], [8, 4, 30, 28]]
            }


def _captions(draw: random.Random, count: int) -> Iterable[dict[str, Any]]:
    for i in range(count):
        yield {"id": f"r{i}", "image": f"{i}.png", "caption": draw.choices(WORDS, k=draw.randint(3, 9))}


KINDS = {
    "texts": _texts,
    "relations": _relations,
    "numbers": _numbers,
    "questions": _questions,
    "roles": _roles,
    "choices": _choices,
    "captions": _captions,
}
