"""Where WordNet lies on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from kg.errors import KgError
from kg.places import locate

POS = ("noun", "verb", "adj", "adv")
FILES = tuple(name for pos in POS for name in (f"index.{pos}", f"data.{pos}", f"{pos}.exc"))
CORPORA = ("corpora/wordnet", "corpora/wordnet31")
PLACES = (
    "/usr/share/wordnet",
    "/usr/share/WordNet",
    "/usr/local/WordNet-3.0/dict",
    "/usr/local/WordNet-3.1/dict",
    "/usr/local/share/wordnet/dict",
    "/opt/homebrew/opt/wordnet/dict",
    "/usr/local/opt/wordnet/dict",
)
WAYS = """Ways to get it:
  Debian, Ubuntu:   apt-get install --no-install-recommends wordnet-base
  NLTK's package:   python -c "import nltk; nltk.download('wordnet')", then unzip corpora/wordnet.zip where it lies
  from Princeton:   https://wordnet.princeton.edu/download, the files of WordNet 3.0 or 3.1
Then give its folder, or set WNSEARCHDIR to it."""


def find_wordnet(folder: str | Path | None = None) -> Path:
    """The folder that holds WordNet's twelve files ``index.*``, ``data.*`` and ``*.exc``.

    Args:
        folder: where it is, or the installation or NLTK data folder around it; ``None`` takes what ``WNSEARCHDIR`` names,
            else looks at ``WNHOME``, in NLTK's data folders, and where packages put it.

    Raises:
        KgError: it is not there; the message names the ways to get it.
    """
    if folder:
        return _given(folder, "")
    if named := os.environ.get("WNSEARCHDIR"):
        return _given(named, "WNSEARCHDIR: ")
    tried = list(dict.fromkeys(_candidates()))
    for place in tried:
        if not _missing(place):
            return place
    zipped = [f"{place}.zip is there: unzip it in its folder." for place in tried if Path(f"{place}.zip").is_file()]
    looked = f"WordNet is not found. Looked in {', '.join(map(str, tried))}."
    raise KgError("\n".join([looked, *zipped, WAYS]))


def _given(name: str | Path, source: str) -> Path:
    try:
        folder = locate(name)
    except KgError as error:
        raise KgError(f"{source}{error}\n{WAYS}") from error
    around = [folder, folder / "dict", *(folder / corpus for corpus in CORPORA)]
    found = next((place for place in around if not _missing(place)), None)
    if found is not None:
        return found
    there = ", ".join(sorted(file.name for file in folder.iterdir())[:10]) if folder.is_dir() else "a file, no folder"
    lacks = ", ".join(_missing(folder))
    raise KgError(f"{source}{folder} is not WordNet: it lacks {lacks}. Found there: {there or 'nothing'}.\n{WAYS}")


def _missing(folder: Path) -> list[str]:
    return [name for name in FILES if not (folder / name).is_file()]


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("WNHOME"):
        yield Path(home) / "dict"
    for folder in _nltk_folders():
        yield from (folder / corpus for corpus in CORPORA)
    yield from map(Path, PLACES)


def _nltk_folders() -> Iterator[Path]:
    """Where NLTK itself looks for data."""
    yield from (Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part)
    yield Path.home() / "nltk_data"
    yield from (Path(sys.prefix) / inside for inside in ("nltk_data", "share/nltk_data", "lib/nltk_data"))
    yield from (Path(f"/usr{inside}/nltk_data") for inside in ("/share", "/local/share", "/lib", "/local/lib"))
