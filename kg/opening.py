"""Graphs from folders, files, packages and PyKEEN; and a graph to a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kg.arrays import map_arrays, write_arrays
from kg.errors import KgError, did_you_mean
from kg.gather import Gather
from kg.lines import BadLines
from kg.names import Name, all_merged, read_names
from kg.places import META, locate, read_meta, whole_folder, write_meta
from kg.readers import READERS, Triple, read_triples
from kg.store import TripleStore

if TYPE_CHECKING:
    import pyarrow as pa
    from pykeen.triples import TriplesFactory

KIND = "kg.triples"
TRIPLES = "triples.safetensors"
NAMES, RELATIONS = "entities.arrow", "relations.arrow"
PYKEEN, WORDNET = "pykeen:", "wordnet:"
SPLITS = ("train", "valid", "test")


def open_store(
    path: str | Path, names: str | Path | None, relation_names: str | Path | None, max_bad: int
) -> TripleStore:
    """See `TripleStore.open`."""
    if str(path).startswith(PYKEEN):
        return from_pykeen(str(path).removeprefix(PYKEEN))
    if str(path).startswith(WORDNET):
        return _from_wordnet(str(path).removeprefix(WORDNET))
    found = locate(path)
    if found.is_dir() and read_meta(found).get("kind") == KIND:
        return _load(found, names, relation_names, max_bad)
    files = _files(found) if found.is_dir() else {"train": found}
    store = _read(found, files, names, relation_names, max_bad)
    store.notes["source"] = str(path)
    return store


def _files(folder: Path) -> dict[str, Path]:
    """The files of triples in a folder, by split."""
    endings = [suffix + gz for suffix in READERS for gz in ("", ".gz")]
    paths = [folder / (name + end) for name in ("triples", *SPLITS) for end in endings]
    found = {path.name.split(".")[0]: path for path in paths if path.is_file()}
    if "triples" in found:
        return {"train": found["triples"]}
    if "train" not in found:
        there = ", ".join(sorted(file.name for file in folder.iterdir())[:10]) or "nothing"
        raise KgError(f"{folder} holds no graph. Expected triples.tsv, train.txt or a saved graph; found {there}.")
    return found


def _read(
    place: Path, files: dict[str, Path], names: str | Path | None, relation_names: str | Path | None, max_bad: int
) -> TripleStore:
    gather, bad = Gather(), BadLines(max_bad)
    for split, file in files.items():
        gather.add(read_triples(file, bad), split)
    if not any(gather.splits.values()):
        listed = ", ".join(map(str, files.values()))
        raise KgError(f"The graph is empty: {listed} has no triple. Expected lines of head TAB relation TAB tail.")
    for file in _name_files(place, "entities", names):
        gather.add_names(read_names(file, bad))
    named: dict[str, Name] = {}
    for file in _name_files(place, "relations", relation_names):
        named = all_merged(named, read_names(file, bad))
    triples = gather.triples()
    repeated = sum(map(len, gather.splits.values())) // 3 - sum(map(len, triples.values()))
    notes = {"bad_lines": bad.seen, "repeated": repeated, "literals": gather.literals}
    return TripleStore(list(gather.entities), list(gather.relations), triples, gather.names, named, notes)


def _name_files(place: Path, stem: str, more: str | Path | None) -> Iterator[Path]:
    if place.is_dir():
        yield from (file for end in (".tsv", ".jsonl") if (file := place / (stem + end)).is_file())
    if more is not None:
        yield locate(more)


def _load(folder: Path, names: str | Path | None, relation_names: str | Path | None, max_bad: int) -> TripleStore:
    meta, gather = read_meta(folder), Gather()
    notes = meta.get("notes")
    entities, gather.names = _read_arrow(folder / NAMES)
    gather.entities = {entity: number for number, entity in enumerate(entities)}
    relations, named = _read_arrow(folder / RELATIONS)
    splits = _splits(folder, meta, len(gather.entities), len(relations))
    if names is not None:
        gather.add_names(read_names(locate(names), BadLines(max_bad)))
    if relation_names is not None:
        named = all_merged(named, read_names(locate(relation_names), BadLines(max_bad)))
    return TripleStore(
        list(gather.entities), relations, splits, gather.names, named, notes if isinstance(notes, dict) else {}
    )


def _splits(folder: Path, meta: dict[str, Any], entities: int, relations: int) -> dict[str, np.ndarray]:
    """The triples of each split, all numbers within the graph."""
    triples, told = map_arrays(folder / TRIPLES).get("triples", np.zeros(0)), meta.get("splits")
    counts = told if isinstance(told, dict) else {}
    whole = all(type(count) is int and count >= 0 for count in counts.values())
    if triples.ndim != 2 or triples.shape[1] != 3 or triples.dtype != np.int64 or not whole:
        raise KgError(f"{folder / TRIPLES} or {folder / META} is damaged: no triples or splits. Save the graph again.")
    most = triples.max(axis=0, initial=-1)
    known = triples.min(initial=0) >= 0 and (most < [entities, relations, entities]).all()
    if sum(counts.values()) != len(triples) or not known:
        raise KgError(
            f"{folder / TRIPLES} has other triples than {folder / META} or {NAMES} tell. Save the graph again."
        )
    ends = np.cumsum([0, *counts.values()])
    return {split: triples[ends[i] : ends[i + 1]] for i, split in enumerate(counts)}


def save_store(store: TripleStore, path: str | Path) -> None:
    """See `TripleStore.save`."""
    with whole_folder(path, KIND) as folder:
        fill_store(folder, store)


def fill_store(folder: Path, store: TripleStore) -> None:
    """Write the files of a graph into a folder that is there."""
    write_arrays(folder / TRIPLES, {"triples": np.ascontiguousarray(store.triples)})
    _write_arrow(folder / NAMES, store.entities, store.named)
    _write_arrow(folder / RELATIONS, store.relations, store.named_relations)
    counts = {"entities": len(store.entities), "relations": len(store.relations), "triples": len(store)}
    write_meta(folder, KIND, {**counts, "splits": store.splits, "notes": store.notes})


def _schema() -> pa.Schema:
    import pyarrow as pa

    texts = [("id", pa.string()), ("label", pa.string()), ("description", pa.string())]
    return pa.schema([*texts, ("aliases", pa.list_(pa.string())), ("prior", pa.float64())])


def _write_arrow(path: Path, ids: Sequence[str], names: Mapping[str, Name]) -> None:
    import pyarrow as pa

    unnamed = Name()
    rows = [{"id": key, **names.get(key, unnamed)._asdict()} for key in ids]
    schema = _schema()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema))


def _read_arrow(path: Path) -> tuple[list[str], dict[str, Name]]:
    """All ids, and the names of those that have one."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
            if table.schema != _schema():
                raise pa.ArrowInvalid(f"its columns are {', '.join(table.schema.names)}")
            if any(column.null_count for column in table.columns):
                raise pa.ArrowInvalid("a value is missing")
            table.validate(full=True)  # offsets that lead out of the file would be followed
            columns = table.to_pydict()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise KgError(f"Cannot read {path}: {error}. Save the graph again.") from error
    rows = zip(*(columns[column] for column in ("id", *Name._fields)), strict=True)
    names = {key: Name(label, about, tuple(aliases), prior) for key, label, about, aliases, prior in rows}
    unnamed = Name()
    return columns["id"], {key: name for key, name in names.items() if name != unnamed}


