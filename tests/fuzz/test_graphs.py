"""Every reader of graphs, names, vectors and WordNet answers any file, or says with an error of ours why it does not."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import EntityTable, TripleStore
from kg.aliases import named_aliases
from kg.anchors import count_anchors, read_anchors
from kg.arrays import map_arrays
from kg.foreign.formats import open_foreign
from kg.foreign.ids import read_ids
from kg.importing import import_table
from kg.lines import BadLines
from kg.link import Linker
from kg.names import read_names
from kg.wordnet import WordNet
from kg.wordnet.files import read_index, read_irregular, read_supersenses
from tests.fuzz.hostile import QUICK, Case, answers, changed_json, changed_lines, contents
from tests.kg import small_wordnet

VECTORS = np.array([[0.5, -1.25], [2, 4], [8, 16]], np.float32)


def packed(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def files_of(write: Callable[[Path], object]) -> dict[str, bytes]:
    """What a function writes into a folder, by path."""
    with tempfile.TemporaryDirectory() as name:
        write(Path(name, "it"))
        found = sorted(path for path in Path(name).rglob("*") if path.is_file())
        return {str(path.relative_to(name)): path.read_bytes() for path in found}


def store() -> TripleStore:
    with tempfile.TemporaryDirectory() as name:
        Path(name, "a.tsv").write_text("Rome\tin\tItaly\nOslo\tin\tNorway\n")
        Path(name, "n.tsv").write_text("id\tlabel\taliases\nRome\tRome\tRoma|Urbs\n")
        return TripleStore.open(Path(name, "a.tsv"), Path(name, "n.tsv"))


def linked(folder: Path) -> object:
    return Linker.open(folder / "it").link_many(["Rome is in Italy.", "Roma"])


def table(folder: Path) -> object:
    found = EntityTable.open(folder / "it")
    rows = found.rows(["Q1", "Q2", "nothing"])
    return found.vectors(rows), found.ids(rows[rows >= 0])


def imported(name: str, ids: str | None = None) -> Callable[[Path], object]:
    return lambda folder: import_table(folder / name, folder / "out", ids=ids and folder / ids)


def bad() -> BadLines:
    return BadLines(3)


NAMES = {"id": "Q1", "label": "Rome", "description": "city", "aliases": ["Roma"], "prior": 3}
NT = b'<http://a/s> <http://a/p> <http://a/o> .\n<http://a/s> <http://www.w3.org/2000/01/rdf-schema#label> "R\\u00f6m"@en .\n'
IDS = b"Q1\nQ2\nQ3\n"
TEXT = (
    Case(
        "triples",
        {"a.tsv": b"head\trelation\ttail\nRome\tin\tItaly\n"},
        lambda folder: TripleStore.open(folder / "a.tsv"),
    ),
    Case(
        "spo-gz",
        {"a.spo.gz": gzip.compress(b"Rome\tin\tItaly\n" * 5, mtime=0)},
        lambda folder: TripleStore.open(folder / "a.spo.gz"),
    ),
    Case("ntriples", {"a.nt": NT}, lambda folder: TripleStore.open(folder / "a.nt")),
    Case(
        "names",
        {"a.tsv": b"id\tlabel\taliases\tprior\nQ1\tRome\tRoma|Urbs\t3\n"},
        lambda folder: read_names(folder / "a.tsv", bad()),
    ),
    Case(
        "anchors",
        {"a.tsv": b"alias\tentity\tcount\nRome\tQ1\t3\n"},
        lambda folder: list(read_anchors(folder / "a.tsv", bad())),
    ),
    Case(
        "openke",
        {"entity2id.txt": b"2\nQ1\t0\nQ2\t1\n", "entity2vec.vec": b"0.5\t1\n2\t3\n"},
        lambda folder: import_table(folder, folder / "out", format="openke"),
    ),
    Case("word2vec", {"a.txt": b"2 2\nQ1 0.5 1\nQ2 2 3\n"}, imported("a.txt")),
    Case("glove-gz", {"a.txt.gz": gzip.compress(b"Q1 0.5 1\nQ2 2 3\n", mtime=0)}, imported("a.txt.gz")),
    Case("npy", {"a.npy": packed(VECTORS), "ids": IDS}, imported("a.npy", "ids")),
    Case("ids", {"ids.tsv": b"id\tlabel\n0\tQ1\n1\tQ2\n"}, lambda folder: read_ids(folder / "ids.tsv")),
    Case("ids-rows", {"ids.tsv": b"2\nQ1\t0\nQ2\t1\n"}, lambda folder: read_ids(folder / "ids.tsv")),
)
LINES = (
    Case(
        "names-jsonl",
        {"a.jsonl": json.dumps(NAMES).encode()},
        lambda folder: list(named_aliases(read_names(folder / "a.jsonl", bad()))),
    ),
    Case(
        "linked-texts",
        {"a.jsonl": b'{"text": "Rome fell.", "links": [[0, 4, "Q1"]]}'},
        lambda folder: count_anchors(folder / "a.jsonl", bad()),
    ),
)
JSON = (
    Case(
        "names-json",
        {"a.json": json.dumps({"Q1": NAMES, "Q2": "Oslo"}).encode()},
        lambda folder: read_names(folder / "a.json", bad()),
    ),
)
FOLDERS = (
    Case(
        "store",
        files_of(lambda folder: store().save(folder)),
        lambda folder: TripleStore.open(folder / "it").neighbours("Rome"),
    ),
    Case("table", files_of(lambda folder: EntityTable.write(folder, ["Q1", "Q2", "Q3"], VECTORS)), table),
    Case("linker", files_of(lambda folder: Linker.from_store(store()).save(folder)), linked),
)


@pytest.mark.parametrize("case", [*TEXT, *LINES, *JSON, *FOLDERS], ids=str)
def test_what_the_cases_begin_with_is_read(case: Case) -> None:
    assert answers(case, {})


@pytest.mark.parametrize("case", [*TEXT, *LINES, *JSON], ids=str)
@QUICK
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(case: Case, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(case.files)))
    answers(case, {name: data.draw(contents(case.files[name]))})


@pytest.mark.parametrize("case", [*LINES, *JSON], ids=str)
def test_any_value_in_any_place_is_read_or_refused(case: Case) -> None:
    ((name, content),) = case.files.items()
    for one in (changed_lines if name.endswith("l") else changed_json)(content):
        answers(case, {name: one})


def changed_headers(content: bytes) -> Iterator[bytes]:
    """A safetensors file with one change in thirteen of those that its header may have, and cut at several places."""
    size = int.from_bytes(content[:8], "little")
    for header in islice(changed_json(content[8 : 8 + size]), 0, None, 13):
        yield struct.pack("<Q", len(header)) + header + content[8 + size :]
    yield from (content[:at] for at in (0, 3, 8, 20, size, len(content) - 1))
    yield from (struct.pack("<Q", wrong) + content[8:] for wrong in (0, 1, 1 << 40, (1 << 64) - 1))


@pytest.mark.parametrize("case", FOLDERS, ids=str)
def test_folders_of_ours_with_a_changed_file_are_read_or_refused(case: Case) -> None:
    for name, content in case.files.items():
        if "/graph/" in name:  # of a linker; it is the case before
            continue
        if name.endswith(".json"):
            changed: Iterator[bytes] = changed_json(content)
        elif name.endswith(".safetensors"):
            changed = changed_headers(content)
        else:
            changed = iter([b"", content[:-9], content[: len(content) // 2], b"\x00" * 64, b"x" * len(content)])
        for one in changed:
            answers(case, {name: one})


@pytest.mark.parametrize("case", FOLDERS[1:], ids=str)
@QUICK
@given(data=st.data())
def test_arrays_with_changed_numbers_are_read_or_refused(case: Case, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in case.files if name.endswith(".safetensors")]))
    content = bytearray(case.files[name])
    start = 8 + int.from_bytes(content[:8], "little")
    at = data.draw(st.integers(start, len(content) - 1))
    new = data.draw(st.binary(min_size=1, max_size=8))
    content[at : at + len(new)] = new[: len(content) - at]
    answers(case, {name: bytes(content)})


@QUICK
@given(content=st.binary(max_size=300))
def test_any_bytes_are_no_arrays(content: bytes) -> None:
    answers(Case("arrays", {"a": content}, lambda folder: map_arrays(folder / "a")), {})


WORDNET = files_of(small_wordnet.write)


def wordnet(folder: Path) -> object:
    found = WordNet.open(folder / "it")
    return len(found.graph().entities), sum(1 for _ in found.glosses()), found.supersenses("dogs")


def one_file(name: str) -> Callable[[Path], object]:
    """The reader of one of WordNet's files alone, which answers sooner."""

    def read(folder: Path) -> object:
        data = folder / "it" / "data.noun"
        if name.endswith(".exc"):
            return read_irregular(folder / "it" / name)
        return read_index(folder / "it" / "index.noun", read_supersenses(data), data)

    return read


def test_wordnet_is_read() -> None:
    assert answers(Case("wordnet", WORDNET, wordnet), {})


@pytest.mark.parametrize("name", ["data.noun", "index.noun", "noun.exc", "data.verb"])
@QUICK
@given(data=st.data())
def test_changed_bytes_of_wordnet_are_read_or_refused(name: str, data: st.DataObject) -> None:
    path = next(path for path in WORDNET if path.endswith(name))
    read = wordnet if name.startswith("data") else one_file(name)
    answers(Case(name, WORDNET, read), {path: data.draw(contents(WORDNET[path]))})


def test_a_width_that_no_vector_has_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"2 {10**12}\nQ1 1\nQ2 2\n")
    case = Case(
        "wide",
        {"a.txt": path.read_bytes()},
        lambda folder: list(open_foreign(folder / "a.txt", "word2vec", None, None)[1].blocks),
    )
    assert not answers(case, {})
