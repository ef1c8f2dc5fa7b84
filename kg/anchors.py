"""How often a text means an entity: counts of anchors, the links that people have set.

From counts comes the prior of linking, P(entity | alias) = count(alias, entity) / count(alias), the strongest single
feature of entity linking ("commonness": Medelyan, Witten and Milne, 2008).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from kg.aliases import Alias
from kg.errors import KgError
from kg.json_text import from_json
from kg.lines import BadLines, numbered_lines
from kg.places import whole_file

HEADER = "alias\tentity\tcount"
BREAKS = frozenset("\t\n\r")
NAME_COUNT = 1.0


def count_anchors(path: Path, bad: BadLines) -> Counter[str]:
    """Count the links of linked texts.

    Args:
        path: JSON lines with ``text`` and ``links``, a list of [start, end, entity, ...] with character offsets.
        bad: counts the lines passed over: no JSON, links outside of the text or on blanks, ids that are no text.

    Returns: for every alias and entity, joined by a tab, how often the one links to the other. Only these pairs are in
        memory. Blanks, tabs and line ends inside of an alias are one blank.

    Raises:
        KgError: the file cannot be read, or too many lines are bad.
    """
    counts: Counter[str] = Counter()
    for number, line in tqdm(numbered_lines(path), desc="Counting anchors", unit=" lines"):
        try:
            counts.update(_pairs(line))
        except (AttributeError, KeyError, TypeError, ValueError):
            bad.report(path, number, line, '"text" and "links" of [start, end, entity], each inside of the text')
    return counts


def write_anchors(counts: Counter[str], out: str | Path, min_count: int = 1) -> int:
    """Write counts as lines of alias TAB entity TAB count under a header, sorted, whole or not at all.

    Args:
        counts: what `count_anchors` gave.
        out: the file.
        min_count: rarer pairs are left out.

    Returns: how many lines were written.

    Raises:
        KgError: no pair is left, or the file cannot be written.
    """
    kept = sorted(pair for pair, count in counts.items() if count >= min_count)
    if not kept:
        raise KgError(f"No link is there {min_count} times, of {len(counts):,} different ones. Give linked texts.")
    with whole_file(out) as file:
        file.write(HEADER + "\n")
        file.writelines(f"{pair}\t{counts[pair]}\n" for pair in kept)
    return len(kept)


def read_anchors(path: Path, bad: BadLines, min_count: float = 1) -> Iterator[Alias]:
    """Aliases whose weight is their count, from lines of alias TAB entity TAB count; a header may precede.

    Args:
        path: the file, also as ``.gz``.
        bad: counts the lines passed over.
        min_count: rarer pairs are left out.

    Raises:
        KgError: the file cannot be read, or too many lines are bad.
    """
    for number, line in numbered_lines(path):
        if line == HEADER:
            continue
        try:
            alias, entity, count = line.split("\t")
            weight = float(count)
        except ValueError:
            alias, entity, weight = "", "", math.nan
        if not (alias and entity and 0 < weight < math.inf):
            bad.report(path, number, line, "alias, entity and a count above 0, with a tab between them")
        elif weight >= min_count:
            yield Alias(entity, alias, weight)


def with_names(anchors: Iterable[Alias], names: Iterable[Alias]) -> Iterator[Alias]:
    """Anchors and the names of a graph together: each name counts as one anchor.

    So every name can be linked, counts decide wherever there are any, and a name that is an anchor of the same entity
    adds nothing, because an entity's best weight holds.
    """
    yield from anchors
    yield from (alias._replace(weight=NAME_COUNT) for alias in names)


def _pairs(line: str) -> list[str]:
    row = from_json(line)
    text = row["text"]
    return [_pair(text, *link[:3]) for link in row.get("links", ())]


def _pair(text: str, start: int, end: int, entity: str) -> str:
    alias = " ".join(text[start:end].split())
    if not (0 <= start < end <= len(text) and alias and entity and BREAKS.isdisjoint(entity)):
        raise ValueError("offsets outside of the text, a blank alias, or an entity that no line can hold")
    pair = alias + "\t" + entity
    pair.encode()  # a lone surrogate cannot be written
    return pair
