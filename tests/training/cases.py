"""A tiny case of every system and every task, for what must hold of all of them: training on several ranks, resuming, sharding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kplm.config import SemBertConfig, SenseBertConfig, VlBertConfig
from kplm.data.annotate import Entities, Indicator, Regions, Roles, Tree
from kplm.data.captions import CaptionData
from kplm.data.loading import LengthBatched
from kplm.data.looks import Pixels, StoredRegions
from kplm.data.module import TextData
from kplm.data.pretraining import CorpusData
from kplm.data.sources import JsonLines, Scenes, Source, Srl
from kplm.heads import (
    Answer,
    Choose,
    Classify,
    EntityType,
    Extract,
    GroundedChoice,
    Regress,
    Relation,
    Tag,
    TagInjected,
    TagRoles,
    TagSenses,
)
from kplm.heads.base import Head
from kplm.masking import EntityNoise, MaskRegions, MaskWords
from kplm.models import BaseEncoder, Encoder, ErnieThu, SemBert, SenseBert, VlBert
from kplm.nn.pooling import Marked
from kplm.objectives import (
    EntityDenoising,
    MaskedRegions,
    MaskedWords,
    NextSentence,
    SentenceImage,
    Supersenses,
    Term,
    Weighted,
)
from kplm.role_tags import tags_of
from kplm.training import Finetune, Optimization, Pretrain, Training
from tests.conftest import ENTITIES, SIZES, VOCABULARY, tiny_encoder, tiny_ernie
from tests.data.role_source import SecondWord
from tests.training.rows import CLASSES, ROWS, SIDE, STORED, Places
from vision.regions import Small
from vision.scenes import CLASSES as SHAPES

CORPUS_ROWS = 5
SENSES = ("noun.location", "noun.object", "verb.stative", "adj.all")
FAST = Optimization(lr=2e-3, fresh_lr=5e-3, warmup=0.0)


Case = Callable[[Places], tuple[Training, LengthBatched]]


def _bert() -> Encoder:
    return tiny_encoder(dropout=0.1, attention_dropout=0.1)


def _ernie(**changes: Any) -> ErnieThu:
    return tiny_ernie(dropout=0.1, attention_dropout=0.1, **changes)


def _sembert() -> SemBert:
    torch.manual_seed(0)
    return SemBert(SemBertConfig(**SIZES, tags=tags_of("sembert22"), tag_width=6, aspects=2))


def _sensebert() -> SenseBert:
    torch.manual_seed(0)
    model = SenseBert(SenseBertConfig(**SIZES, senses=SENSES))
    known = {"rome": [0], "paris": [0], "river": [1], "lives": [2], "good": [3], "fine": [1, 3]}
    allowed = [[sense in known.get(word, []) for sense in range(len(SENSES))] for word in VOCABULARY]
    model.know(torch.tensor(allowed), torch.tensor([word.startswith("##") for word in VOCABULARY]))
    return model


def _vlbert(features: nn.Module | None = None, **changes: Any) -> VlBert:
    torch.manual_seed(0)
    width = STORED if features is None else features.width
    seen = {"visual_size": SIZES["hidden"], "geometry_width": 16, "visual_init": 0.5, "feature_width": int(width)}  # type: ignore[arg-type]
    return VlBert(VlBertConfig(**{**SIZES, **seen, **changes}), features)


def _small() -> Small:
    torch.manual_seed(1)
    return Small(width=24, channels=16, side=SIDE)


def _pixels(places: Places, **options: Any) -> Regions:
    return Regions(Pixels(short=SIDE, long=SIDE, **options))


def _task(
    places: Places,
    head: Head,
    encoder: BaseEncoder,
    rows: str = "texts",
    source: Source | None = None,
    train_encoder: bool = True,
    **options: Any,
) -> tuple[Training, LengthBatched]:
    """Fine-tuning on rows of one kind."""
    files = places.files(rows)
    asked = {"batch_rows": ROWS, "max_length": 48, "markers": {"mention": "$"}, "predict_source": source}
    data = TextData(source or JsonLines(), places.bert, **{**files, **asked, **options})
    return Finetune(encoder, head, data.label_names, FAST, train_encoder=train_encoder), data


def _corpus(places: Places, encoder: BaseEncoder, terms: list[Term], **options: Any) -> tuple[Training, LengthBatched]:
    """Pretraining on the prepared corpus."""
    maskers = [MaskWords(), *([EntityNoise()] if "entities" in options else [])]
    data = CorpusData(places.train, places.val, maskers=maskers, batch_rows=CORPUS_ROWS, **options)
    return Pretrain(encoder, Weighted(terms), FAST), data


def _captions(
    places: Places, encoder: BaseEncoder, terms: list[Term], regions: Regions, rows: str, **options: Any
) -> tuple[Training, LengthBatched]:
    """Pretraining on captions."""
    files = {stage: places.file(rows, stage) for stage in ("train", "val")}
    maskers = [MaskWords(), MaskRegions(share=0.5)]
    data = CaptionData(places.bert, regions, maskers=maskers, batch_rows=ROWS, **files, **options)
    return Pretrain(encoder, Weighted(terms), FAST), data


def _linked(places: Places) -> dict[str, Any]:
    return {"annotators": [Entities(places.table)]}


def _grown(places: Places) -> dict[str, Any]:
    return {"annotators": [Tree(str(Path(places.folder, "graph")))]}


def _labelled(places: Places) -> dict[str, Any]:
    return {"annotators": [Roles(SecondWord(), aspects=2, inventory="sembert22")]}


def _stored(places: Places, classes: bool = False) -> Regions:
    return Regions(StoredRegions(str(Path(places.folder, "store")), classes))


def _ernie_terms() -> list[Term]:
    return [MaskedWords(), NextSentence(), EntityDenoising()]


CASES: dict[str, Case] = {
    "bert_pretraining": lambda at: _corpus(at, _bert(), [MaskedWords(), NextSentence()]),
    "bert_words_packed": lambda at: _corpus(at, _bert(), [MaskedWords()], packing="rows"),
    "bert_roles": lambda at: _task(
        at, TagRoles(), _bert(), "roles", Srl(), task="roles", annotators=[Indicator()], predict_source=Srl("sentences")
    ),
    "bert_frozen": lambda at: _task(at, Classify(), _bert(), train_encoder=False),
    "ernie_pretraining": lambda at: _corpus(at, _ernie(), _ernie_terms(), entities=Entities(at.table)),
    "ernie_own_table": lambda at: _corpus(
        at, _ernie(entity_rows=len(ENTITIES)), _ernie_terms(), entities=Entities(at.table)
    ),
    "ernie_typing": lambda at: _task(at, EntityType(pool=Marked(1)), _ernie(), task="set", **_linked(at)),
    "ernie_relation": lambda at: _task(
        at, Relation(pool=Marked(2)), _ernie(), "relations", markers={"head": "#", "tail": "$"}, **_linked(at)
    ),
    "ernie_off": lambda at: _task(at, Classify(), _ernie(), knowledge="off", **_linked(at)),
    "kbert_classify": lambda at: _task(at, Classify(), _bert(), **_grown(at)),
    "kbert_tags": lambda at: _task(at, TagInjected(), _bert(), task="tags", **_grown(at)),
    "sembert_classify": lambda at: _task(at, Classify(), _sembert(), **_labelled(at)),
    "sembert_regress": lambda at: _task(at, Regress(), _sembert(), "numbers", task="number", **_labelled(at)),
    "sembert_tags": lambda at: _task(at, Tag(), _sembert(), task="tags", **_labelled(at)),
    "sembert_answers": lambda at: _task(
        at, Extract(no_answer=True), _sembert(), "questions", task="spans", max_length=32, stride=8, **_labelled(at)
    ),
    "sensebert_pretraining": lambda at: _corpus(at, _sensebert(), [MaskedWords(), Supersenses()]),
    "sensebert_classify": lambda at: _task(at, Classify(), _sensebert()),
    "sensebert_senses": lambda at: _task(at, TagSenses(), _sensebert(), task="senses"),
    "vlbert_stored": lambda at: _captions(
        at,
        _vlbert(region_classes=CLASSES),
        [MaskedWords(), MaskedRegions(), SentenceImage()],
        _stored(at, classes=True),
        "captions",
        mismatched=0.5,
        texts=str(Path(at.folder, "texts.txt")),
    ),
    "vlbert_pixels": lambda at: _captions(
        at,
        _vlbert(_small(), region_classes=len(SHAPES)),
        [MaskedWords(), MaskedRegions()],
        _pixels(at, classes=str(Path(at.folder, "scenes", "classes.txt"))),
        "scenes/captions",
        source=Scenes(),
        texts=str(Path(at.folder, "texts.txt")),
    ),
    "vlbert_answers": lambda at: _task(
        at, Answer(), _vlbert(_small()), "scenes/questions", Scenes(), task="answers", annotators=[_pixels(at)]
    ),
    "vlbert_choose": lambda at: _task(
        at, Choose(), _vlbert(_small()), "scenes/expressions", Scenes(), task="regions", annotators=[_pixels(at)]
    ),
    "vlbert_choices": lambda at: _task(
        at,
        GroundedChoice(object_classes=3),
        _vlbert(_small()),
        "choices",
        task="choices",
        annotators=[_pixels(at)],
    ),
    "vlbert_off": lambda at: _task(at, Classify(), _vlbert(), knowledge="off", annotators=[_stored(at)]),
}
"""By name, system first; each builds model and data anew."""
