"""Does the knowledge help? Sentences about nouns unseen in training, whose hypernym only the graph tells.

    python benchmarks/wordnet_classes.py DATA/wn18 OUT [--seed 0] [--most 420]

reads WN18 (Bordes et al., 2013) and writes OUT/graph, OUT/train.jsonl and OUT/valid.jsonl for lightning_configs/kbert/wordnet_classes.yaml.
A sentence such as "Nobody had mentioned the pangolin before." holds one noun, linked to its synset; the label is the broad class that its
hypernyms lead to, such as animal. The sentence says nothing about it: what remains is what the model knows about the word, and the graph.

- A noun is a single word that no other synset is called by, and has no hyponyms: it stands in no other noun's branch.
- No triple joins it to the synset of a class, so that its branch never names the answer as WordNet defines it.
- Nouns whose hypernyms lead to several classes, or to none, are left out.
- Training and validation share neither nouns nor sentences; they do share hypernyms, which is the knowledge.

Printed as JSON: the sizes, and on valid the accuracy of the most frequent class, and of the class that training nouns of the same direct
hypernym have most (the most frequent where there is none): what the graph gives without a language model.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from wordnet_corpus import Synsets, read_synsets, write_graph

CLASSES = {
    "00007846": "person",
    "00015388": "animal",
    "00017222": "plant",
    "00020827": "matter",
    "00021939": "artifact",
    "00023271": "cognition",
    "00024720": "state",
    "00030358": "act",
    "00033020": "communication",
    "00033615": "quantity",
    "05220461": "body part",
    "07950920": "group",
}
"""Synsets of WordNet 3.0 that are neither above nor below one another."""

SENTENCES = {
    "train": (
        "Nobody had mentioned the {} before.",
        "We talked about the {} for an hour.",
        "She wrote a long letter about the {}.",
        "The {} was new to all of us.",
        "He could not explain the {} to his sister.",
        "I had never heard of the {} until today.",
        "There was a question about the {} in the quiz.",
        "My notes on the {} are incomplete.",
        "The next page deals with the {}.",
        "It took me a while to understand what the {} was.",
        "They kept coming back to the {}.",
        "Have you looked up the {} yet?",
        "The {} is described in the second volume.",
        "A friend told me about the {}.",
    ),
    "valid": (
        "The article begins with the {}.",
        "I asked them what they knew about the {}.",
        "We had forgotten about the {}.",
        "Someone brought up the {} again.",
        "The {} came up twice that evening.",
        "This chapter is about the {}.",
    ),
}


class Noun(NamedTuple):
    """A synset to write a sentence about; ``parent`` is its first direct hypernym."""

    synset: str
    lemma: str
    label: str
    parent: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with train.txt, valid.txt, entity2text.txt")
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=420, help="nouns of a class, so that none dominates")
    args = parser.parse_args()
    synsets = read_synsets(args.source / "entity2text.txt")
    write_graph(args.source, args.out / "graph", synsets)
    parts = split(nouns(args.source, synsets), args.most, random.Random(args.seed))
    for name, part in parts.items():
        choose = random.Random(f"{name} {args.seed}")
        rows = [sentence(noun, choose.choice(SENTENCES[name])) for noun in part]
        (args.out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(json.dumps(baselines(parts["train"], parts["valid"]), indent=1))


def nouns(source: Path, synsets: Synsets) -> list[Noun]:
    """All nouns that can be asked about, in the order of their ids."""
    above = hypernyms(source)
    parents = {parent for some in above.values() for parent in some}
    uses = Counter(lemma for lemma, _ in synsets.values())
    direct = {
        one for head, _, tail in triples(source) for one in (head, tail) if not CLASSES.keys().isdisjoint((head, tail))
    }
    found = []
    for synset, (lemma, _) in sorted(synsets.items()):
        plain = lemma.isalpha() and uses[lemma] == 1 and synset not in parents
        if plain and synset in above and synset not in direct:
            labels = {CLASSES[one] for one in ancestors(synset, above) if one in CLASSES}
            if len(labels) == 1:
                found.append(Noun(synset, lemma, *labels, above[synset][0]))
    return found


def triples(source: Path) -> Iterator[list[str]]:
    """Head, relation and tail, of all splits."""
    for name in ("train.txt", "valid.txt"):
        for line in (source / name).read_text(encoding="utf-8").splitlines():
            yield line.split("\t")


def hypernyms(source: Path) -> dict[str, list[str]]:
    """The direct hypernyms of each synset; WN18 holds many of them only as the inverse."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for head, relation, tail in triples(source):
        if relation in ("_hypernym", "_hyponym"):
            below, above = (head, tail) if relation == "_hypernym" else (tail, head)
            found[below][above] = None
    return {synset: list(some) for synset, some in found.items()}


def ancestors(synset: str, above: Mapping[str, Iterable[str]]) -> set[str]:
    """Everything that hypernyms lead to."""
    found: set[str] = set()
    waiting = [synset]
    while waiting:
        new = [one for one in above.get(waiting.pop(), ()) if one not in found]
        found.update(new)
        waiting += new
    return found


def split(found: list[Noun], most: int, choose: random.Random) -> dict[str, list[Noun]]:
    """Of each class at most ``most`` nouns, a fifth of them for validation."""
    parts: dict[str, list[Noun]] = {"train": [], "valid": []}
    for label in CLASSES.values():
        own = [noun for noun in found if noun.label == label]
        own = choose.sample(own, min(most, len(own)))
        parts["valid"] += own[: len(own) // 5]
        parts["train"] += own[len(own) // 5 :]
    for part in parts.values():
        choose.shuffle(part)
    return parts


def sentence(noun: Noun, frame: str) -> dict[str, object]:
    """One row of kplm's JSON lines."""
    start = frame.index("{}")
    end = start + len(noun.lemma)
    text = frame.format(noun.lemma)
    return {
        "id": noun.synset,
        "text": text,
        "mention": [start, end],
        "links": [[start, end, noun.synset]],
        "label": noun.label,
    }


def baselines(train: list[Noun], valid: list[Noun]) -> dict[str, object]:
    """Sizes, and what is right without reading a sentence."""
    frequent = Counter(noun.label for noun in train).most_common(1)[0][0]
    by_parent: dict[str, Counter[str]] = defaultdict(Counter)
    for noun in train:
        by_parent[noun.parent][noun.label] += 1
    known = [noun for noun in valid if noun.parent in by_parent]
    right = sum(by_parent[noun.parent].most_common(1)[0][0] == noun.label for noun in known)
    guessed = sum(noun.label == frequent for noun in valid if noun.parent not in by_parent)
    return {
        "train": len(train),
        "valid": len(valid),
        "classes": dict(Counter(noun.label for noun in valid).most_common()),
        "most_frequent_class": round(sum(noun.label == frequent for noun in valid) / len(valid), 4),
        "valid_hypernyms_met_in_training": round(len(known) / len(valid), 4),
        "class_of_the_hypernym": round((right + guessed) / len(valid), 4),
    }


if __name__ == "__main__":
    main()
