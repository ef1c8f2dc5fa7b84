"""Two processes train, score and answer like one, in every system and every task."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Job, together
from tests.training.cases import CASES, Places
from tests.training.rank import RANKS, STEPS, Told, all_cases, told


def environment() -> dict[str, str]:
    """What torchrun tells all ranks."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    shared = {
        "WORLD_SIZE": str(RANKS),
        "LOCAL_WORLD_SIZE": str(RANKS),
        "GROUP_RANK": "0",
        "TORCHELASTIC_RUN_ID": "test",
    }
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **shared}


def launch(folder: Path, places: Places) -> list[str]:
    """Start both ranks the way torchrun does; returns what each printed."""
    shared = environment()
    jobs = [
        Job(all_cases, folder, places, environment={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(RANKS)
    ]
    return [printed for _, printed in together(jobs)]


@pytest.fixture(scope="module")
def both(places: Places, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Told]]:
    """What each of two ranks finds in all cases."""
    folder = tmp_path_factory.mktemp("both")
    printed = launch(folder, places)
    files = [folder / f"told_{rank}.json" for rank in range(RANKS)]
    assert all(file.exists() for file in files), "\n".join(text[-3000:] for text in printed)
    return [json.loads(file.read_text()) for file in files]


def words(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was answered, without the numbers."""
    return [{name: value for name, value in answer.items() if isinstance(value, str)} for answer in answers]


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_train_on_the_batches_of_one_and_score_and_answer_like_it(
    name: str, places: Places, both: list[dict[str, Told]], tmp_path: Path
) -> None:
    """One process makes a step of two batches, as the two do together."""
    want, ranks = told(name, places, tmp_path, accumulate_grad_batches=RANKS), [found[name] for found in both]
    batches = [batch for step in zip(*(found["losses"] for found in ranks)) for batch in step]
    assert [rows for rows, _ in batches] == [rows for rows, _ in want["losses"]]
    assert [loss for _, loss in batches] == pytest.approx([loss for _, loss in want["losses"]], rel=1e-5)
    assert len(batches) == RANKS * STEPS
    for found in ranks:
        assert found["scores"] == pytest.approx(want["scores"], rel=1e-5)
        assert words(found["answers"]) == words(want["answers"])
    assert len({answer["id"] for answer in want["answers"]}) == len(want["answers"])
