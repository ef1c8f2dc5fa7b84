"""WordNet as a graph: synsets are entities, pointers are relations, lemmas are names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kg.errors import KgError
from kg.gather import Gather
from kg.names import Name
from kg.readers import Triple
from kg.store import TripleStore
from kg.wordnet.files import AGAIN
from kg.wordnet.synsets import Synset, read_synsets

POINTERS = {
    "!": "antonym",
    "@": "hypernym",
    "@i": "instance_hypernym",
    "~": "hyponym",
    "~i": "instance_hyponym",
    "#m": "member_holonym",
    "#s": "substance_holonym",
    "#p": "part_holonym",
    "%m": "member_meronym",
    "%s": "substance_meronym",
    "%p": "part_meronym",
    "=": "attribute",
    "+": "derivationally_related_form",
    ";c": "domain_topic",
    "-c": "domain_topic_member",
    ";r": "domain_region",
    "-r": "domain_region_member",
    ";u": "domain_usage",
    "-u": "domain_usage_member",
    "*": "entailment",
    ">": "cause",
    "^": "also_see",
    "$": "verb_group",
    "&": "similar_to",
    "<": "participle_of",
    "\\": "pertainym",
}
"""The relation of each pointer symbol, by the names of ``man wninput``; the adverb's derivation is a pertainym too."""


def graph(folder: Path) -> TripleStore:
    """All synsets and pointers of a WordNet.

    Entities are called ``02084071-n``; a satellite adjective has the letter a. Their label is the first word, the other
    words are aliases, the definition is the description. A pointer between two words counts as one between their synsets,
    as in WN18 (Bordes et al., 2013), and each triple is there once. A synset without pointers is there, too.

    Raises:
        KgError: a data file is damaged, or a pointer leads nowhere.
    """
    gather = Gather()
    for synset in read_synsets(folder):
        gather.add_names({synset.gloss.synset: _name(synset)})
        gather.add(_triples(synset), "train")
    lost = [entity for entity in gather.entities if entity not in gather.names]
    if lost:
        seen = f"{len(lost):,} targets of pointers in {folder}/data.* are no synsets there, the first is {lost[0]}"
        raise KgError(f"{seen}. One of the files is truncated or of another WordNet. {AGAIN}")
    relations = {relation: Name(relation.replace("_", " ")) for relation in gather.relations}
    notes = {"source": f"wordnet:{folder}"}
    return TripleStore(list(gather.entities), list(gather.relations), gather.triples(), gather.names, relations, notes)


def _name(synset: Synset) -> Name:
    label, *others = dict.fromkeys(synset.words)
    return Name(label, synset.gloss.definition, tuple(others))


def _triples(synset: Synset) -> Iterator[Triple]:
    return (Triple(synset.gloss.synset, POINTERS.get(mark, mark), target) for mark, target in synset.pointers)
