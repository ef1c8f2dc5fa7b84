"""Entity slots: where they sit, whose vector they carry, and what happens when the knowledge is withheld."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kg import EntityTable, KgError
from kg.arrays import map_arrays, write_arrays
from kplm.data.annotate import Entities
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example, Link
from kplm.text import Tokenizer
from tests.conftest import ENTITIES, WIDTH

TEXT = "was xyz in rome ,paris"


def rows_of(example: Example, tokenizer: Tokenizer, entities: Entities, max_length: int = 32) -> list[tuple[int, int]]:
    row = TextEncoder(tokenizer, [entities], max_length=max_length)([example])[0]
    return list(zip(row["entity_positions"], row["entity_ids"]))


def test_slot_0_is_the_sentence_and_links_sit_on_their_first_sub_word(tokenizer: Tokenizer, tiny_table: Path) -> None:
    links = (Link(11, 15, "Q3"), Link(4, 7, "Q1"))  # [CLS] was x ##y ##z in rome , paris [SEP]
    assert rows_of(Example(TEXT, links=links), tokenizer, Entities(str(tiny_table))) == [(0, 0), (2, 1), (6, 3)]
    assert rows_of(Example(TEXT, links=()), tokenizer, Entities(str(tiny_table))) == [(0, 0)]
    assert rows_of(Example(TEXT), tokenizer, Entities(str(tiny_table))) == [(0, 0)]


def test_the_last_link_on_a_start_wins_and_unknown_entities_leave_no_slot(
    tokenizer: Tokenizer, tiny_table: Path
) -> None:
    links = (Link(4, 7, "Q1"), Link(4, 10, "Q2"), Link(4, 7, "Q99"), Link(11, 15, "Q99"))
    assert rows_of(Example(TEXT, links=links), tokenizer, Entities(str(tiny_table))) == [(0, 0), (2, 2)]


def test_a_link_that_truncation_cut_away_is_dropped(tokenizer: Tokenizer, tiny_table: Path) -> None:
    links = (Link(4, 7, "Q1"), Link(11, 15, "Q2"))
    example = Example(TEXT, links=links)
    assert rows_of(example, tokenizer, Entities(str(tiny_table)), max_length=7) == [(0, 0), (2, 1)]


def test_the_authors_whitespace_rule(tokenizer: Tokenizer, tiny_table: Path) -> None:
    links = (Link(11, 15, "Q1"), Link(17, 22, "Q2"), Link(0, 3, "Q3"), Link(5, 7, "Q4"))
    example = Example(TEXT, links=links)
    strict = rows_of(example, tokenizer, Entities(str(tiny_table), mentions="whitespace"))
    assert strict == [(0, 0), (1, 3), (6, 1)], "after a comma or inside a word no word starts"
    assert len(rows_of(example, tokenizer, Entities(str(tiny_table)))) == 5


def test_the_threshold_is_strict(tokenizer: Tokenizer, tiny_table: Path) -> None:
    links = (Link(0, 3, "Q1", 0.3), Link(11, 15, "Q2", 0.300001))
    example = Example(TEXT, links=links)
    assert rows_of(example, tokenizer, Entities(str(tiny_table), threshold=0.3)) == [(0, 0), (6, 2)]


def test_links_of_a_pair_sit_in_the_pair(tokenizer: Tokenizer, tiny_table: Path) -> None:
    links = (Link(0, 4, "Q1"), Link(3, 8, "Q2", part=1))
    example = Example("rome was", pair="in paris", links=links)  # [CLS] rome was [SEP] in paris [SEP]
    assert rows_of(example, tokenizer, Entities(str(tiny_table))) == [(0, 0), (1, 1), (5, 2)]


def batch(entities: Entities, tokenizer: Tokenizer) -> dict[str, torch.Tensor]:
    examples = [Example(TEXT, links=(Link(4, 7, "Q1"), Link(11, 15, "Q2"))), Example("rome")]
    return Collator([entities.complete])(TextEncoder(tokenizer, [entities])(examples))


def test_vectors_come_with_the_batch_zero_for_the_sentence_and_for_empty_slots(
    tokenizer: Tokenizer, tiny_table: Path
) -> None:
    table, found = EntityTable.open(tiny_table), batch(Entities(str(tiny_table)), tokenizer)
    assert found["entity_ids"].tolist() == [[0, 1, 2], [0, -1, -1]]
    assert found["entity_vectors"].shape == (2, 3, WIDTH)
    assert torch.equal(found["entity_vectors"][0, 1:], torch.from_numpy(table.vectors(np.array([0, 1]))))
    assert found["entity_vectors"][0, 0].eq(0).all()
    assert found["entity_vectors"][1].eq(0).all()


def test_off_leaves_the_sentence_slot_and_shuffled_gives_every_entity_another_s_vector(
    tokenizer: Tokenizer, tiny_table: Path
) -> None:
    entities = Entities(str(tiny_table))
    on = batch(entities, tokenizer)
    entities.switch("shuffled")
    shuffled = batch(entities, tokenizer)
    assert torch.equal(on["entity_ids"], shuffled["entity_ids"])
    assert not (on["entity_vectors"][0, 1:] == shuffled["entity_vectors"][0, 1:]).all(-1).any()
    entities.switch("off")
    off = batch(entities, tokenizer)
    assert off["entity_ids"].tolist() == [[0], [0]]
    assert off.keys() == on.keys()
    entities.switch("on")
    assert torch.equal(batch(entities, tokenizer)["entity_vectors"], on["entity_vectors"])


def test_texts_without_links_are_linked_by_the_graph_pairs_too(
    tokenizer: Tokenizer, tiny_table: Path, tmp_path: Path
) -> None:
    (tmp_path / "triples.tsv").write_text("Q1\tin\tQ2\n")
    (tmp_path / "entities.tsv").write_text("id\tlabel\nQ1\tRome\nQ2\tParis\n")
    entities = Entities(str(tiny_table), graph=str(tmp_path))
    given = Example("Rome", links=())
    fresh, kept = entities.annotate([Example("was in Rome", pair="of Paris"), given])
    assert [(link.start, link.end, link.entity, link.part) for link in fresh.links or ()] == [
        (7, 11, "Q1", 0),
        (3, 8, "Q2", 1),
    ]
    assert kept == given, "an empty list says: linked, nothing found"
    again = Entities(str(tiny_table), graph=str(tmp_path), relink=True).annotate([given])
    assert [link.entity for link in again[0].links or ()] == ["Q1"]
    assert "2 links in 1 of 2 examples, 2 (100.0%) with a vector" in entities.summary([fresh, kept])


def test_a_nan_in_the_table_stops_with_the_entity_s_name_instead_of_a_nan_loss(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    vectors = np.ones((len(ENTITIES), WIDTH), np.float32)
    EntityTable.write(tmp_path / "table", ENTITIES, vectors)
    file = tmp_path / "table" / "table.safetensors"
    arrays = {name: np.array(array) for name, array in map_arrays(file).items()}
    arrays["vectors"][1, 3] = np.nan
    write_arrays(file, arrays)
    with pytest.raises(KgError, match="entity 'Q2'"):
        batch(Entities(str(tmp_path / "table")), tokenizer)
    vectors[0, 0] = np.inf
    with pytest.raises(KgError, match="entity 'Q1'"):
        EntityTable.write(tmp_path / "other", ENTITIES, vectors)
