"""What ``kplm kg`` does about names in texts: ``link`` them, ``index`` and ``anchors`` for linkers with priors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kg.aliases import Alias, Case, Rules, named_aliases, store_aliases
from kg.anchors import count_anchors, read_anchors, with_names, write_anchors
from kg.errors import KgError
from kg.json_text import from_json
from kg.lines import BadLines, numbered_lines
from kg.link import Linker, open_linker
from kg.names import read_names
from kg.places import locate, whole_file
from kg.store import TripleStore


def link(
    source: str,
    out: str,
    *,
    graph: str,
    names: str | None = None,
    case: Case = "smart",
    threshold: float = 0.0,
    relink: bool = False,
    max_bad: int = 10,
) -> None:
    """Link the texts of a JSON-lines file to a graph.

    Each line's ``text`` gives ``links``, a list of [start, end, id, score] with character offsets, end exclusive; all
    other keys stay. A line that has ``links`` is kept as it is.

    Args:
        source: JSON lines with ``text``.
        out: the file to write, whole or not at all.
        graph: as for train, or the folder of a saved linker, whose own rules then hold except for the threshold.
        names: a file of labels and aliases besides those of the graph.
        case: smart, cased or uncased, see kg.aliases.Rules.
        threshold: links with a smaller score are left out.
        relink: link also the lines that have links.
        max_bad: so many bad lines are passed over with a warning, one more is an error.
    """
    bad = BadLines(max_bad)
    counts = {"lines": 0, "linked": 0, "kept": 0, "links": 0}
    path = locate(source)
    linker = open_linker(graph, names, max_bad, case=case, threshold=threshold)
    with whole_file(out) as file:
        for row in tqdm(_rows(path, bad), desc="Linking", unit=" lines"):
            fresh = relink or "links" not in row
            if fresh:
                links = [link for link in linker.link(row["text"]) if link.score >= threshold]
                row["links"] = [[link.start, link.end, link.entity, round(link.score, 4)] for link in links]
            counts["lines"] += 1
            counts["linked" if fresh else "kept"] += 1
            counts["links"] += len(row["links"])
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(json.dumps({"out": out, **counts, "bad_lines": len(bad.seen)}))


def anchors(source: str, out: str, *, min_count: int = 1, max_bad: int = 10) -> None:
    """Count which texts link to which entities, as priors for kplm kg index.

    Args:
        source: JSON lines with text and links, a list of [start, end, id, ...] with character offsets, end exclusive.
        out: the file of alias TAB entity TAB count to write, whole or not at all.
        min_count: rarer pairs of alias and entity are left out.
        max_bad: so many bad lines are passed over with a warning, one more is an error.
    """
    bad = BadLines(max_bad)
    counts = count_anchors(locate(source), bad)
    written = write_anchors(counts, out, min_count)
    print(json.dumps({"out": out, "links": counts.total(), "pairs": written, "bad_lines": len(bad.seen)}))


def index(
    out: str,
    *,
    graph: str | None = None,
    names: str | None = None,
    anchors: str | None = None,
    min_count: int = 1,
    case: Case = "smart",
    min_length: int = 2,
    threshold: float = 0.0,
    context: float = 10.0,
    other_case: float = 0.8,
    max_bad: int = 10,
) -> None:
    """Build a linker once, in a folder that opens at once however many aliases it has.

    Give at least one of graph, names and anchors. With anchors their counts are the priors, and each name of the graph
    counts as one anchor; without, see kg.aliases.

    Args:
        out: the folder to write, whole or not at all; kplm kg link takes it as its graph.
        graph: as for train; its names are linked, and its triples tell which entities keep company.
        names: a file of labels and aliases, besides those of the graph or without one.
        anchors: a file of alias TAB entity TAB count, such as kplm kg anchors writes.
        min_count: anchors with a smaller count are left out.
        case: smart, cased or uncased, see kg.aliases.Rules.
        min_length: shorter aliases are left out, in characters; one more for an alias in small letters.
        threshold: links with a smaller score are left out.
        context: how much each neighbour in the graph that the text also mentions adds to a candidate.
        other_case: factor on weight and score where the text has another case than the alias.
        max_bad: so many bad lines are passed over with a warning, one more is an error.
    """
    rules = Rules(case, min_length, threshold, context, other_case)
    bad = BadLines(max_bad)
    store = TripleStore.open(graph, names, max_bad) if graph else None
    linker = Linker.build(out, _aliases(store, names, anchors, min_count, bad), store, rules)
    size = sum(file.stat().st_size for file in locate(out).rglob("*") if file.is_file())
    print(json.dumps({"out": out, "names": linker.names, "bytes": size, "bad_lines": len(bad.seen)}))


def _aliases(
    store: TripleStore | None, names: str | None, anchors: str | None, min_count: int, bad: BadLines
) -> Iterator[Alias]:
    """From the graph, which holds the names too, or else from the names; and from the anchors."""
    if store is not None:
        named = store_aliases(store)
    elif names:
        named = named_aliases(read_names(locate(names), bad))
    elif anchors:
        named = iter(())
    else:
        raise KgError("There is nothing to link to. Give graph, names or anchors.")
    return with_names(read_anchors(locate(anchors), bad, min_count), named) if anchors else named


def _rows(path: Path, bad: BadLines) -> Iterator[dict[str, Any]]:
    """The JSON objects that have a text."""
    for number, line in numbered_lines(path):
        try:
            row = from_json(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and isinstance(row.get("text"), str):
            yield row
        else:
            bad.report(path, number, line, 'a JSON object with "text"')
