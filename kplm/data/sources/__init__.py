"""Readers: one data file in, examples out. One file a family; the class path in the YAML chooses."""

from kplm.data.sources.base import Source
from kplm.data.sources.captions import Captions
from kplm.data.sources.conll import Conll
from kplm.data.sources.easy_vqa import EasyVqa
from kplm.data.sources.ernie import ErnieFewRel, ErnieRelation, ErnieTyping
from kplm.data.sources.fewrel import FewRel
from kplm.data.sources.jsonl import JsonLines, example_from_json, example_to_json
from kplm.data.sources.plain import PlainText
from kplm.data.sources.raganato import Raganato
from kplm.data.sources.refcoco import RefCoco
from kplm.data.sources.scenes import Scenes
from kplm.data.sources.squad import Squad
from kplm.data.sources.srl import Srl
from kplm.data.sources.supersense_json import SupersenseJson
from kplm.data.sources.tagged import TaggedTsv
from kplm.data.sources.tsv import Tsv
from kplm.data.sources.typing import EntityTyping, Ufet
from kplm.data.sources.vcr import Vcr
from kplm.data.sources.vqa import Vqa
from kplm.data.sources.wic import Wic

__all__ = [
    "Captions",
    "Conll",
    "EasyVqa",
    "EntityTyping",
    "ErnieFewRel",
    "ErnieRelation",
    "ErnieTyping",
    "FewRel",
    "JsonLines",
    "PlainText",
    "Raganato",
    "RefCoco",
    "Scenes",
    "Source",
    "Squad",
    "Srl",
    "SupersenseJson",
    "TaggedTsv",
    "Tsv",
    "Ufet",
    "Vcr",
    "Vqa",
    "Wic",
    "example_from_json",
    "example_to_json",
]
