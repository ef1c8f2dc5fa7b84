"""Two processes train, score and answer like one, in every system and every task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kplm.errors import KplmError
from kplm.objectives import EntityDenoising, Weighted
from kplm.training import Pretrain
from kplm.training.sharding import refuse, shard
from tests.conftest import ENTITIES, tiny_ernie
from tests.processes import ranks
from tests.training.cases import CASES
from tests.training.rank import RANKS, SHARDED, STEPS, Told, all_cases, told
from tests.training.rows import Places


@pytest.fixture(scope="module")
def both(places: Places, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Told]]:
    """What each of two ranks finds in all cases."""
    folder = tmp_path_factory.mktemp("both")
    ended = ranks(RANKS, all_cases, folder, places)
    files = [folder / f"told_{rank}.json" for rank in range(RANKS)]
    assert all(file.exists() for file in files), "\n".join(printed[-3000:] for _, printed in ended)
    return [json.loads(file.read_text()) for file in files]


def words(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was answered, without the numbers."""
    return [{name: value for name, value in answer.items() if isinstance(value, str)} for answer in answers]


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_train_on_the_batches_of_one_and_score_and_answer_like_it(
    name: str, places: Places, both: list[dict[str, Told]], tmp_path: Path
) -> None:
    """One process makes a step of two batches, as the two do together."""
    want, shares = told(name, places, tmp_path, accumulate_grad_batches=RANKS), [found[name] for found in both]
    batches = [batch for step in zip(*(found["losses"] for found in shares)) for batch in step]
    assert [rows for rows, _ in batches] == [rows for rows, _ in want["losses"]]
    assert [loss for _, loss in batches] == pytest.approx([loss for _, loss in want["losses"]], rel=1e-5)
    assert len(batches) == RANKS * STEPS
    for found in shares:
        assert found["scores"] == pytest.approx(want["scores"], rel=1e-5)
        assert words(found["answers"]) == words(want["answers"])
    assert len({answer["id"] for answer in want["answers"]}) == len(want["answers"])


@pytest.mark.parametrize("name", SHARDED)
def test_weights_that_are_shared_out_change_no_number(name: str, both: list[dict[str, Told]]) -> None:
    for found in both:
        plain, sharded = found[name], found["sharded"][name]
        assert [rows for rows, _ in sharded["losses"]] == [rows for rows, _ in plain["losses"]]
        losses = ([loss for _, loss in one["losses"]] for one in (sharded, plain))
        assert next(losses) == pytest.approx(next(losses), rel=1e-5)
        assert sharded["scores"] == pytest.approx(plain["scores"], rel=1e-5)
        assert words(sharded["answers"]) == words(plain["answers"])


def test_a_run_with_shared_weights_goes_on_to_the_bit(both: list[dict[str, Told]]) -> None:
    for found in both:
        assert len(found["whole"]) == 5
        assert found["resumed"] == found["whole"][3:]


def test_what_cannot_be_shared_out_names_what_can() -> None:
    table = Pretrain(tiny_ernie(entity_rows=len(ENTITIES)), Weighted([EntityDenoising()]))
    with pytest.raises(KplmError, match="entity table inside the model cannot be shared out .* Use strategy: ddp"):
        shard(table, None)
    for strategy in ("fsdp", "deepspeed_stage_2"):
        with pytest.raises(KplmError, match=f"trainer.strategy: {strategy} .* Set trainer.strategy: sharded"):
            refuse(strategy)
