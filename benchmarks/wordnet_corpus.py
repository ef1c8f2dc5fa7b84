"""WordNet's definitions as linked text: what pretrain_small.yaml learns from.

    python benchmarks/wordnet_corpus.py DATA/wn18 OUT

reads WN18 (Bordes et al., 2013) with a text "lemma, definition" for each synset, and writes OUT/graph (for ``kplm kg train`` and
for linking), OUT/train.jsonl and OUT/valid.jsonl (for ``kplm prepare``). A document is a synset's definition followed by those of
one to three neighbours in the graph. The word defined is linked to its synset; so is every lemma of a graph neighbour that the
definition itself uses, such as "herb" in that of pennyroyal. One synset in twenty is held out, in runs of 200 as WordNet orders
them, so that neighbours are held out together: its definition occurs in no training document.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

NEIGHBOURS = 3
HELD_OUT, RUN = 20, 200
SHORTEST = 3
"""Letters of a lemma that is looked for in definitions."""

RELATIONS = {
    "_hypernym": "kind of",
    "_hyponym": "such as",
    "_instance_hypernym": "instance of",
    "_instance_hyponym": "such as",
    "_part_of": "part of",
    "_has_part": "has part",
    "_member_holonym": "member of",
    "_member_meronym": "has member",
    "_synset_domain_topic_of": "term of",
    "_member_of_domain_topic": "has term",
    "_synset_domain_region_of": "used in",
    "_member_of_domain_region": "region of",
    "_synset_domain_usage_of": "used as",
    "_member_of_domain_usage": "such as",
    "_derivationally_related_form": "related to",
    "_verb_group": "like",
    "_similar_to": "similar to",
    "_also_see": "see also",
}
"""How a triple reads: pangolin, kind of, mammal."""

Synsets = Mapping[str, tuple[str, str]]
"""Lemma and definition of each synset."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "source", type=Path, help="folder with train.txt, valid.txt, entity2text.txt, relation2text.txt"
    )
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    synsets = read_synsets(args.source / "entity2text.txt")
    write_graph(args.source, args.out / "graph", synsets)
    near = neighbours(args.source / "train.txt")
    choose = random.Random(args.seed)
    order = sorted(synsets)
    held = {synset for i, synset in enumerate(order) if i // RUN % HELD_OUT == 0}
    choose.shuffle(order)
    for name, own in (("valid", held), ("train", set(order) - held)):
        roots = [synset for synset in order if synset in own]
        rows = [document(root, synsets, near, own, choose) for root in roots]
        rows = [row for row in rows if "\n" in str(row["text"])]  # one definition alone has no next sentence
        (args.out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        print(f"{name}: {len(rows):,} documents, {sum(len(row['links']) for row in rows):,} links")


def read_synsets(path: Path) -> dict[str, tuple[str, str]]:
    """Lemma and definition by id."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        synset, text = line.split("\t", 1)
        lemma, _, definition = text.partition(", ")
        found[synset] = lemma.strip(), " ".join(definition.split())
    return found


def write_graph(source: Path, folder: Path, synsets: Synsets) -> None:
    """Triples and names as ``kg`` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "valid"):
        (folder / f"{split}.tsv").write_text((source / f"{split}.txt").read_text(encoding="utf-8"), encoding="utf-8")
    relations = "".join(f"{relation}\t{label}\n" for relation, label in RELATIONS.items())
    (folder / "relations.tsv").write_text(f"id\tlabel\n{relations}", encoding="utf-8")
    names = "".join(f"{synset}\t{lemma}\t{text}\n" for synset, (lemma, text) in synsets.items())
    (folder / "entities.tsv").write_text(f"id\tlabel\tdescription\n{names}", encoding="utf-8")


def neighbours(path: Path) -> dict[str, list[str]]:
    """The synsets one triple away, by id."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines():
        head, _, tail = line.split("\t")
        found[head][tail] = found[tail][head] = None
    return {synset: list(others) for synset, others in found.items()}


def document(
    root: str, synsets: Synsets, near: Mapping[str, list[str]], own: set[str], choose: random.Random
) -> dict[str, object]:
    """One document with its links; each definition is a paragraph."""
    others = [other for other in near.get(root, ()) if other in own and other != root]
    text, links = "", []
    for synset in [root, *choose.sample(others, min(NEIGHBOURS, len(others)))]:
        lemma, definition = synsets[synset]
        paragraph = f"{lemma}: {definition}."
        links.append([len(text), len(text) + len(lemma), synset])
        after = len(lemma) + 2
        links += [
            [len(text) + after + at, len(text) + after + end, other]
            for at, end, other in used(definition, synset, synsets, near)
        ]
        text += f"{paragraph}\n"
    return {"id": root, "text": text.rstrip("\n"), "links": links}


def used(
    definition: str, synset: str, synsets: Synsets, near: Mapping[str, list[str]]
) -> Iterator[tuple[int, int, str]]:
    """The first use of each neighbour's lemma in a definition, none overlapping another, longest lemma first."""
    taken: list[tuple[int, int]] = []
    for other in sorted(near.get(synset, ()), key=lambda one: (-len(synsets[one][0]), one)):
        lemma = synsets[other][0]
        if len(lemma) < SHORTEST or lemma not in definition:
            continue
        match = re.search(rf"\b{re.escape(lemma)}\b", definition)
        if match and all(match.end() <= begin or end <= match.start() for begin, end in taken):
            taken.append(match.span())
            yield (*match.span(), other)


if __name__ == "__main__":
    main()
