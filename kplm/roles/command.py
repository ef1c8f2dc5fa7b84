"""``kplm roles``: label a file with the semantic roles of its sentences."""

from __future__ import annotations

import json

from tqdm import tqdm

from kg.blocks.folder import TextBlocks
from kg.blocks.make import make
from kg.blocks.part import Part
from kg.blocks.summary import Found
from kg.blocks.threads import threads_restored
from kg.lines import BadLines
from kplm.data.sources import JsonLines, PlainText, Source
from kplm.errors import KplmError
from kplm.roles.lines import RoleLines, example_blocks, settings_key


def roles(
    source: str,
    target: str,
    by: str = "rules",
    reader: Source | None = None,
    processes: int = 0,
    threads: int = 1,
    block: int = 512,
    part: str | None = None,
) -> None:
    """Label the sentences of a file with who did what to whom, by rules, a trained labeller or files that have them.

    What is written can be read where roles are: ``--by TARGET``, ``kplm inspect roles --by TARGET``, and in a YAML
    ``kplm.data.roles.Files``. Sentences given as words keep them; others are cut as PropBank cuts them ("do", "n't"). The
    file is the same for any number of processes and parts, and the same command goes on after a kill.

    Args:
        source: a .txt file with one sentence a line, or JSON lines with ``text``, or ``tokens``.
        target: JSON lines to write, in the order of the source; they appear only when they are whole.
        by: who tells the roles: rules (of spaCy's parse); the folder or checkpoint of a trained labeller; or a file that has the
            sentences.
        reader: how the source is written, where it is neither; such as kplm.data.sources.Srl.
        processes: how many work at a time; 0 for one a core. Each opens the rules, the labeller or the file.
        threads: of a labeller in each process; its last bits may depend on their number.
        block: sentences that one process takes at a time; so many are labelled again at most after a kill.
        part: K/N labels every Nth block from the Kth on and stops, for many machines on one disk; join/N then joins all,
            and says what is missing if something is. Without part all is labelled and joined.
    """
    for name, value in (("block", block), ("threads", threads)):
        if value < 1:
            raise KplmError(f"{name} is {value}; it must be 1 or more.")
    share, found = Part.of(part), Found(BadLines())
    folder = TextBlocks.of(target, settings_key(by, threads))
    reader = reader or (PlainText() if source.endswith(".txt") else JsonLines())
    blocks, bar = example_blocks(reader.read(source), block), tqdm(desc="Labelling", unit=" sentences")
    with threads_restored():
        stamps = make(RoleLines(by, threads, folder), blocks, folder, share, processes, found.add, bar)
    if share.joins:
        folder.join(stamps)
    counts = {name: found.counts[name] for name in ("texts", "predicates")}
    print(json.dumps({"out": target, **share.told(len(stamps)), **counts}))