def _from_wordnet(folder: str) -> TripleStore:
    from kg.wordnet import find_wordnet
    from kg.wordnet.graph import graph

    return graph(find_wordnet(folder or None))


def from_pykeen(source: str | TriplesFactory) -> TripleStore:
    """See `TripleStore.from_pykeen`."""
    splits = _dataset(source) if isinstance(source, str) else {"train": source}
    gather = Gather()
    for split, factory in splits.items():
        gather.add((Triple(*map(str, row)) for row in factory.triples), split)
    notes = {"source": f"{PYKEEN}{source if isinstance(source, str) else type(source).__name__}"}
    return TripleStore(list(gather.entities), list(gather.relations), gather.triples(), notes=notes)


def _dataset(name: str) -> dict[str, TriplesFactory]:
    from pykeen.datasets import dataset_resolver
    from pykeen.triples import TriplesFactory

    key = name.casefold().replace("-", "")
    if key not in dataset_resolver.lookup_dict:
        known = [known.__name__ for known in dataset_resolver.lookup_dict.values()]
        raise KgError(f"PyKEEN has no data set '{name}'. {did_you_mean(name, known)}")
    try:
        data = dataset_resolver.lookup(key)()
        parts = dict(zip(SPLITS, (data.training, data.validation, data.testing), strict=True))
    except (OSError, RuntimeError) as error:
        raise KgError(
            f"PyKEEN cannot get the data set '{name}': {error}. Check the network, or give a folder."
        ) from error
    return {split: part for split, part in parts.items() if isinstance(part, TriplesFactory)}
