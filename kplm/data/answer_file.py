"""A file of texts in, a file of answers out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from kg.places import whole_file
from kplm.data.example import Example
from kplm.data.sources import JsonLines, PlainText, Source


class Answering(Protocol):
    """A :class:`kplm.predict.Predictor`, or what does its work."""

    def predict(self, inputs: Sequence[Example], /) -> list[dict[str, Any]]:
        """What is written of each."""


def predict_file(
    predictor: Answering, source: str | Path, target: str | Path, chunk: int = 2000, reader: Source | None = None
) -> None:
    """Answer a file of texts, a chunk at a time with a progress bar; the target appears only when it is whole.

    Args:
        predictor: a loaded model, or whatever answers examples.
        source: ``.txt`` with one text a line, or kplm's JSON lines; or whatever ``reader`` reads.
        target: JSON lines to write, in the order of the source.
        chunk: examples in memory at once.
        reader: how the source is written, where it is neither; such as the source of a test set.

    Raises:
        DataError: the source cannot be read.
        KgError: the target cannot be written.
    """
    reader = reader or (PlainText() if str(source).endswith(".txt") else JsonLines())
    with whole_file(target) as file, tqdm(unit="text") as bar:
        examples = iter(reader.read(source))
        while some := list(islice(examples, chunk)):
            file.writelines(json.dumps(answer, ensure_ascii=False) + "\n" for answer in predictor.predict(some))
            bar.update(len(some))
