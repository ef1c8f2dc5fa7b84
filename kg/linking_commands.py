"""What ``kplm kg`` does about names in texts: ``link`` them, ``index`` and ``anchors`` for linkers with priors."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kg.aliases import Alias, Case, Rules, named_aliases, store_aliases
from kg.anchors import count_anchors, read_anchors, with_names, write_anchors
from kg.blocks.folder import TextBlocks
from kg.blocks.lines import line_blocks
from kg.blocks.make import bytes_bar, make
from kg.blocks.part import Part
from kg.blocks.summary import Found
from kg.errors import KgError
from kg.lines import BadLines
from kg.link import Linker
from kg.linking import COUNTED, Linking, Settings
from kg.names import read_names
from kg.places import locate
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
    processes: int = 1,
    block: int = 2000,
    part: str | None = None,
    max_bad: int = 10,
) -> None:
    """Link the texts of a JSON-lines file to a graph.

    Each line's ``text`` gives ``links``, a list of [start, end, id, score] with character offsets, end exclusive; all
    other keys stay. A line that has ``links`` is kept as it is. The file is the same for any number of processes and
    parts, and the same command goes on after a kill.

    Args:
        source: JSON lines with ``text``.
        out: the file to write, whole or not at all.
        graph: as for train, or the folder of a saved linker, whose own rules then hold except for the threshold.
        names: a file of labels and aliases besides those of the graph.
        case: smart, cased or uncased, see kg.aliases.Rules.
        threshold: links with a smaller score are left out.
        relink: link also the lines that have links.
        processes: how many work at a time; 0 for one a core. Each opens the graph; a saved linker is shared.
        block: lines that one process takes at a time; so many are linked again at most after a kill.
        part: K/N links every Nth block from the Kth on and stops, for many machines on one disk; join/N then joins all,
            and says what is missing if something is. Without part all is linked and joined.
        max_bad: so many bad lines are passed over with a warning, one more is an error.
    """
    if block < 1:
        raise KgError(f"block is {block}; it must be 1 or more.")
    path, share = locate(source), Part.of(part)
    settings = Settings(graph, names, case, threshold, relink)
    folder, found = TextBlocks.of(out, settings.key), Found(BadLines(max_bad))
    bar = bytes_bar([path], "Linking")
    blocks = line_blocks([path], block, lambda line: 1)
    stamps = make(Linking(settings, folder, max_bad), blocks, folder, share, processes, found.add, bar)
    if share.joins:
        folder.join(stamps)
    counts = {name: found.counts[name] for name in COUNTED}
    print(json.dumps({"out": out, **share.told(len(stamps)), **counts, "bad_lines": len(found.bad.seen)}))


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
