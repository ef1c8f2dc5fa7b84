"""Captions of pictures, as Conceptual Captions is shared for VL-BERT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kplm.data.example import Example, Picture
from kplm.data.sources.base import Source, json_lines
from kplm.data.sources.row import Row

_FORM = 'Lines are {"image": "a.jpg", "caption": ["a", "dog"], "frcnn": "a.json"}; frcnn, the stored features, may be missing.'


class Captions(Source):
    """One JSON object a line: ``image``, ``caption`` (a string or a list of words) and perhaps ``frcnn``.

    Paths are relative to the file and may point into archives, as in ``train_frcnn.zip@/00000000.json``; the files of
    Conceptual Captions are read as they are, and so is the caption file of ``kplm vision scenes``.
    """

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a caption."""
        folder = Path(path).parent
        for where, fields in json_lines(path):
            row = Row(fields, where, _FORM)
            words = row.fields.get("caption")
            caption = " ".join(row.strings("caption")) if isinstance(words, list) else row.get("caption", str)
            features = str(folder / row.get("frcnn", str)) if row.has("frcnn") else None
            picture = Picture(row.get("image", str), features=features, folder=str(folder))
            yield Example(caption, picture=picture, id=row.id(), where=where)
