"""``kplm kg wordnet``: WordNet's graph as a folder, its glosses as text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from kg.opening import KIND, fill_store
from kg.places import whole_folder
from kg.wordnet.files import read_licence
from kg.wordnet.synsets import Gloss
from kg.wordnet.wordnet import WordNet

GLOSSES, LICENCE = "glosses.txt", "LICENSE.WordNet.txt"


def wordnet(out: str, *, wordnet: str | None = None) -> None:
    """Write WordNet as a graph with names, and its glosses as text to train on.

    The folder opens as a graph wherever one is asked for. In it, glosses.txt has a document for each synset: its definition,
    then its examples, one a line, and a blank line behind; and LICENSE.WordNet.txt is the licence that goes with every copy.

    Args:
        out: the folder to write, whole or not at all.
        wordnet: the folder of WordNet's files; by default that of WNSEARCHDIR, else it is looked for where packages put it.
    """
    found = WordNet.open(wordnet)
    store = found.graph()
    with whole_folder(out, KIND) as folder:
        fill_store(folder, store)
        counts = write_glosses(folder / GLOSSES, tqdm(found.glosses(), "Glosses", len(store.entities), unit=" synsets"))
        (folder / LICENCE).write_text(read_licence(found.folder / "data.noun"), encoding="utf-8")
    sizes = {"triples": len(store), "entities": len(store.entities), "relations": len(store.relations)}
    print(json.dumps({"out": out, "wordnet": str(found.folder), **sizes, **counts}))


def write_glosses(path: Path, glosses: Iterable[Gloss]) -> dict[str, int]:
    """Write documents of definition and examples; returns how many there are of each."""
    counts = {"definitions": 0, "examples": 0}
    with path.open("w", encoding="utf-8") as file:
        for gloss in glosses:
            file.write("\n".join((gloss.definition, *gloss.examples)) + "\n\n")
            counts["definitions"] += 1
            counts["examples"] += len(gloss.examples)
    return counts
