"""What entities are called: labels, descriptions, aliases, priors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kg.errors import KgError, did_you_mean
from kg.json_text import from_json
from kg.lines import BadLines, numbered_lines

ID_COLUMNS = ("id", "qid", "entity")
COLUMNS = (*ID_COLUMNS, "label", "description", "aliases", "prior", "source")


class Name(NamedTuple):
    """How texts call one entity.

    Attributes:
        label: the best name, empty where none is known.
        description: a few words that tell what it is.
        aliases: further names.
        prior: how often it is meant, relative to others; 0 where unknown.
    """

    label: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    prior: float = 0.0


def read_names(path: Path, bad: BadLines) -> dict[str, Name]:
    """Read names by the id of an entity or a relation, from TSV with a header line, or from JSON lines with the same keys.

    The columns are ``id`` (or ``qid``, ``entity``), ``label``, ``description``, ``aliases`` (joined by ``|``; a list in
    JSON), ``prior``; all but the id may be missing, others are passed over. Rows of one id are merged. A file that ends
    in ``.json`` may also be one object: ids to rows, or ids to labels.

    Raises:
        KgError: the header has no column for ids, or too many lines are bad.
    """
    rows = READERS.get(path.suffix, _tsv_rows)(path, bad)
    names: dict[str, Name] = {}
    for number, row in rows:
        key = next((str(row[column]) for column in ID_COLUMNS if row.get(column)), "")
        try:
            name = _name(row)
        except (TypeError, ValueError, AttributeError, OverflowError):
            bad.report(path, number, str(row), "a number as prior, a text as label, text or a list of texts as aliases")
            continue
        if key:
            names[key] = merged(names[key], name) if key in names else name
        else:
            bad.report(path, number, str(row), f"an id in {' or '.join(ID_COLUMNS)}")
    return names


def merged(first: Name, second: Name) -> Name:
    """Both names as one: the first's label and description unless empty, all aliases, the larger prior."""
    others = (second.label,) if second.label and second.label != (first.label or second.label) else ()
    aliases = tuple(dict.fromkeys((*first.aliases, *others, *second.aliases)))
    description = first.description or second.description
    return Name(first.label or second.label, description, aliases, max(first.prior, second.prior))


def all_merged(first: Mapping[str, Name], second: Mapping[str, Name]) -> dict[str, Name]:
    """The names of both by id, those of one id as one."""
    return {**first, **{key: merged(first[key], name) if key in first else name for key, name in second.items()}}


def _name(row: Mapping[str, Any]) -> Name:
    aliases = row.get("aliases") or ()
    parts: Sequence[str] = aliases.split("|") if isinstance(aliases, str) else aliases
    texts = (row.get("label") or "").strip(), (row.get("description") or "").strip()
    prior = float(row.get("prior") or 0.0)
    if not math.isfinite(prior):
        raise ValueError(prior)
    return Name(*texts, tuple(part.strip() for part in parts if part.strip()), prior)


def _tsv_rows(path: Path, bad: BadLines) -> Iterator[tuple[int, dict[str, str]]]:
    header: list[str] = []
    for number, line in numbered_lines(path):
        cells = line.split("\t")
        if not header:
            header = [cell.strip().casefold() for cell in cells]
            _check_header(path, number, header)
        elif len(cells) > len(header):
            bad.report(path, number, line, f"at most {len(header)} columns as in the header")
        else:
            yield number, dict(zip(header, cells, strict=False))


def _check_header(path: Path, number: int, header: list[str]) -> None:
    if not set(header) & set(ID_COLUMNS):
        hint = did_you_mean(header[0], COLUMNS)
        raise KgError(f"{path}:{number}: the header {header} has no column {' or '.join(ID_COLUMNS)}. {hint}")


def _json_rows(path: Path, bad: BadLines) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in numbered_lines(path):
        try:
            row = from_json(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            yield number, row
        else:
            bad.report(path, number, line, "a JSON object")


def _json_object(path: Path, bad: BadLines) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of one object; of JSON lines where the file is no such object."""
    try:
        found = from_json("\n".join(line for _, line in numbered_lines(path)))
    except ValueError:
        found = None
    if not isinstance(found, dict) or set(found) & set(ID_COLUMNS):
        yield from _json_rows(path, bad)
        return
    for number, (key, value) in enumerate(found.items(), 1):
        row = {"label": value} if isinstance(value, str) else value
        if isinstance(row, dict):
            yield number, {**row, "id": key}
        else:
            bad.report(path, number, f"{key}: {value}", 'ids to objects such as {"label": ...}, or to labels')


READERS: dict[str, Callable[[Path, BadLines], Iterator[tuple[int, dict[str, Any]]]]] = {
    ".jsonl": _json_rows,
    ".json": _json_object,
}
