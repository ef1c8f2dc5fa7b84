"""Prepared corpora to batches: fields of pairs and of packed texts, masks that the seed decides, clear errors."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kplm.data.annotate import Entities
from kplm.data.pretraining import CorpusData
from kplm.data.stored import CorpusRows
from kplm.errors import DataError, MissingFieldError
from kplm.fields import ALL_VISIBLE, FIELDS, IGNORE
from kplm.masking import EntityNoise, MaskWords, WholeWords
from tests.conftest import VOCABULARY

CLS, SEP = VOCABULARY.index("[CLS]"), VOCABULARY.index("[SEP]")


def data(corpora: dict[str, str], table: Path, **options: Any) -> CorpusData:
    maskers = [MaskWords(WholeWords()), EntityNoise()]
    files = {"train": corpora["train"], "val": corpora["val"]}
    found = CorpusData(**{**files, "maskers": maskers, "entities": Entities(str(table)), "batch_rows": 4, **options})
    found.setup("fit")
    return found


def epoch(module: CorpusData) -> list[dict[str, Tensor]]:
    return list(module.train_dataloader())


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_pair_has_two_segments_its_label_and_its_entities(corpora: dict[str, str], tiny_table: Path) -> None:
    rows = CorpusRows(corpora["train"], Entities(str(tiny_table)))
    assert rows.pairs
    seen = set()
    for i in range(len(rows)):
        row = rows[i]
        ids, segments = row["input_ids"].tolist(), row["segment_ids"].tolist()
        assert ids[0] == CLS
        assert ids.count(CLS) == 1
        assert [at for at, token in enumerate(ids) if token == SEP] == [segments.index(1) - 1, len(ids) - 1]
        assert row["position_ids"].tolist() == list(range(len(ids)))
        assert row["document"].tolist() == [1] * len(ids)
        seen.add(row["next_sentence"])
        words = {"Q1": "rome", "Q2": "paris", "Q3": "river"}
        names = [None, *(words[rows.entities.table.ids([row_ - 1])[0]] for row_ in row["entity_ids"][1:])]
        assert row["entity_positions"][0] == 0
        assert [VOCABULARY[ids[at]] for at in row["entity_positions"][1:]] == names[1:]
        assert sum(VOCABULARY[token] in words.values() for token in ids) == len(names) - 1
    assert seen == {0, 1}


def test_packed_texts_count_their_positions_and_have_a_sentence_slot_each(
    corpora: dict[str, str], tiny_table: Path
) -> None:
    rows = CorpusRows(corpora["packed"], Entities(str(tiny_table)))
    several = 0
    for i in range(len(rows)):
        row = rows[i]
        starts = [at for at, token in enumerate(row["input_ids"]) if token == CLS]
        documents = row["document"].tolist()
        assert [documents[at] for at in starts] == list(range(1, len(starts) + 1))
        assert [int(row["position_ids"][at]) for at in starts] == [0] * len(starts)
        assert [at for at, entity in zip(row["entity_positions"], row["entity_ids"]) if entity == 0] == starts
        assert "next_sentence" not in row
        several += len(starts) > 1
    assert several, "some rows hold more than one text"


def test_batches_hold_every_field_they_promise_and_each_row_once_an_epoch(
    corpora: dict[str, str], tiny_table: Path
) -> None:
    module = data(corpora, tiny_table)
    batches = epoch(module)
    for batch in batches:
        assert batch.keys() - {ALL_VISIBLE} == module.writes
        assert all(batch[name].dtype == FIELDS[name].dtype for name in batch)
        assert batch["candidate_vectors"].shape == (len(batch["candidate_ids"]), 12)
        assert not batch["candidate_vectors"][0].any()
    rows = sorted(row for batch in batches for row in batch["row"].tolist())
    assert rows == list(range(len(module._rows["train"])))


def test_every_epoch_masks_anew_and_equal_seeds_mask_alike(corpora: dict[str, str], tiny_table: Path) -> None:
    module, twin = data(corpora, tiny_table), data(corpora, tiny_table, workers=2)
    loader = module.train_dataloader()
    first, second = list(loader), list(loader)
    assert all(same(one, other) for one, other in zip(first, epoch(twin), strict=True)), "workers change nothing"
    other = epoch(data(corpora, tiny_table, seed=1))
    masks = [_masks(batches) for batches in (first, second, other)]
    assert masks[0].keys() == masks[1].keys() == masks[2].keys()
    for one, two in ((0, 1), (0, 2)):
        changed = sum(masks[one][row] != masks[two][row] for row in masks[0])
        assert changed > 0.8 * len(masks[0])


def _masks(batches: list[dict[str, Tensor]]) -> dict[int, list[int]]:
    rows = ((row, labels) for batch in batches for row, labels in zip(batch["row"].tolist(), batch["mlm_labels"]))
    return {row: [at for at, label in enumerate(labels.tolist()) if label != IGNORE] for row, labels in rows}


def test_validation_hides_the_same_words_each_time(corpora: dict[str, str], tiny_table: Path) -> None:
    module = data(corpora, tiny_table)
    once, twice = list(module.val_dataloader()), list(module.val_dataloader())
    assert all(same(one, other) for one, other in zip(once, twice, strict=True))


def test_switched_off_entities_leave_only_sentence_slots(corpora: dict[str, str], tiny_table: Path) -> None:
    for batch in epoch(data(corpora, tiny_table, knowledge="off")):
        assert not (batch["entity_ids"] > 0).any()
        assert (batch["entity_labels"] == IGNORE).all()
        assert batch["candidate_ids"].tolist() == [0]


def test_rows_go_to_other_processes_as_a_path(corpora: dict[str, str], tiny_table: Path) -> None:
    rows = CorpusRows(corpora["train"], Entities(str(tiny_table)))
    state = pickle.dumps(rows)
    assert len(state) < 5000
    assert pickle.loads(state)[3]["input_ids"].tolist() == rows[3]["input_ids"].tolist()


def test_a_folder_that_is_no_corpus_or_a_damaged_one_is_named(corpora: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no prepared corpus. Make one with: kplm prepare"):
        CorpusRows(tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(corpora["val"], broken)
    [shard] = broken.glob("data-*.arrow")
    shard.write_bytes(shard.read_bytes()[:900])
    with pytest.raises(DataError, match="damaged corpus"):
        CorpusRows(broken)


def test_corpora_of_different_tokenizers_are_refused(corpora: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(corpora["val"], other)
    meta = json.loads((other / "corpus.json").read_text())
    (other / "corpus.json").write_text(json.dumps({**meta, "tokenizer_sha256": "0"}))
    with pytest.raises(DataError, match="different tokenizers"):
        CorpusData(train=corpora["train"], val=str(other), maskers=[MaskWords()])


def test_noise_without_a_table_says_what_is_missing(corpora: dict[str, str]) -> None:
    module = CorpusData(train=corpora["train"], maskers=[EntityNoise()])
    with pytest.raises(MissingFieldError, match="EntityNoise reads batch field 'entity_ids'"):
        module.writes  # noqa: B018
