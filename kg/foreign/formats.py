"""Which format a file or folder of foreign vectors has."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from kg.errors import KgError, did_you_mean
from kg.foreign.arrays import open_npy, open_safetensors
from kg.foreign.checkpoint import open_pykeen
from kg.foreign.ids import Ids, read_ids
from kg.foreign.opened import Foreign
from kg.foreign.pieces import refuse_hollow
from kg.foreign.text import open_openke, open_word2vec

Format = Literal["auto", "openke", "word2vec", "npy", "safetensors", "pykeen"]
POSSIBLE = """openke: a folder with entity2id.txt and entity2vec.vec, or the .vec file beside entity2id.txt
word2vec: lines of id and numbers, .txt, .tsv, .vec, .w2v or .emb, also with .gz
npy, safetensors: a matrix, with a file of ids
pykeen: a results folder with trained_model.pkl, or a .pt, .pth or .pkl file of PyKEEN"""
ENDINGS = {
    **dict.fromkeys((".txt", ".tsv", ".vec", ".w2v", ".emb"), "word2vec"),
    **dict.fromkeys((".pt", ".pth", ".pkl"), "pykeen"),
    ".npy": "npy",
    ".safetensors": "safetensors",
}
OPENKE_IDS, OPENKE_VECTORS = "entity2id.txt", "entity2vec.vec"
PYKEEN_IDS, PYKEEN_MODEL = "training_triples/entity_to_id.tsv.gz", "trained_model.pkl"


def open_foreign(path: Path, format: str, ids: Path | None, tensor: str | None) -> tuple[str, Foreign]:
    """Open vectors in the format that is told, or that ``path`` shows.

    Returns: the format and the opened table.

    Raises:
        KgError: the format is unknown, a file is missing, hollow or damaged, or an argument is missing or too much.
    """
    if format not in get_args(Format):
        raise KgError(f"There is no format '{format}'. {did_you_mean(format, get_args(Format))}")
    kind = detect(path, ids is not None) if format == "auto" else format
    if tensor is not None and kind not in ("safetensors", "pykeen"):
        raise KgError(f"A file of the format {kind} has no named tensors; leave tensor={tensor!r} out.")
    file = path / {"openke": OPENKE_VECTORS, "pykeen": PYKEEN_MODEL}.get(kind, "") if path.is_dir() else path
    refuse_hollow(file)
    known = _ids(kind, file, ids)
    if kind == "word2vec":
        return kind, open_word2vec(file)
    if kind == "pykeen":
        return kind, open_pykeen(file, known, tensor)
    if known is None:
        raise KgError(f"{file} holds no ids. Give a file of ids, one a line or id TAB row, as ids.")
    if kind == "safetensors":
        return kind, open_safetensors(file, known, tensor)
    return kind, (open_npy if kind == "npy" else open_openke)(file, known)


def detect(path: Path, with_ids: bool) -> str:
    """The format that the ending of a file, or the files of a folder, show.

    Raises:
        KgError: they show none.
    """
    if path.is_dir():
        for kind, file in (("openke", OPENKE_VECTORS), ("pykeen", PYKEEN_MODEL)):
            if (path / file).exists():
                return kind
        found = ", ".join(sorted(inside.name for inside in path.iterdir())[:10]) or "nothing"
        raise KgError(f"{path} holds {found}, and no vectors in a known format. Possible:\n{POSSIBLE}")
    ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    kind = ENDINGS.get(ending.lower(), "")
    if not kind or (path.suffix == ".gz" and kind != "word2vec"):
        raise KgError(f"The ending of {path} shows no format. Name the format; possible:\n{POSSIBLE}")
    beside = ending == ".vec" and (path.parent / OPENKE_IDS).exists()
    return "openke" if kind == "word2vec" and (with_ids or beside) else kind


def _ids(kind: str, file: Path, given: Path | None) -> Ids | None:
    """The ids of a file of vectors: those given, or those that the format keeps beside it."""
    if kind == "word2vec":
        if given is not None:
            raise KgError(f"{file} is read as word2vec, whose lines begin with the id; leave ids={given} out.")
        return None
    usual = {"openke": OPENKE_IDS, "pykeen": PYKEEN_IDS}.get(kind)
    beside = None if usual is None else file.parent / usual
    if given is not None:
        return read_ids(given)
    if beside is not None and (kind == "openke" or beside.exists()):
        return read_ids(beside)
    return None
