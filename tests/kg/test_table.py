"""Entity tables give back what was written, stay on disk, and refuse what would become a NaN loss."""

import multiprocessing
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import EntityTable, KgError
from kg.ids import IdIndex

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
IDS = ["Q1", "Q10", "柏林", "Zürich"]


@pytest.fixture
def table(tmp_path):
    return EntityTable.write(tmp_path / "table", IDS, VECTORS, {"model": "made"})


@given(st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=30), st.integers(1, 5), st.lists(st.text()))
@settings(deadline=None, max_examples=40)
def test_rows_and_vectors_round_trip(tmp_path_factory, ids, width, others):
    vectors = np.random.default_rng(0).normal(size=(len(ids), width)).astype(np.float32)
    table = EntityTable.write(tmp_path_factory.mktemp("tables") / "table", ids, vectors)
    asked = [*others, *reversed(ids)]
    rows = table.rows(asked)
    assert rows.tolist() == [ids.index(name) if name in ids else -1 for name in asked]
    assert np.array_equal(table.vectors(rows[rows >= 0]), vectors[rows[rows >= 0]])
    assert table.ids(np.arange(len(ids))) == ids
    assert (len(table), table.width) == (len(ids), width)


def test_any_shape_of_rows_and_zeros_for_unknown(table):
    fetched = table.vectors(np.array([[0, -1, 3], [2, 2, -1]]))
    assert fetched.shape == (2, 3, 3)
    assert fetched.dtype == np.float32
    assert np.array_equal(fetched[0], [VECTORS[0], [0, 0, 0], VECTORS[3]])
    assert table.vectors(np.zeros((0, 2), np.int64)).shape == (0, 2, 3)


def test_meta_is_kept(table):
    assert table.meta["model"] == "made"
    assert (table.meta["entities"], table.meta["width"]) == (4, 3)


def test_equal_hashes_are_told_apart(monkeypatch):
    monkeypatch.setattr("kg.ids._hashes", lambda names: np.full(len(names), 7, np.uint64))
    index = IdIndex(IdIndex.build(IDS))
    assert index.rows([*IDS, "Q2"]).tolist() == [0, 1, 2, 3, -1]
    with pytest.raises(KgError, match="'Q10' occurs twice, in row 1 and in row 4"):
        IdIndex.build([*IDS, "Q10"])


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_has_the_same_vectors_but_none_at_its_place(table, seed):
    mixed = table.shuffled(seed).vectors(np.arange(4))
    assert (mixed != VECTORS).any(axis=1).all()
    assert sorted(mixed.tolist()) == VECTORS.tolist()
    assert np.array_equal(mixed, table.shuffled(seed).vectors(np.arange(4)))
    assert np.array_equal(table.shuffled(seed).rows(IDS), table.rows(IDS))


def _fetch(table):
    return table.vectors(table.rows(IDS)).tolist()


def test_a_table_travels_to_other_processes(table):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_fetch, (table,)) == VECTORS.tolist()
    mixed = table.shuffled(3)
    assert np.array_equal(pickle.loads(pickle.dumps(mixed)).vectors(np.arange(4)), mixed.vectors(np.arange(4)))


def test_nan_is_refused_on_writing_with_id_and_row(tmp_path):
    vectors = VECTORS.copy()
    vectors[2, 1] = np.nan
    with pytest.raises(KgError, match=r"entity '柏林' \(row 2\) has a NaN"):
        EntityTable.write(tmp_path / "table", IDS, vectors)
    assert list(tmp_path.iterdir()) == []


def test_nan_in_the_file_is_refused_on_fetching(table):
    file = table.path / "table.safetensors"
    content = file.read_bytes()
    broken = content.replace(VECTORS[1].tobytes(), np.array([3, np.inf, 5], np.float32).tobytes())
    file.write_bytes(broken)
    table = EntityTable.open(table.path)
    assert table.vectors(np.array([0, 2])).shape == (2, 3)
    with pytest.raises(KgError, match=r"entity 'Q10' \(row 1\)"):
        table.vectors(np.array([0, 1]))


def test_duplicates_and_misfits_are_refused(tmp_path):
    with pytest.raises(KgError, match="'Q1' occurs twice, in row 0 and in row 3"):
        EntityTable.write(tmp_path / "table", ["Q1", "Q2", "Q3", "Q1"], VECTORS)
    with pytest.raises(KgError, match=r"Expected float32 vectors of shape \[2, W\].*got float32 of shape \[4, 3\]"):
        EntityTable.write(tmp_path / "table", ["Q1", "Q2"], VECTORS)
    with pytest.raises(KgError, match="got float64"):
        EntityTable.write(tmp_path / "table", IDS, VECTORS.astype(np.float64))
    with pytest.raises(KgError, match="at least one vector"):
        EntityTable.write(tmp_path / "table", [], VECTORS[:0])


def test_rows_outside_are_refused(table):
    with pytest.raises(KgError, match="Rows 0 to 4 were asked for; possible: -1 to 3"):
        table.vectors(np.array([0, 4]))


def test_missing_truncated_and_foreign_files_are_named(table, tmp_path):
    with pytest.raises(KgError, match="holds no entity table"):
        EntityTable.open(tmp_path)
    with pytest.raises(KgError, match="There is no file or folder"):
        EntityTable.open(tmp_path / "nothing")
    file = table.path / "table.safetensors"
    content = file.read_bytes()
    for length in (0, 5, 40, len(content) - 1):
        file.write_bytes(content[:length])
        with pytest.raises(KgError, match=r"truncated|no safetensors"):
            EntityTable.open(table.path)


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KgError, match=r"Cannot write .*table"):
        EntityTable.write(tmp_path / "file" / "table", IDS, VECTORS)


def test_safetensors_reads_the_file(table):
    from safetensors.numpy import load_file

    assert np.array_equal(load_file(table.path / "table.safetensors")["vectors"], VECTORS)


MEMORY = """
import sys, re, numpy as np
def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1])
from kg import EntityTable
before = anonymous()
table = EntityTable.open(sys.argv[1])
table.vectors(table.rows([f"Q{n}" for n in range(0, 200000, 1000)]))
print(anonymous() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_table_is_not_loaded_into_memory(tmp_path):
    count = 200_000
    EntityTable.write(tmp_path / "table", [f"Q{n}" for n in range(count)], np.ones((count, 64), np.float32))
    told = subprocess.run(
        [sys.executable, "-c", MEMORY, tmp_path / "table"], capture_output=True, text=True, check=True
    )
    assert int(told.stdout) < 3_000, "kB of anonymous memory for a table of 57 MB"
