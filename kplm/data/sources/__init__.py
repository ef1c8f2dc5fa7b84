"""Readers: one data file in, examples out. One file a family; the class path in the YAML chooses."""

from kplm.data.sources.base import Source
from kplm.data.sources.conll import Conll
from kplm.data.sources.ernie import ErnieFewRel, ErnieRelation, ErnieTyping
from kplm.data.sources.fewrel import FewRel
from kplm.data.sources.jsonl import JsonLines, example_from_json, example_to_json
from kplm.data.sources.plain import PlainText
from kplm.data.sources.tagged import TaggedTsv
from kplm.data.sources.tsv import Tsv
from kplm.data.sources.typing import EntityTyping, Ufet

__all__ = [
    "Conll",
    "EntityTyping",
    "ErnieFewRel",
    "ErnieRelation",
    "ErnieTyping",
    "FewRel",
    "JsonLines",
    "PlainText",
    "Source",
    "TaggedTsv",
    "Tsv",
    "Ufet",
    "example_from_json",
    "example_to_json",
]
