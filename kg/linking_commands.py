"""What ``kplm kg anchors`` and ``kplm kg index`` do: linkers with priors, for millions of aliases."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kg.aliases import Alias, Case, Rules, named_aliases, store_aliases
from kg.anchors import count_anchors, read_anchors, with_names, write_anchors
from kg.errors import KgError
from kg.lines import BadLines
from kg.link import Linker
from kg.names import read_names
from kg.places import locate
from kg.store import TripleStore


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
