"""Made-up linked text, and the preparation of small corpora."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, NamedTuple

from datasets import load_from_disk

from kplm.data.corpus.prepare import prepare
from tests.conftest import WORDS, write_rows

ENTITIES = {"rome": "Q1", "paris": "Q2"}


class Corpus(NamedTuple):
    """A prepared corpus, read back."""

    rows: list[dict[str, Any]]
    meta: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        return str(self.meta["fingerprint"])

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.meta["counts"])


def corpus(source: Path | str, out: Path, tokenizer: Path, **options: Any) -> Corpus:
    """Prepare a corpus in this process, and read it with Hugging Face datasets."""
    prepare(str(source), str(out), **{"tokenizer": str(tokenizer), "processes": 1, "max_length": 48, **options})
    return read(out)


def read(out: Path) -> Corpus:
    """Read a corpus with Hugging Face datasets."""
    meta = json.loads((out / "corpus.json").read_text(encoding="utf-8"))
    return Corpus(load_from_disk(str(out)).to_list(), meta)


def linked_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Documents of one to twelve sentences in one to three paragraphs; every rome and paris is linked."""
    choose = random.Random(seed)
    return [linked_row(f"d{number}", choose) for number in range(count)]


def linked_row(name: str, choose: random.Random) -> dict[str, Any]:
    sentences = [" ".join(choose.choices(WORDS, k=choose.randint(2, 14))) for _ in range(choose.randint(1, 12))]
    text = "".join(f"{sentence}.{choose.choice('    ' + chr(10))}" for sentence in sentences).rstrip()
    return {"id": name, "text": text, "links": links_to(text)}


def links_to(text: str) -> list[list[Any]]:
    found = [(word, at) for word in ENTITIES for at in range(len(text)) if text.startswith(word, at)]
    return [[at, at + len(word), ENTITIES[word]] for word, at in sorted(found, key=lambda one: one[1])]


def linked_file(folder: Path, count: int = 60, name: str = "a.jsonl", seed: int = 0) -> Path:
    """A file of ``linked_rows``."""
    return write_rows(folder / name, linked_rows(count, seed))


def split_file(path: Path, folder: Path, parts: int) -> Path:
    """The lines of a file as several files in a new folder."""
    lines = path.read_bytes().splitlines(keepends=True)
    folder.mkdir()
    for part in range(parts):
        chosen = lines[len(lines) * part // parts : len(lines) * (part + 1) // parts]
        (folder / f"part-{part}{path.suffix}").write_bytes(b"".join(chosen))
    return folder
