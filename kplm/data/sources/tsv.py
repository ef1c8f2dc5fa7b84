"""Tables with a header, as GLUE has them: SST-2 (sentence, label), RTE (sentence1, sentence2, label)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kplm.data.example import Example
from kplm.data.sources.base import Source, lines, position
from kplm.errors import DataError, did_you_mean


class Tsv(Source):
    """One example a line, columns named by the first line. Quotation marks are ordinary characters.

    Args:
        text: the column of the text.
        pair: the column of the second text; None for single texts.
        label: the column of the class; None for files without labels.
        delimiter: what separates the columns.
    """

    def __init__(
        self, text: str = "sentence", pair: str | None = None, label: str | None = "label", delimiter: str = "\t"
    ) -> None:
        self.text, self.pair, self.label, self.delimiter = text, pair, label, delimiter

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a line after the header; empty lines of a table with several columns are skipped.

        Raises:
            DataError: also where a named column is absent, or a line has more or fewer columns than the header.
        """
        rows = lines(path)
        where, line = next(rows, (f"{Path(path).name}:1", ""))
        header = line.split(self.delimiter)
        columns = [None if name is None else self._column(header, name, where) for name in self._names()]
        for where, line in rows:
            if line or len(header) == 1:
                values = self._split(line, header, where)
                text, pair, label = (None if column is None else values[column] for column in columns)
                yield Example(text=text or "", pair=pair, label=label, id=position(where), where=where)

    def _names(self) -> tuple[str, str | None, str | None]:
        return self.text, self.pair, self.label

    def _column(self, header: list[str], name: str, where: str) -> int:
        if name not in header:
            raise DataError(
                f"{where}: column '{name}' is absent; the header has: {', '.join(header)}.{did_you_mean(name, header)} "
                f"Give {type(self).__name__} names that the header has; it was cut at {self.delimiter!r}."
            )
        return header.index(name)

    def _split(self, line: str, header: list[str], where: str) -> list[str]:
        values = line.split(self.delimiter)
        if len(values) != len(header):
            raise DataError(
                f"{where}: {len(values)} columns, but the header has {len(header)} ({', '.join(header)}). "
                f"A value cannot hold the delimiter {self.delimiter!r}, and quotation marks do not protect it."
            )
        return values
